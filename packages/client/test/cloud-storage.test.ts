import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createCleanup, hasStorageEmulator, startStorageEmulator, type StorageEmulator } from '@taskgraph/testkit';
import { sendToCloudStorage } from '../src/uploads/cloud-storage.js';
import { uploadResumably } from '../src/uploads/resumable.js';

const GRANULE = 256 * 1024;
const bytes = randomBytes(3 * GRANULE + 77);
const file = new Blob([bytes]);

const withStorage = hasStorageEmulator() ? describe : describe.skip;

withStorage('an upload to Cloud Storage', () => {
  let emulator: StorageEmulator;
  beforeAll(async () => {
    emulator = await startStorageEmulator();
  }, 120_000);
  afterAll(async () => {
    await emulator?.[Symbol.asyncDispose]();
  });

  /** What `createUpload` does at the server. */
  async function create(name: string): Promise<{ id: string; url: string; protocol: string }> {
    const url = `${emulator.url}/upload/storage/v1/b/${emulator.bucket}/o?uploadType=resumable&name=${name}`;
    const response = await fetch(url, { method: 'POST', headers: { connection: 'close' } });
    await response.arrayBuffer();
    return { id: name, url: response.headers.get('location') ?? '', protocol: 'GCS_RESUMABLE' };
  }
  async function stored(name: string): Promise<Buffer> {
    const url = `${emulator.url}/storage/v1/b/${emulator.bucket}/o/${name}?alt=media`;
    return Buffer.from(await (await fetch(url, { headers: { connection: 'close' } })).arrayBuffer());
  }
  const headers = { connection: 'close' };

  it('sends a file part by part and tells how far it is', async () => {
    const told: Array<readonly [number, number]> = [];
    const completed = await uploadResumably(file, {
      create: () => create('parts'),
      complete: async (id) => id,
      headers,
      // A part is a multiple of what Cloud Storage takes.
      chunkBytes: GRANULE + 5,
      onProgress: (sent, total) => told.push([sent, total]),
    });
    expect((await stored(completed)).equals(bytes)).toBe(true);
    expect(told).toEqual([GRANULE, 2 * GRANULE, 3 * GRANULE, bytes.length].map((sent) => [sent, bytes.length]));
  });

  it.each([
    ['one part', bytes.subarray(0, 1_000)],
    ['whole parts and no more', bytes.subarray(0, 2 * GRANULE)],
    ['nothing', bytes.subarray(0, 0)],
  ])('sends a file of %s', async (name, content) => {
    const { url } = await create(encodeURIComponent(name));
    await sendToCloudStorage(new Blob([new Uint8Array(content)]), url, { headers, chunkBytes: GRANULE });
    expect((await stored(encodeURIComponent(name))).equals(content)).toBe(true);
  });
});

/** What Cloud Storage promises of a resumable upload, with interruptions at will: the emulator takes a question for the end. */
describe('an upload to Cloud Storage that is interrupted', () => {
  const own = createCleanup();
  let url: string;
  let received: Buffer;
  let ranges: string[];
  /** Takes the place of the answer to the request of that number. */
  let instead: Map<number, (request: IncomingMessage, response: ServerResponse) => void>;
  beforeEach(async () => {
    received = Buffer.alloc(0);
    ranges = [];
    instead = new Map();
    const server = createServer((request, response) => void answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    own.add(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
  });
  afterEach(() => own.run());

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, from, to, total] = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+)$/.exec(request.headers['content-range'] ?? '') ?? [];
    ranges.push(from === undefined ? '*' : `${Number(from) / GRANULE}`);
    const own = instead.get(ranges.length);
    if (own) return own(request, response);
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    if (from !== undefined && body.length !== Number(to) - Number(from) + 1) return void response.writeHead(400).end();
    // What is there already is ignored.
    if (from !== undefined) received = Buffer.concat([received, body.subarray(received.length - Number(from))]);
    if (received.length === Number(total)) return void response.writeHead(200).end('{}');
    response.writeHead(308, received.length > 0 ? { range: `bytes=0-${received.length - 1}` } : {}).end();
  }
  const send = (more: object = {}) =>
    sendToCloudStorage(file, url, { chunkBytes: GRANULE, retryDelaysMs: [0, 0], ...more });
  const cut = (request: IncomingMessage) => void request.socket.destroy();

  it('asks how much has arrived, and goes on after it', async () => {
    instead.set(2, cut);
    instead.set(5, (_request, response) => void response.writeHead(503).end());
    await send();
    expect(received.equals(bytes)).toBe(true);
    expect(ranges).toEqual(['0', '1', '*', '1', '2', '*', '2', '3']);
  });

  it('finds that all has arrived where only the answer was lost', async () => {
    instead.set(4, (request) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        received = Buffer.concat([received, ...parts]);
        request.socket.destroy();
      });
    });
    const told: number[] = [];
    await send({ onProgress: (sent: number) => told.push(sent) });
    expect([ranges, told.at(-1)]).toEqual([['0', '1', '2', '3', '*'], bytes.length]);
  });

  it('goes on, after the page was closed, where it stands', async () => {
    received = bytes.subarray(0, 2 * GRANULE);
    await send();
    expect(received.equals(bytes)).toBe(true);
    expect(ranges).toEqual(['0', '2', '3']);
  });

  it('gives up after all its tries, and at once where it is refused', async () => {
    for (let number = 1; number <= 3; number += 1) instead.set(number, cut);
    await expect(send()).rejects.toThrow();
    expect(ranges).toEqual(['0', '*', '*']);
    ranges = [];
    instead = new Map([[1, (_request, response) => void response.writeHead(410).end()]]);
    await expect(send()).rejects.toThrow('Cloud Storage answers 410.');
    expect(ranges).toEqual(['0']);
  });

  it('ends when it is aborted, and keeps what has arrived', async () => {
    const abort = new AbortController();
    const onProgress = (sent: number) => {
      if (sent >= 2 * GRANULE) abort.abort(new Error('enough'));
    };
    await expect(send({ onProgress, signal: abort.signal })).rejects.toThrow('enough');
    expect(received.length).toBe(2 * GRANULE);
  });
});
