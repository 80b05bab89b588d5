import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hasStorageEmulator, startStorageEmulator, type StorageEmulator } from '@taskgraph/testkit';
import { openCloudStorageStore } from '../src/storage/cloud-storage-store.js';
import { openLocalDiskStore } from '../src/storage/local-disk-store.js';
import { StorageError, type ObjectStore } from '../src/storage/object-store.js';

const MIB = 1024 * 1024;

/** A store, and how the world around it breaks and mends it. */
interface Place {
  readonly store: ObjectStore;
  /** The same objects, seen by another process. */
  readonly another: ObjectStore;
  breakDown(): Promise<void>;
  end(): Promise<void>;
}

async function onDisk(): Promise<Place> {
  const root = await mkdtemp(path.join(tmpdir(), 'taskgraph-store-'));
  const objects = path.join(root, 'objects');
  return {
    store: await openLocalDiskStore(objects),
    another: await openLocalDiskStore(objects),
    async breakDown() {
      await rm(objects, { recursive: true });
      await writeFile(objects, 'in the way');
    },
    end: () => rm(root, { recursive: true }),
  };
}

async function inTheCloud(): Promise<Place> {
  const emulator: StorageEmulator = await startStorageEmulator();
  const open = () => openCloudStorageStore({ bucket: emulator.bucket, emulatorHost: emulator.url, maxRetries: 0 });
  return {
    store: open(),
    another: open(),
    breakDown: () => emulator.stop(),
    end: async () => emulator[Symbol.asyncDispose](),
  };
}

const cloud = hasStorageEmulator() ? describe : describe.skip;

describe('on a local disk', () => {
  keepsObjects(onDisk);

  it('leaves no file behind that is no object', async () => {
    const root = await mkdtemp(path.join(tmpdir(), 'taskgraph-store-'));
    try {
      const store = await openLocalDiskStore(root);
      await store.put('a/b', Buffer.from('x'));
      await store.put('a/b', Buffer.from('y'));
      expect((await readdir(root, { recursive: true })).sort()).toEqual(['a', 'a/b']);
      // What is in the way of a folder is no place for one below it.
      await expect(store.put('a/b/c', Buffer.from('z'))).rejects.toThrow(StorageError);
      expect((await readdir(root, { recursive: true })).sort()).toEqual(['a', 'a/b']);
    } finally {
      await rm(root, { recursive: true });
    }
  });

  it('writes an object where whoever deletes its prefix deletes what a crash leaves of it', async () => {
    const root = await mkdtemp(path.join(tmpdir(), 'taskgraph-store-'));
    try {
      const store = await openLocalDiskStore(root);
      let written = false;
      const writing = store.put('a/b', Buffer.alloc(64 * MIB)).finally(() => (written = true));
      const seen = new Set<string>();
      while (!written) for (const name of await readdir(root)) seen.add(name);
      await writing;
      expect([...seen]).toEqual(['a']);
    } finally {
      await rm(root, { recursive: true });
    }
  });
});

cloud('in Cloud Storage', () => {
  keepsObjects(inTheCloud);

  it('does not take a bucket that is not there for an empty one', async () => {
    await using emulator = await startStorageEmulator();
    const store = openCloudStorageStore({ bucket: 'no-such-bucket', emulatorHost: emulator.url, maxRetries: 0 });
    await expect(store.check()).rejects.toThrow(StorageError);
    await expect(store.put('a/b', Buffer.from('x'))).rejects.toThrow(StorageError);
  });
});

