import { mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openDiskStaging } from './disk-staging.js';
import { openLocalDiskStore } from './local-disk-store.js';
import { StorageError } from './object-store.js';

const ID = '01890000-0000-7000-8000-000000000001';

describe('an upload in parts on a local disk', () => {
  let root: string;
  let free: number;
  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'taskgraph-staging-'));
    const { bavail, bsize } = await statfs(root);
    free = bavail * bsize;
  });
  afterEach(() => rm(root, { recursive: true }));

  /** Begins an upload of a part of what is free, where another part has to stay so, and one is announced for others. */
  async function begin(
    part: number,
    toStay: number,
    announced = 0,
    countBytes?: (folder: string) => Promise<number>,
  ): Promise<void> {
    const store = await openLocalDiskStore(path.join(root, 'objects'));
    const staging = await openDiskStaging(path.join(root, 'sessions'), store, {
      minFreeBytes: free * toStay,
      ...(countBytes && { countBytes }),
    });
    await staging.begin(ID, Math.floor(free * part), null, async () => Math.floor(free * announced));
  }

  // Of what is free, others may take or give back a part meanwhile.
  it.each([
    [0.3, 0],
    [0.1, 0.4],
    [0.1, 0.1, 0.1],
  ])('begins where the file and a copy of it have room: %d of the disk, and %d to stay free', async (...parts) => {
    await begin(...(parts as [number, number, number?]));
    expect(await readdir(path.join(root, 'sessions'))).toEqual([ID]);
  });

  it.each([
    [0.7, 0],
    [0.4, 0.4],
    [0.01, 1.2],
    [0.1, 0.1, 0.5],
  ])('does not where a copy would have none: %d of the disk, and %d to stay free', async (...parts) => {
    await expect(begin(...(parts as [number, number, number?]))).rejects.toThrow(StorageError);
    expect(await readdir(path.join(root, 'sessions'))).toEqual([]);
  });

  it('counts what has come of others only where that decides', async () => {
    let counted = 0;
    const count = (part: number) => async () => {
      counted += 1;
      return Math.floor(free * part);
    };
    await begin(0.1, 0, 0.1, count(0.1));
    expect(counted).toBe(0);
    await rm(path.join(root, 'sessions'), { recursive: true });
    await begin(0.1, 0.4, 0.3, count(0.3));
    expect(counted).toBe(1);
    await rm(path.join(root, 'sessions'), { recursive: true });
    await expect(begin(0.1, 0.4, 0.3, count(0))).rejects.toThrow(StorageError);
  });
});
