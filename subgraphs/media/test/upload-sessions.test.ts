import { readdir } from 'node:fs/promises';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  buildViewer,
  expectData,
  expectErrorCode,
  hasStorageEmulator,
  scriptedSvg,
  smallPng,
  startStorageEmulator,
  sumOfMetric,
  type StorageEmulator,
  type TestViewer,
} from '@taskgraph/testkit';
import { askReceivedBytes } from '../src/storage/cloud-staging.js';
import { startMediaGraph, type MediaGraph } from './media-graph.js';
import {
  COMPLETE,
  CREATE,
  ORIGIN,
  complete,
  create,
  patch,
  scrape,
  sha256,
  tus,
  withChangedSignature,
} from './upload-requests.js';

describe('an upload in many requests', () => {
  let graph: MediaGraph;
  let png: Buffer;
  beforeAll(async () => {
    graph = await startMediaGraph({ CORS_ORIGINS: ORIGIN });
    png = await smallPng();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const staged = () => readdir(path.join(graph.dataDir, 'media', 'sessions'));

  it('is interrupted, goes on at another process, and becomes one media item however often it is completed', async () => {
    const ada = buildViewer();
    const upload = await create(graph, ada, png, { sha256: sha256(png).toUpperCase(), altText: ' A lake ' });
    expect(upload).toMatchObject({ protocol: 'TUS' });
    const half = Math.floor(png.length / 2);
    expect((await patch(upload.url, 0, png.subarray(0, half))).status).toBe(204);
    expect(await complete(graph, ada, upload.id)).toMatchObject({
      __typename: 'UploadIncompleteProblem',
      receivedBytes: half,
      byteSize: png.length,
    });

    await using other = await graph.restart();
    const url = upload.url.replace(graph.url, other.url);
    const head = await tus('HEAD', url);
    expect({ status: head.status, ...Object.fromEntries(head.headers) }).toMatchObject({
      status: 200,
      'upload-offset': String(half),
      'upload-length': String(png.length),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    const last = await patch(url, half, png.subarray(half));
    expect([last.status, last.headers.get('upload-offset')]).toEqual([204, String(png.length)]);

    const both = await Promise.all([complete(graph, ada, upload.id), complete(other, ada, upload.id)]);
    for (const completed of [...both, await complete(graph, ada, upload.id)])
      expect(completed).toMatchObject({
        __typename: 'UploadMediaSuccess',
        media: { id: upload.id, filename: 'lake.png', mimeType: 'image/png', byteSize: png.length, status: 'READY' },
      });
    expect(await graph.pool.query('SELECT 1 FROM media_items WHERE id = $1', [upload.id])).toMatchObject({
      rowCount: 1,
    });
    expect(await staged()).not.toContain(upload.id);
    expect((await tus('HEAD', upload.url)).status).toBe(404);
    const [mine, others] = [await scrape(graph.url), await scrape(other.url)];
    // Which of the two has completed it is chance.
    const completed = (text: string) => sumOfMetric(text, 'taskgraph_media_upload_sessions_total', { outcome: 'ok' });
    expect([completed(mine), completed(others)].sort()).toEqual([0, 1]);
    expect(sumOfMetric(mine, 'taskgraph_media_session_received_bytes_total')).toBe(half);
    expect(sumOfMetric(others, 'taskgraph_media_session_received_bytes_total')).toBe(png.length - half);
  });

  it('is counted among what is under way while a part of it comes', async () => {
    const upload = await create(graph, buildViewer(), png);
    const underWay = async () => sumOfMetric(await scrape(graph.url), 'taskgraph_media_session_requests_active');
    expect(await underWay()).toBe(0);
    const request = httpRequest(upload.url, {
      method: 'PATCH',
      headers: {
        'tus-resumable': '1.0.0',
        'upload-offset': '0',
        'content-type': 'application/offset+octet-stream',
        'content-length': String(png.length),
      },
    });
    request.on('error', () => undefined);
    request.write(png.subarray(0, 10));
    while ((await underWay()) === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    request.destroy();
    while ((await underWay()) !== 0) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it('takes no request that is not of its user, its place or its protocol', async () => {
    const ada = buildViewer();
    const upload = await create(graph, ada, png);
    const elsewhere = await create(graph, buildViewer(), png);
    const body = png.subarray(0, 10);
    const [, query = ''] = upload.url.split('?');
    const tried: Array<[string, Promise<Response>]> = [
      ['a signature that is changed', patch(withChangedSignature(upload.url), 0, body)],
      ['the signature of another upload', patch(`${elsewhere.url.split('?')[0]}?${query}`, 0, body)],
      ['no signature', patch(upload.url.split('?')[0] ?? '', 0, body)],
      ['an upload that is none', patch(upload.url.replace(upload.id, '01890000-0000-7000-8000-000000000000'), 0, body)],
      ['an id that is none', patch(upload.url.replace(upload.id, '..%2f..%2fetc'), 0, body)],
      ['another offset', patch(upload.url, 5, body)],
      ['an offset that is no number', patch(upload.url, '-1', body)],
      ['more than was announced', patch(upload.url, 0, Buffer.concat([png, png]))],
      ['a length that is announced anew', patch(upload.url, 0, body, { 'upload-length': '5' })],
      ['another type', patch(upload.url, 0, body, { 'content-type': 'image/png' })],
      ['another version', patch(upload.url, 0, body, { 'tus-resumable': '0.2.2' })],
      ['the creation of another', tus('POST', upload.url, { 'upload-length': '10' })],
      ['reading', tus('GET', upload.url)],
    ];
    const answered = await Promise.all(tried.map(async ([what, answer]) => [what, (await answer).status]));
    expect(Object.fromEntries(answered)).toEqual({
      'a signature that is changed': 403,
      'the signature of another upload': 403,
      'no signature': 403,
      'an upload that is none': 404,
      'an id that is none': 404,
      'another offset': 409,
      'an offset that is no number': 400,
      'more than was announced': 413,
      'a length that is announced anew': 501,
      'another type': 400,
      'another version': 400,
      'the creation of another': 405,
      reading: 405,
    });
    expect((await tus('HEAD', upload.url)).headers.get('upload-offset')).toBe('0');

    // Without a length that is announced by the request, what is too much is seen while it comes.
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(upload.url, {
        method: 'PATCH',
        headers: {
          'tus-resumable': '1.0.0',
          'upload-offset': '0',
          'content-type': 'application/offset+octet-stream',
          'transfer-encoding': 'chunked',
        },
      });
      request.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject);
      request.write(png);
      request.end(png);
    });
    expect(status).toBe(413);
    const eve = buildViewer();
    expectErrorCode(await graph.run(eve, COMPLETE, { id: upload.id }), 'NOT_FOUND');
    expectErrorCode(await graph.run(eve, COMPLETE, { id: 'nonsense' }), 'NOT_FOUND');
    expectErrorCode(await graph.run(null, COMPLETE, { id: upload.id }), 'UNAUTHENTICATED');
    expectErrorCode(await graph.run(null, CREATE, { input: { filename: 'a', byteSize: 1 } }), 'UNAUTHENTICATED');
  });

  it.each([
    ['no bytes', { byteSize: 0 }, 'INVALID_BYTE_SIZE'],
    ['half a byte', { byteSize: 1.5 }, 'INVALID_BYTE_SIZE'],
    ['less than nothing', { byteSize: -1 }, 'INVALID_BYTE_SIZE'],
    ['a hash that is none', { sha256: 'abc' }, 'INVALID_SHA256'],
    ['no name', { filename: ' ' }, 'INVALID_FILENAME'],
    ['a page of a stranger', { origin: 'https://evil.example' }, 'INVALID_ORIGIN'],
  ])('is not begun with %s', async (_what, changed, reason) => {
    const input = { filename: 'a.png', byteSize: 10, ...changed };
    const { body } = await graph.run(buildViewer(), CREATE, { input });
    expect(body.errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', reason });
  });

  it('leaves nothing of a file that is refused', async () => {
    const ada = buildViewer();
    const cases: Array<[Uint8Array, Record<string, unknown>, Record<string, unknown>]> = [
      [png, { sha256: sha256(Buffer.from('another')) }, { __typename: 'InvalidImageProblem', reason: 'MISMATCH' }],
      [scriptedSvg(), {}, { __typename: 'UnsupportedMediaTypeProblem', mimeType: 'image/svg+xml' }],
      [png.subarray(0, 60), {}, { __typename: 'InvalidImageProblem', reason: 'CORRUPT' }],
    ];
    for (const [bytes, announced, problem] of cases) {
      const { id, url } = await create(graph, ada, bytes, announced);
      expect((await patch(url, 0, bytes)).status).toBe(204);
      expect(await complete(graph, ada, id)).toMatchObject(problem);
      expectErrorCode(await graph.run(ada, COMPLETE, { id }), 'NOT_FOUND');
      expect(await staged()).not.toContain(id);
      expect((await graph.files()).filter((file) => file.includes(id))).toEqual([]);
    }
    const { node } = { node: await graph.pool.query('SELECT 1 FROM upload_sessions WHERE user_id = $1', [ada.userId]) };
    expect(node.rowCount).toBe(0);
  });

  it('tells pages of listed origins, and no others, what they may', async () => {
    const { url } = await create(graph, buildViewer(), png);
    const ask = (origin: string) =>
      fetch(url, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'PATCH', connection: 'close' },
      });
    const listed = await ask(ORIGIN);
    expect(listed.status).toBe(204);
    expect(listed.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(listed.headers.get('access-control-allow-methods')).toContain('PATCH');
    expect(listed.headers.get('access-control-allow-headers')).toContain('Upload-Offset');
    expect((await ask('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
    const head = await tus('HEAD', url, { origin: ORIGIN });
    expect(head.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(head.headers.get('access-control-expose-headers')).toContain('Upload-Offset');
    const refused = await tus('HEAD', withChangedSignature(url), { origin: ORIGIN });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([403, ORIGIN]);
  });

  it('is over when its time is: refused, swept, and given back to the quota', async () => {
    const ada = buildViewer();
    const { id, url } = await create(graph, ada, png);
    expect((await patch(url, 0, png.subarray(0, 10))).status).toBe(204);
    await graph.pool.query(`UPDATE upload_sessions SET expires_at = now() - interval '1 second' WHERE id = $1`, [id]);
    expect((await patch(url, 10, png.subarray(10))).status).toBe(410);
    const { body } = await graph.run(ada, COMPLETE, { id });
    expect(body.errors?.[0]?.extensions).toMatchObject({ code: 'NOT_FOUND', reason: 'UPLOAD_EXPIRED' });
    expect(await staged()).toContain(id);
    // Each process sweeps when it starts.
    await using other = await graph.restart();
    while ((await other.pool.query('SELECT 1 FROM upload_sessions WHERE id = $1', [id])).rowCount !== 0);
    expect(await staged()).not.toContain(id);
  });

  it('gives way to a later request of its client, which has lost the connection', async () => {
    const { url } = await create(graph, buildViewer(), png);
    const first = httpRequest(url, {
      method: 'PATCH',
      headers: {
        'tus-resumable': '1.0.0',
        'upload-offset': '0',
        'content-type': 'application/offset+octet-stream',
        'content-length': String(png.length),
      },
    });
    const ended = new Promise((resolve) => first.once('close', resolve));
    first.on('error', () => undefined).on('response', (response) => response.resume());
    first.write(png.subarray(0, 20));
    while ((await graph.pool.query('SELECT 1 FROM upload_sessions WHERE leased_until > now()')).rowCount === 0);
    const head = await tus('HEAD', url);
    const offset = Number(head.headers.get('upload-offset'));
    expect(head.status).toBe(200);
    expect((await patch(url, offset, png.subarray(offset))).status).toBe(204);
    first.destroy();
    await ended;
    expect((await tus('HEAD', url)).headers.get('upload-offset')).toBe(String(png.length));
  });
});

describe('uploads in many requests', () => {
  let graph: MediaGraph;
  beforeAll(async () => {
    graph = await startMediaGraph({
      MEDIA_QUOTA_BYTES: '1000',
      UPLOAD_SESSION_MAX_BYTES: '900',
      UPLOAD_SESSIONS_PER_USER: '2',
      RATE_LIMIT_UPLOAD_PARTS: '3/600',
    });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });
  const begin = (who: TestViewer, byteSize: number) =>
    graph.run(who, CREATE, { input: { filename: 'a.png', byteSize } });

  it('are bounded by size, by quota, also several at once, and by number', async () => {
    const ada = buildViewer();
    expect(expectData(await begin(ada, 901)).createUpload).toMatchObject({
      __typename: 'MediaTooLargeProblem',
      maxBytes: 900,
    });
    const kinds = (await Promise.all([1, 2, 3].map(() => begin(ada, 600)))).map(
      (answer) => expectData(answer).createUpload,
    );
    expect(kinds.map(({ __typename }) => __typename).sort()).toEqual([
      'CreateUploadSuccess',
      'QuotaExceededProblem',
      'QuotaExceededProblem',
    ]);
    const storage = await graph.run(
      ada,
      'query($id: ID!) { _entities(representations: [{ __typename: "User", id: $id }]) { ... on User { storage { usedBytes } } } }',
      { id: ada.userId },
    );
    expect(expectData(storage)['_entities']).toEqual([{ storage: { usedBytes: 600 } }]);
    const open = kinds.find(({ upload }) => upload)?.upload as { url: string };
    expect((await tus('DELETE', open.url)).status).toBe(204);
    expect((await tus('HEAD', open.url)).status).toBe(404);
    for (const _time of [1, 2]) expect(expectData(await begin(ada, 10)).createUpload.upload).toBeTruthy();
    const { body } = await begin(ada, 10);
    expect(body.errors?.[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', reason: 'TOO_MANY_UPLOADS' });
    // Somebody else has a room of his own.
    expect(expectData(await begin(buildViewer(), 10)).createUpload.upload).toBeTruthy();
  });

  it('are bounded in their requests', async () => {
    const { upload } = expectData(await begin(buildViewer(), 10)).createUpload;
    const statuses = [];
    for (const _time of [1, 2, 3, 4]) statuses.push((await tus('HEAD', upload.url)).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect(Number((await tus('HEAD', upload.url)).headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

(hasStorageEmulator() ? describe : describe.skip)('an upload to Cloud Storage', () => {
  let emulator: StorageEmulator;
  let graph: MediaGraph;
  beforeAll(async () => {
    emulator = await startStorageEmulator();
    graph = await startMediaGraph({ GCS_BUCKET: emulator.bucket, STORAGE_EMULATOR_HOST: emulator.url });
  }, 120_000);
  afterAll(async () => {
    await graph?.[Symbol.asyncDispose]();
    await emulator?.[Symbol.asyncDispose]();
  });

  const put = (url: string, body: Uint8Array, start: number, total: number) =>
    fetch(url, {
      method: 'PUT',
      redirect: 'manual',
      headers: { 'content-range': `bytes ${start}-${start + body.length - 1}/${total}`, connection: 'close' },
      body: body as never,
    });

  it('goes there in parts, and becomes a media item', async () => {
    const ada = buildViewer();
    const png = await smallPng();
    const { id, url, protocol } = await create(graph, ada, png, { sha256: sha256(png) });
    expect(protocol).toBe('GCS_RESUMABLE');
    expect(url.startsWith(emulator.url)).toBe(true);
    expect((await put(url, png.subarray(0, 100), 0, png.length)).status).toBe(308);
    expect(await complete(graph, ada, id)).toMatchObject({ __typename: 'UploadIncompleteProblem' });
    expect((await put(url, png.subarray(100), 100, png.length)).status).toBe(200);
    const both = await Promise.all([complete(graph, ada, id), complete(graph, ada, id)]);
    for (const completed of both)
      expect(completed).toMatchObject({ __typename: 'UploadMediaSuccess', media: { id, status: 'READY' } });
    // What is not of this service's protocol has no route.
    expect((await fetch(`${graph.url}/uploads/${id}`, { method: 'HEAD' })).status).toBe(404);
  });

  it('is refused when it is larger than was announced, and leaves no object', async () => {
    const ada = buildViewer();
    const png = await smallPng();
    const { id, url } = await create(graph, ada, png.subarray(1));
    expect((await put(url, png, 0, png.length)).status).toBe(200);
    expect(await complete(graph, ada, id)).toMatchObject({ __typename: 'InvalidImageProblem', reason: 'MISMATCH' });
    const { items = [] } = (await (
      await fetch(`${emulator.url}/storage/v1/b/${emulator.bucket}/o?prefix=${id}`)
    ).json()) as { items?: unknown[] };
    expect(items).toEqual([]);
  });
});

it.each([
  [308, { range: 'bytes=0-41' }, 42],
  [308, {}, 0],
  [200, {}, 100],
  [404, {}, 0],
])('a session of Cloud Storage that answers %i is read', async (status, headers, expected) => {
  const seen: unknown[] = [];
  const server = createServer((request, response) => {
    seen.push(request.method, request.headers['content-range']);
    response.writeHead(status, { ...headers, connection: 'close' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    expect(await askReceivedBytes(`http://127.0.0.1:${port}/`, 100)).toBe(expected);
    expect(seen).toEqual(['PUT', 'bytes */100']);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
