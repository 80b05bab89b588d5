import { link, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { LaunchError } from './launch-error.js';
import type { DataDir } from './data-dir.js';

/** The process that runs on a data folder. */
interface Instance {
  readonly pid: number;
  /** Tells two processes apart that got the same pid one after the other; null where the system does not say. */
  readonly processStart: string | null;
  /** Where its gateway is, once it is there. */
  readonly gatewayUrl: string | null;
}

export interface InstanceLock {
  /** Whether the last run on this folder ended without tidying up. */
  readonly takenOver: boolean;
  /** Tells others where the gateway is. */
  announce(gatewayUrl: string): Promise<void>;
  release(): Promise<void>;
}

/** Makes this process the only one on a data folder. The lock of a process that is gone is taken over. @throws LaunchError */
export async function acquireInstanceLock({ instance: file, folder }: DataDir): Promise<InstanceLock> {
  const own: Instance = { pid: process.pid, processStart: await processStart(process.pid), gatewayUrl: null };
  let takenOver = false;
  while (!(await createExclusively(file, own))) {
    const other = await readInstance(file);
    if (other && (await runs(other))) {
      const where = other.gatewayUrl === null ? '' : `, ${other.gatewayUrl}`;
      throw new LaunchError(`Taskgraph already runs on ${folder} (process ${other.pid}${where}).`, [
        `Stop it with Ctrl-C in its terminal or with: kill ${other.pid}`,
        'To run a second one beside it: TASKGRAPH_DATA_DIR=.data2 GATEWAY_PORT=0 AUTH_PORT=0 TASK_PORT=0 MEDIA_PORT=0 npm start',
      ]);
    }
    await removeStale(file, other);
    takenOver = true;
  }
  return {
    takenOver,
    announce: (gatewayUrl) => replace(file, { ...own, gatewayUrl }),
    release: async () => {
      const current = await readInstance(file);
      if (current?.pid === process.pid) await rm(file, { force: true });
    },
  };
}

/** Fails when the file is there, and never leaves half of one. */
async function createExclusively(file: string, instance: Instance): Promise<boolean> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, JSON.stringify(instance), { mode: 0o644 });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}

async function replace(file: string, instance: Instance): Promise<void> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, JSON.stringify(instance), { mode: 0o644 });
  await rename(draft, file);
}

/**
 * Removes a stale lock, and no other: between the look and the removal another process may have put its own there, so
 * the file is moved aside, looked at again and put back if it is not the one that was meant.
 */
async function removeStale(file: string, stale: Instance | null): Promise<void> {
  const aside = `${file}.stale-${process.pid}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = await readInstance(aside);
  if (moved && (moved.pid !== stale?.pid || moved.processStart !== stale.processStart))
    await link(aside, file).catch(() => undefined);
  await unlink(aside);
}

/** Null when there is none, or none that can be read: it is stale then. */
async function readInstance(file: string): Promise<Instance | null> {
  try {
    const content = JSON.parse(await readFile(file, 'utf8')) as Instance;
    return Number.isInteger(content.pid) && content.pid > 0 ? content : null;
  } catch {
    return null;
  }
}

async function runs({ pid, processStart: start }: Instance): Promise<boolean> {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is alive and belongs to another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const current = await processStart(pid);
  return current === null || start === null || current === start;
}

/** The time of a process's start in clock ticks since boot, where /proc tells it. */
async function processStart(pid: number): Promise<string | null> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  if (status === null) return null;
  // proc(5): the program's name in parentheses may hold spaces; the start time is the 20th field after it.
  return status.slice(status.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}
