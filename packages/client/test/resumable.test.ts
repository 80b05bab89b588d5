import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createCleanup } from '@taskgraph/testkit';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import { uploadResumably } from '../src/uploads/resumable.js';
import { sendByTus } from '../src/uploads/tus.js';

const CHUNK = 64 * 1024;
const bytes = randomBytes(5 * CHUNK + 123);
const file = new Blob([bytes]);

describe('an upload by tus', () => {
  const own = createCleanup();
  let folder: string;
  let origin: string;
  /** The offsets from which bytes were sent. */
  let offsets: number[];
  /** Requests with bytes that are cut off before they have an answer. */
  let broken: Set<number>;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'tus-'));
    offsets = [];
    broken = new Set();
    const tus = new Server({ path: '/files', datastore: new FileStore({ directory: folder }) });
    const server = createServer((request, response) => {
      if (request.method === 'PATCH') {
        offsets.push(Number(request.headers['upload-offset']));
        if (broken.has(offsets.length)) return void request.socket.destroy();
      }
      void tus.handle(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    own.add(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    });
  });
  afterEach(() => own.run());

  /** What `createUpload` does at the server. */
  async function create(): Promise<{ id: string; url: string }> {
    const headers = { 'tus-resumable': '1.0.0', 'upload-length': String(bytes.length) };
    const response = await fetch(`${origin}/files`, { method: 'POST', headers });
    const url = new URL(response.headers.get('location') ?? '', origin).href;
    return { id: path.basename(url), url };
  }
  const stored = (id: string) => readFile(path.join(folder, id));

  it('sends a file part by part and tells how far it is', async () => {
    const told: Array<readonly [number, number]> = [];
    const completed = await uploadResumably(file, {
      create,
      complete: async (id) => id,
      chunkBytes: CHUNK,
      onProgress: (sent, total) => told.push([sent, total]),
    });
    expect((await stored(completed)).equals(bytes)).toBe(true);
    expect(offsets).toEqual([0, 1, 2, 3, 4, 5].map((part) => part * CHUNK));
    expect(told.at(-1)).toEqual([bytes.length, bytes.length]);
    expect(told.map(([sent]) => sent)).toEqual(told.map(([sent]) => sent).sort((left, right) => left - right));
  });

  it('goes on after what has arrived when the connection breaks', async () => {
    broken.add(3);
    const { id, url } = await create();
    await sendByTus(file, url, { chunkBytes: CHUNK, retryDelaysMs: [0] });
    expect((await stored(id)).equals(bytes)).toBe(true);
    expect(offsets).toEqual([0, 1, 2, 2, 3, 4, 5].map((part) => part * CHUNK));
  });

  it('ends when it is aborted, and a later try goes on after what has arrived', async () => {
    const { id, url } = await create();
    const abort = new AbortController();
    const stop = (sent: number) => {
      if (sent >= 2 * CHUNK) abort.abort(new Error('enough'));
    };
    const options = { chunkBytes: CHUNK, signal: abort.signal, onProgress: stop };
    await expect(sendByTus(file, url, options)).rejects.toThrow('enough');
    await expect(sendByTus(file, url, options)).rejects.toThrow('enough');
    offsets.length = 0;
    await sendByTus(file, url, { chunkBytes: CHUNK });
    expect(offsets[0]).toBeGreaterThanOrEqual(CHUNK);
    expect((await stored(id)).equals(bytes)).toBe(true);
  });

  it('fails where the server knows no such upload, and completes nothing', async () => {
    let isCompleted = false;
    const upload = uploadResumably(file, {
      create: async () => ({ id: 'gone', url: `${origin}/files/gone` }),
      complete: async () => (isCompleted = true),
      retryDelaysMs: [],
    });
    await expect(upload).rejects.toThrow();
    expect(isCompleted).toBe(false);
  });
});
