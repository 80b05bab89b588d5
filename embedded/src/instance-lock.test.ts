import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { dataDirOf, readJson, type DataDir } from './data-dir.js';
import { acquireInstanceLock } from './instance-lock.js';

describe('the lock of a data folder', () => {
  let dataDir: DataDir;

  beforeEach(async () => {
    dataDir = dataDirOf(await mkdtemp(path.join(tmpdir(), 'taskgraph-lock-')));
  });
  afterEach(async () => {
    await rm(dataDir.folder, { recursive: true, force: true });
  });

  it('is gone after its release, with every draft', async () => {
    const lock = await acquireInstanceLock(dataDir);
    expect(lock.takenOver).toBe(false);
    await lock.announce('http://127.0.0.1:3000/graphql');
    expect(await readJson(dataDir.instance)).toMatchObject({
      pid: process.pid,
      gatewayUrl: 'http://127.0.0.1:3000/graphql',
    });
    await lock.release();
    expect(await readdir(dataDir.folder)).toEqual([]);
  });

  it('of a process that runs is respected, and its address told', async () => {
    const other = { pid: process.ppid, processStart: null, gatewayUrl: 'http://127.0.0.1:4000/graphql' };
    await writeFile(dataDir.instance, JSON.stringify(other));
    await expect(acquireInstanceLock(dataDir)).rejects.toThrow(
      `process ${process.ppid}, http://127.0.0.1:4000/graphql`,
    );
    expect(await readJson(dataDir.instance)).toEqual(other);
  });

  it.each([
    ['a process that is gone', { pid: 2 ** 22 + 1, processStart: '1', gatewayUrl: null }],
    ['another process that got the same pid', { pid: process.ppid, processStart: '0', gatewayUrl: null }],
  ])('of %s is taken over', async (_case, stale) => {
    await writeFile(dataDir.instance, JSON.stringify(stale));
    const lock = await acquireInstanceLock(dataDir);
    expect(lock.takenOver).toBe(true);
    await lock.release();
  });

  it('that was half written is taken over', async () => {
    await writeFile(dataDir.instance, '{"pid":');
    const lock = await acquireInstanceLock(dataDir);
    expect(lock.takenOver).toBe(true);
    await lock.release();
  });
});
