import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '@taskgraph/service-kit';

/** Where files are until they are known to be good: local files that never outlive their process. */
export interface Spool {
  /** A path for one upload. The caller removes what is there. */
  newPath(): string;
  remove(filePath: string): Promise<void>;
  /** Removes the spools of processes that died. Tells how many there were. */
  sweep(): Promise<number>;
  /** Removes the spool and everything in it. */
  close(): Promise<void>;
}

const SIGN_OF_LIFE_MS = 30_000;
const ABANDONED_AFTER_MS = 10 * SIGN_OF_LIFE_MS;

/**
 * Opens a spool for this process, which gives a sign of life from then on: a number of a process would be another's by and by, and is
 * in each container the same.
 */
export async function openSpool(root: string): Promise<Spool> {
  await makeFolder(root);
  const folder = path.join(root, randomUUID());
  await mkdir(folder);
  const signs = setInterval(() => {
    const now = new Date();
    void utimes(folder, now, now).catch(() => undefined);
  }, SIGN_OF_LIFE_MS).unref();
  return {
    newPath: () => path.join(folder, randomUUID()),
    remove: (filePath) => rm(filePath, { recursive: true, force: true }),
    async sweep() {
      let count = 0;
      for (const name of await readdir(root)) {
        const other = path.join(root, name);
        const found = await stat(other).catch(() => null);
        if (!found?.isDirectory() || other === folder || Date.now() - found.mtimeMs < ABANDONED_AFTER_MS) continue;
        await rm(other, { recursive: true, force: true });
        count += 1;
      }
      return count;
    },
    async close() {
      clearInterval(signs);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
