import { statfsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { checkDiskSpace, tellDiskSpace, type WatchedDisk } from './disk-space.js';
import { createMetrics } from './metrics.js';

/** A file system of the kernel that never has room. */
const FULL = '/proc';
const onLinux = process.platform === 'linux' ? it : it.skip;

describe('checkDiskSpace', () => {
  it('has nothing to say where there is as much room as there has to be', async () => {
    expect(await checkDiskSpace(tmpdir(), 1)).toBeUndefined();
  });

  it('tells how much is free, and how much has to be', async () => {
    const lack = await checkDiskSpace(tmpdir(), Number.MAX_SAFE_INTEGER);
    expect(lack?.degraded).toMatch(
      /^\d+ bytes are free where .* is, less than 9007199254740991 \(MIN_FREE_DISK_BYTES\)$/,
    );
  });

  onLinux('calls a full disk degraded, with the least that can be set', async () => {
    expect(statfsSync(FULL).bavail).toBe(0);
    expect((await checkDiskSpace(FULL, 1))?.degraded).toContain(`0 bytes are free where ${FULL} is`);
  });

  it('fails where there is no such folder', async () => {
    await expect(checkDiskSpace(path.join(tmpdir(), 'no-such-folder'), 1)).rejects.toThrow('ENOENT');
  });
});

describe('tellDiskSpace', () => {
  const samples = async (disk: Partial<WatchedDisk>) => {
    const metrics = createMetrics('media');
    tellDiskSpace(metrics, { use: 'files', folder: tmpdir(), minFreeBytes: 7, ...disk });
    return async () =>
      Object.fromEntries(
        [
          ...(await metrics.registry.metrics()).matchAll(
            /^taskgraph_disk_(\w+)\{use="files",service="media"\} (\d+)/gm,
          ),
        ].map(([, name = '', value]) => [name, Number(value)]),
      );
  };

  it('tells what is free, of how much, and what has to stay free', async () => {
    const { free_bytes: free = 0, size_bytes: size = 0, ...others } = await (await samples({}))();
    const { blocks, bsize } = statfsSync(tmpdir());
    expect(size).toBe(blocks * bsize);
    expect(free).toBeGreaterThan(0);
    expect(free).toBeLessThanOrEqual(size);
    expect(others).toEqual({ min_free_bytes: 7 });
  });

  it('has no series of a folder that is gone', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-disk-'));
    const scrape = await samples({ folder });
    expect(Object.keys(await scrape())).toHaveLength(3);
    await rm(folder, { recursive: true });
    expect(await scrape()).toEqual({ min_free_bytes: 7 });
  });

  it('does not wait for a disk that hangs, and asks it once however often it is scraped', async () => {
    let looks = 0;
    let answer: (room: { freeBytes: number; sizeBytes: number }) => void = () => undefined;
    const look = () => {
      looks += 1;
      return new Promise<{ freeBytes: number; sizeBytes: number }>((resolve) => (answer = resolve));
    };
    const scrape = await samples({ look, scrapeWaitMs: 1 });
    expect(await scrape()).toEqual({ min_free_bytes: 7 });
    expect(await scrape()).toEqual({ min_free_bytes: 7 });
    expect(looks).toBe(1);
    answer({ freeBytes: 20, sizeBytes: 30 });
    const other = await samples({ look: async () => ({ freeBytes: 20, sizeBytes: 30 }) });
    expect(await other()).toEqual({ free_bytes: 20, size_bytes: 30, min_free_bytes: 7 });
  });
});
