import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FILM_SECRETS, testFilm } from '@taskgraph/testkit';
import { openLocalDiskStore } from '../../storage/local-disk-store.js';
import { StorageError, type ObjectStore } from '../../storage/object-store.js';
import { copyWithoutMetadata } from './copy-without-metadata.js';

describe('a copy for others than the uploader', () => {
  let root: string;
  let store: ObjectStore;
  beforeAll(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'taskgraph-copy-'));
    store = await openLocalDiskStore(root);
    await store.put('a/original', testFilm());
  });
  afterAll(async () => {
    await rm(root, { recursive: true });
  });

  const copy = (from: ObjectStore, key = 'a/original', signal = new AbortController().signal) =>
    copyWithoutMetadata(from, { from: key, to: 'a/full', mimeType: 'video/mp4' }, signal);
  /** Hands out the whole file as `change` has it. */
  const reading = (change: (whole: Readable) => Readable): ObjectStore => ({
    ...store,
    async openRead(key, range) {
      const found = await store.openRead(key, range);
      return found && !range ? change(found) : found;
    },
  });

  it('is none of what is not there', async () => {
    expect(await copy(store, 'b/original')).toBe(false);
    expect(await store.stat('a/full')).toBeNull();
  });

  it('is not there where it is cut off, by what is read or by who is to stop', async () => {
    const short = reading((whole) => Readable.from([testFilm().subarray(0, 9)]).once('end', () => whole.destroy()));
    await expect(copy(short)).rejects.toThrow(StorageError);
    const stop = new AbortController();
    let opened: Readable | undefined;
    const stopped = reading((whole) => {
      opened = whole;
      stop.abort();
      return whole;
    });
    await expect(copy(stopped, 'a/original', stop.signal)).rejects.toThrow();
    expect(opened?.destroyed).toBe(true);
    await expect(copy(store, 'a/original', stop.signal)).rejects.toThrow();
    expect(await store.stat('a/full')).toBeNull();
  });

  it('leaves no file open where it cannot be written', async () => {
    let opened: Readable | undefined;
    const full: ObjectStore = {
      ...reading((whole) => (opened = whole)),
      putStream: async () => {
        throw new StorageError(new Error('full'));
      },
    };
    await expect(copy(full)).rejects.toThrow('full');
    expect(opened?.destroyed).toBe(true);
  });

  it('is there, beside the file as it came', async () => {
    expect(await copy(store)).toBe(true);
    const read = async (key: string) => Buffer.concat((await (await store.openRead(key))?.toArray()) ?? []);
    expect((await read('a/original')).equals(testFilm())).toBe(true);
    const copied = await read('a/full');
    expect(copied).toHaveLength(testFilm().length);
    for (const secret of FILM_SECRETS) expect(copied.includes(secret)).toBe(false);
  });
});