/** What every store does. */
function keepsObjects(open: () => Promise<Place>): void {
  let place: Place;
  let store: ObjectStore;
  let folder: string;
  beforeAll(async () => {
    place = await open();
    ({ store } = place);
    folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-local-'));
  });
  afterAll(async () => {
    await place.end();
    await rm(folder, { recursive: true });
  });

  const read = async (from: ObjectStore, key: string, range?: { start: number; end: number }) => {
    const stream = await from.openRead(key, range);
    return stream && (await buffer(stream));
  };
  const localFile = async (bytes: Uint8Array) => {
    const file = path.join(folder, 'local');
    await writeFile(file, bytes);
    return file;
  };

  it.each([
    ['nothing', 0],
    ['a few bytes', 10],
    ['more than goes out in one request', 9 * MIB],
  ])('gives back %s, to another process too', async (_what, size) => {
    const bytes = Buffer.alloc(size, 'abcdefg');
    await store.put('put/object', bytes);
    expect((await read(store, 'put/object'))?.equals(bytes)).toBe(true);
    expect((await read(place.another, 'put/object'))?.equals(bytes)).toBe(true);
    expect(await place.another.stat('put/object')).toEqual({ byteSize: size });
  });

  it('takes a local file over', async () => {
    const bytes = Buffer.alloc(9 * MIB, 'file');
    const file = await localFile(bytes);
    await store.putFile('file/original', file);
    expect((await read(place.another, 'file/original'))?.equals(bytes)).toBe(true);
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('takes a stream', async () => {
    const chunk = Buffer.alloc(MIB, 'stream');
    await store.putStream(
      'stream/object',
      (async function* () {
        for (let index = 0; index < 20; index += 1) yield chunk;
      })(),
    );
    expect(await place.another.stat('stream/object')).toEqual({ byteSize: 20 * MIB });
    expect((await read(store, 'stream/object', { start: 19 * MIB, end: 19 * MIB + 11 }))?.toString()).toBe(
      'streamstream',
    );
  });

  it.each([0, 1, 20])('has nothing of a stream that ends with an error after %d MiB', async (count) => {
    const source = async function* () {
      for (let index = 0; index < count; index += 1) yield Buffer.alloc(MIB);
      throw new Error('the client is gone');
    };
    await expect(store.putStream(`cut/object-${count}`, source())).rejects.toThrow('the client is gone');
    expect(await place.another.stat(`cut/object-${count}`)).toBeNull();
    expect(await store.sweepUnfinished(new Date(Date.now() + 60_000))).toBe(0);
  });

  it('lists what there is', async () => {
    await store.deleteAll('list/');
    for (const key of ['list/a', 'list/b/c']) await store.put(key, Buffer.from(key));
    const listed = new Map<string, Date>();
    for await (const { key, writtenAt } of place.another.list()) listed.set(key, writtenAt);
    expect([...listed.keys()].filter((key) => key.startsWith('list/')).sort()).toEqual(['list/a', 'list/b/c']);
    expect(Date.now() - (listed.get('list/a')?.getTime() ?? 0)).toBeLessThan(10 * 60_000);
  });

  it('reads parts', async () => {
    await store.put('part/object', Buffer.from('0123456789'));
    expect((await read(store, 'part/object', { start: 0, end: 0 }))?.toString()).toBe('0');
    expect((await read(store, 'part/object', { start: 3, end: 6 }))?.toString()).toBe('3456');
    expect((await read(store, 'part/object', { start: 9, end: 9 }))?.toString()).toBe('9');
  });

  it('lets a reader stop in the middle', async () => {
    await store.put('left/object', Buffer.alloc(9 * MIB));
    const stream = await store.openRead('left/object');
    const closed = new Promise((resolve) => stream?.once('close', resolve));
    stream?.once('data', () => stream.destroy());
    await closed;
  });

  it('has the last of what was written to a key', async () => {
    await store.put('twice/object', Buffer.from('first'));
    await store.put('twice/object', Buffer.from('second'));
    expect((await read(place.another, 'twice/object'))?.toString()).toBe('second');
  });

  it('knows what is not there', async () => {
    expect(await store.openRead('no/object')).toBeNull();
    expect(await store.openRead('no/object', { start: 0, end: 9 })).toBeNull();
    expect(await store.stat('no/object')).toBeNull();
    // Others lie below it.
    expect(await store.stat('put')).toBeNull();
    expect(await store.openRead('put')).toBeNull();
    await store.deleteAll('no/');
  });

  it('deletes what is under a prefix, and nothing beside it', async () => {
    for (const key of ['gone/a', 'gone/b/c', 'gone-not/a']) await store.put(key, Buffer.from(key));
    await store.deleteAll('gone/');
    expect(await store.stat('gone/a')).toBeNull();
    expect(await place.another.stat('gone/b/c')).toBeNull();
    expect(await store.stat('gone-not/a')).toEqual({ byteSize: 10 });
  });

  it.each(['', '/', '../a', 'a/../b', 'a//b', 'A', 'a/', '.a', 'a\0'])('takes %j for no key', async (key) => {
    await expect(store.put(key, Buffer.from('x'))).rejects.toThrow('not a key');
    await expect(store.openRead(key)).rejects.toThrow('not a key');
    await expect(store.stat(key)).rejects.toThrow('not a key');
  });

  it.each(['', '/', 'a', '../', 'a/../', './'])('takes %j for no prefix', async (prefix) => {
    await expect(store.deleteAll(prefix)).rejects.toThrow('not a prefix');
  });

  it('says that it works', async () => {
    await store.check();
  });

  it('says what it cannot do when it is broken', async () => {
    await place.breakDown();
    await expect(store.check()).rejects.toThrow(StorageError);
    await expect(store.put('broken/object', Buffer.from('x'))).rejects.toThrow(StorageError);
    const file = await localFile(Buffer.from('x'));
    await expect(store.putFile('broken/object', file)).rejects.toThrow(StorageError);
    // It can be tried again.
    expect(await readFile(file, 'utf8')).toBe('x');
  });
}
