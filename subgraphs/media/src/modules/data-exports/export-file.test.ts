import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MediaTx } from '../../db.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { ExportTooLarge, writeExportFile } from './export-file.js';

describe('the file of an export', () => {
  let folder: string;
  let count = 0;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-export-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const pictures = [{ id: 'some-id', filename: 'picture.png' }];
  const nothing = () => Promise.resolve(null);

  interface Given {
    readonly openRead?: () => Promise<Readable | null>;
    readonly readPart?: () => Promise<never>;
    readonly readMedia?: () => Promise<unknown[]>;
    readonly maxBytes?: number;
    readonly signal?: AbortSignal;
  }

  function write({ openRead = nothing, readPart, readMedia, maxBytes = 1_000_000, signal }: Given): Promise<void> {
    const parts = readPart ? [{ source: 'auth', file: 'account' }] : [];
    const tx = {
      dataExportPart: { findMany: () => Promise.resolve(parts), findFirst: readPart },
      mediaItem: { findMany: readMedia ?? (() => Promise.resolve(pictures)) },
      uploadSession: { findMany: () => Promise.resolve([]) },
    } as unknown as MediaTx;
    return writeExportFile(tx, {
      exportId: 'export',
      userId: 'user',
      store: { openRead } as unknown as ObjectStore,
      path: path.join(folder, String((count += 1))),
      maxBytes,
      signal: signal ?? new AbortController().signal,
    });
  }

  it('fails where an entry fails while names are still read', async () => {
    let hasFailed = false;
    const failed = write({
      readPart() {
        hasFailed = true;
        return Promise.reject(new Error('broken'));
      },
      async readMedia() {
        while (!hasFailed) await turn();
        for (let turns = 0; turns < 20; turns += 1) await turn();
        return pictures;
      },
    });
    await expect(failed).rejects.toThrow('broken');
  });

  it('fails where names cannot be read, or a file cannot', async () => {
    const broken = () => Promise.reject(new Error('broken'));
    await expect(write({ readMedia: broken })).rejects.toThrow('broken');
    await expect(write({ openRead: broken })).rejects.toThrow('broken');
    const breaking = () =>
      new Readable({
        read() {
          this.destroy(new Error('broken'));
        },
      });
    await expect(write({ openRead: () => Promise.resolve(breaking()) })).rejects.toThrow('broken');
  });

  it('leaves no file open that was not read to its end', async () => {
    const given: Readable[] = [];
    const endless = (whenOpen: () => void) => () => {
      const stream = new Readable({
        read() {
          setImmediate(() => this.push(Buffer.alloc(1_000)));
        },
      });
      given.push(stream);
      whenOpen();
      return Promise.resolve(stream);
    };
    await expect(write({ openRead: endless(() => undefined), maxBytes: 50_000 })).rejects.toThrow(ExportTooLarge);
    for (const abort of [
      (stop: AbortController) => stop.abort(),
      (stop: AbortController) => setImmediate(() => stop.abort()),
    ]) {
      const stop = new AbortController();
      const openRead = endless(() => abort(stop));
      await expect(write({ openRead, signal: stop.signal })).rejects.toThrow('aborted');
    }
    expect(given).toHaveLength(3);
    for (const stream of given) while (!stream.closed) await turn();
  });
});
