import { statfs } from 'node:fs/promises';
import type { Degraded } from './health.js';
import type { Metrics } from './metrics.js';

/** For which a scrape waits: a disk that hangs must not keep all other metrics from being told. */
const SCRAPE_WAIT_MS = 1_000;

interface Room {
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** As it is for a process without rights of root. */
async function roomOf(folder: string): Promise<Room> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
}

/**
 * Looks whether there is room left where a folder is.
 *
 * @throws when the folder is not there
 */
export async function checkDiskSpace(folder: string, minFreeBytes: number): Promise<Degraded | void> {
  const { freeBytes } = await roomOf(folder);
  if (freeBytes < minFreeBytes)
    return {
      degraded: `${freeBytes} bytes are free where ${folder} is, less than ${minFreeBytes} (MIN_FREE_DISK_BYTES)`,
    };
}

export interface WatchedDisk {
  /** What the folder is for: a label. */
  readonly use: 'files' | 'upload spool';
  readonly folder: string;
  /** With less, its guard refuses what would take room. */
  readonly minFreeBytes: number;
  /** Milliseconds. */
  readonly scrapeWaitMs?: number;
  readonly look?: (folder: string) => Promise<Room>;
}

/**
 * Tells, with each scrape, how much room there is where a folder is, and of how much. A disk is asked by one at a time, so that scrapes of
 * one that hangs do not take all threads; it has no series while it does not answer or is not there.
 */
export function tellDiskSpace(
  metrics: Metrics,
  { use, folder, minFreeBytes, scrapeWaitMs = SCRAPE_WAIT_MS, look = roomOf }: WatchedDisk,
): void {
  const free = metrics.gauge(
    'taskgraph_disk_free_bytes',
    'Room left on a disk, by what is kept there.',
    ['use'],
    'max',
  );
  const size = metrics.gauge('taskgraph_disk_size_bytes', 'Size of a disk, by what is kept there.', ['use'], 'max');
  metrics
    .gauge('taskgraph_disk_min_free_bytes', 'Room below which the guard of a disk refuses uploads.', ['use'], 'max')
    .set({ use }, minFreeBytes);
  let underWay: Promise<Room | null> | null = null;
  const ask = () =>
    (underWay ??= look(folder)
      .catch(() => null)
      .finally(() => (underWay = null)));
  const tell = async () => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => (timer = setTimeout(resolve, scrapeWaitMs, null)));
    const room = await Promise.race([ask(), late]);
    clearTimeout(timer);
    if (room) {
      free.set({ use }, room.freeBytes);
      size.set({ use }, room.sizeBytes);
    } else for (const gauge of [free, size]) gauge.remove({ use });
  };
  // Both are of one look: whichever is asked first.
  let telling: Promise<void> | null = null;
  const collect = () => (telling ??= tell().finally(() => (telling = null)));
  for (const gauge of [free, size]) (gauge as unknown as { collect: () => Promise<void> }).collect = collect;
}
