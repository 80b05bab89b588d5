import { statfs } from 'node:fs/promises';
import type { Degraded } from './health.js';

/**
 * Looks whether there is room left where a folder is.
 *
 * @throws when the folder is not there
 */
export async function checkDiskSpace(folder: string, minFreeBytes: number): Promise<Degraded | void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free < minFreeBytes)
    return { degraded: `${free} bytes are free where ${folder} is, less than ${minFreeBytes} (MIN_FREE_DISK_BYTES)` };
}
