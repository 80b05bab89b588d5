import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { createUploadSpool } from './upload-spool.js';

async function* chunks(...sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (const [index, size] of sizes.entries()) yield Buffer.alloc(size, index + 1);
}

const whole = (sizes: readonly number[]) => Buffer.concat(sizes.map((size, index) => Buffer.alloc(size, index + 1)));

describe('the spool of uploads', () => {
  it('gives each reader the whole file, whenever it reads, and leaves nothing in its folder', async () => {
    const parent = await mkdtemp(path.join(tmpdir(), 'taskgraph-spool-'));
    const spool = createUploadSpool({ folder: path.join(parent, 'new'), maxBytes: 1_000_000 });
    const sizes = [1, 70_000, 0, 200_000];
    const file = await spool.keep(chunks(...sizes));
    expect(await readdir(path.join(parent, 'new'))).toEqual([]);
    expect(spool.bytes()).toBe(270_001);
    const early = file.createReadStream();
    expect(await Promise.all([buffer(early), buffer(file.createReadStream())])).toEqual([whole(sizes), whole(sizes)]);
    const late = file.createReadStream();
    await file.discard();
    await file.discard();
    expect(spool.bytes()).toBe(0);
    await expect(buffer(late)).rejects.toThrow();
    const empty = await spool.keep(chunks());
    expect(await buffer(empty.createReadStream())).toEqual(Buffer.alloc(0));
    await empty.discard();
    await rm(parent, { recursive: true });
  });

  it('has room for so much, and gets it back from what is not taken', async () => {
    const spool = createUploadSpool({ folder: tmpdir(), maxBytes: 100 });
    const file = await spool.keep(chunks(60));
    await expect(spool.keep(chunks(30, 20))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'OVERLOADED',
      details: { retryAfter: 5 },
    });
    expect(spool.bytes()).toBe(60);
    const cut = (async function* () {
      yield Buffer.alloc(10);
      throw new Error('cut off');
    })();
    await expect(spool.keep(cut)).rejects.toThrow('cut off');
    expect(spool.bytes()).toBe(60);
    const other = await spool.keep(chunks(40));
    await file.discard();
    await other.discard();
    expect(spool.bytes()).toBe(0);
  });

  it('says so where its folder cannot be written to', async () => {
    const spool = createUploadSpool({ folder: '/dev/null/none', maxBytes: 100 });
    await expect(spool.keep(chunks(1))).rejects.toMatchObject({ code: 'UNAVAILABLE', reason: 'STORAGE_UNAVAILABLE' });
    expect(spool.bytes()).toBe(0);
  });
});
