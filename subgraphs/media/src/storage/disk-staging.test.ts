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

  const stagingWith = async (minFreeBytes: number) =>
    openDiskStaging(path.join(root, 'sessions'), await openLocalDiskStore(path.join(root, 'objects')), {
      minFreeBytes,
    });

  /** Begins an upload of a part of what is free, where another part has to stay so. */
  async function begin(part: number, toStay: number): Promise<void> {
    const staging = await stagingWith(free * toStay);
    await staging.begin(ID, Math.floor(free * part), null);
  }

  // Of what is free, others may take or give back a part meanwhile.
  it.each([
    [0.3, 0],
    [0.1, 0.4],
  ])('begins where the file and a copy of it have room: %d of the disk, and %d to stay free', async (part, toStay) => {
    await begin(part, toStay);
    expect(await readdir(path.join(root, 'sessions'))).toEqual([ID]);
  });

  it.each([
    [0.7, 0],
    [0.4, 0.4],
    [0.01, 1.2],
  ])('does not where a copy would have none: %d of the disk, and %d to stay free', async (part, toStay) => {
    await expect(begin(part, toStay)).rejects.toThrow(StorageError);
    expect(await readdir(path.join(root, 'sessions'))).toEqual([]);
  });

  it('keeps nobody out by what others have announced', async () => {
    const staging = await stagingWith(0);
    for (let index = 10; index < 20; index += 1)
      await staging.begin(`01890000-0000-7000-8000-0000000000${index}`, Math.floor(free * 0.3), null);
    await staging.begin(ID, 20_000_000, null);
    expect(await readdir(path.join(root, 'sessions'))).toHaveLength(11);
  });

  it('takes no more where the disk has filled up meanwhile, and goes on where it has room again', async () => {
    const roomy = await stagingWith(0);
    await roomy.begin(ID, 10, null);
    const send = (text: string) =>
      (async function* () {
        yield Buffer.from(text);
      })();
    expect(await roomy.append(ID, 0, send('12345'))).toBe(5);
    const full = await stagingWith(free * 1.2);
    await expect(full.append(ID, 5, send('67890'))).rejects.toThrow(StorageError);
    const upload = { id: ID, byteSize: 10, targetUrl: null };
    expect(await full.receivedBytes(upload as never)).toBe(5);
    expect(await roomy.append(ID, 5, send('67890'))).toBe(10);
  });

  it('looks again while bytes come', async () => {
    const store = await openLocalDiskStore(path.join(root, 'objects'));
    const asked: number[] = [];
    const room = {
      assertRoomFor: async (bytes: number) => {
        asked.push(bytes);
        if (asked.length > 3) throw new StorageError(new Error('full'));
      },
    };
    const staging = await openDiskStaging(path.join(root, 'sessions'), store, { minFreeBytes: 0, room });
    await staging.begin(ID, 100, null);
    const chunk = Buffer.alloc(1024 * 1024);
    const source = (async function* () {
      for (let sent = 0; sent < 100; sent += 1) yield chunk;
    })();
    await expect(staging.append(ID, 0, source)).rejects.toThrow(StorageError);
    expect(asked).toEqual([200, ...[1, 2, 3].map(() => 16 * chunk.length)]);
    expect(await staging.receivedBytes({ id: ID } as never)).toBe(32 * chunk.length);
  });
});
