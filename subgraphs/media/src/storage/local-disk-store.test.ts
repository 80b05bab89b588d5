import { existsSync } from 'node:fs';
import { mkdtemp, open, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { openLocalDiskStore } from './local-disk-store.js';
import type { ObjectStore } from './object-store.js';

interface Synced {
  readonly inode: number;
  readonly byteSize: number;
  /** Whether somebody could read the object when that was synced. */
  readonly isVisible: boolean;
}

const CONTENT = Buffer.from('0123456789');

describe('a store on a local disk', () => {
  let root: string;
  let target: string;
  let synced: Synced[];
  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'taskgraph-synced-'));
    target = path.join(root, 'objects/ab/original');
    synced = [];
    const handle = await open(root, 'r');
    const prototype = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    const { sync } = prototype as { sync: (this: FileHandle) => Promise<void> };
    jest.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
      const { ino, size } = await this.stat();
      const isVisible = existsSync(target);
      await sync.call(this);
      synced.push({ inode: ino, byteSize: size, isVisible });
    });
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await rm(root, { recursive: true });
  });

  const waysToPut: ReadonlyArray<readonly [string, (store: ObjectStore) => Promise<void>]> = [
    ['bytes', (store) => store.put('ab/original', CONTENT)],
    [
      'a stream',
      (store) =>
        store.putStream(
          'ab/original',
          (async function* () {
            yield CONTENT.subarray(0, 4);
            yield CONTENT.subarray(4);
          })(),
        ),
    ],
    [
      'a file',
      async (store) => {
        const file = path.join(root, 'made');
        await writeFile(file, CONTENT);
        await store.putFile('ab/original', file);
      },
    ],
  ];

  it.each(waysToPut)(
    'syncs %s before it can be read, then the folders that name it, and then tells',
    async (_what, put) => {
      const store = await openLocalDiskStore(path.join(root, 'objects'));
      synced.length = 0;
      await put(store);
      const inodeOf = async (file: string) => (await stat(file)).ino;
      expect(synced).toEqual([
        { inode: await inodeOf(target), byteSize: CONTENT.length, isVisible: false },
        { inode: await inodeOf(path.dirname(target)), byteSize: expect.any(Number), isVisible: true },
        { inode: await inodeOf(path.join(root, 'objects')), byteSize: expect.any(Number), isVisible: true },
      ]);
    },
  );
});
