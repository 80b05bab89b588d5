import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '@taskgraph/service-kit';

/** Where uploads wait until they are known to be good: local files that never outlive their process. */
export interface Spool {
  /** A path for one upload. The caller removes the file, or hands it over. */
  newPath(): string;
  remove(filePath: string): Promise<void>;
  /** Removes the spool and everything in it. */
  close(): Promise<void>;
}

const FOLDER_PATTERN = /^(\d+)-/;

/** Opens a spool for this process and removes those of processes that died. */
export async function openSpool(root: string): Promise<Spool> {
  await makeFolder(root);
  await removeAbandoned(root);
  const folder = path.join(root, `${process.pid}-${randomUUID()}`);
  await mkdir(folder);
  return {
    newPath: () => path.join(folder, randomUUID()),
    remove: (filePath) => rm(filePath, { force: true }),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

async function removeAbandoned(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const pid = Number(FOLDER_PATTERN.exec(name)?.[1]);
    if (Number.isInteger(pid) && pid !== process.pid && !isAlive(pid)) {
      await rm(path.join(root, name), { recursive: true, force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: there is such a process, but it is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
