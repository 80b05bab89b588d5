import { mkdir, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import {
  buildViewer,
  decompressionBomb,
  expectData,
  expectErrorCode,
  interlacedPng,
  largeJpeg,
  scriptedSvg,
  smallPng,
  textFile,
  truncatedPng,
  uploadGraphQL,
} from '@taskgraph/testkit';
import { startMediaGraph, UPLOAD, type MediaGraph } from './media-graph.js';
import { CREATE } from './upload-requests.js';

const MIB = 1024 * 1024;

describe('uploads', () => {
  let graph: MediaGraph;
  beforeAll(async () => {
    graph = await startMediaGraph();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  it.each(['jpeg', 'png', 'webp', 'gif', 'avif'] as const)(
    'take %s, whatever name and type the client claims',
    async (format) => {
      const bytes = await sharp({ create: { width: 600, height: 300, channels: 3, background: 'teal' } })
        .toFormat(format)
        .toBuffer();
      const { uploadMedia } = expectData(
        await graph.upload(buildViewer(), bytes, '../../../etc/holiday.bmp', { altText: ' A lake ' }),
      );
      expect(uploadMedia).toMatchObject({
        __typename: 'UploadMediaSuccess',
        media: {
          filename: 'holiday.bmp',
          mimeType: `image/${format}`,
          byteSize: bytes.length,
          width: 600,
          height: 300,
          status: 'READY',
          altText: 'A lake',
          thumbnail: { width: 160, height: 80, mimeType: 'image/webp' },
          large: { width: 600, height: 300 },
        },
      });
    },
  );

  it('turn photographs upright and take places and names out of thumbnails', async () => {
    const bytes = await sharp({ create: { width: 400, height: 200, channels: 3, background: 'teal' } })
      .withExif({ IFD0: { Artist: 'Somebody', Copyright: 'Secret' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const { media } = expectData(await graph.upload(buildViewer(), bytes)).uploadMedia;
    expect(media).toMatchObject({ width: 200, height: 400, thumbnail: { width: 80, height: 160 } });
    const thumbnail = Buffer.from(await (await fetch(media.thumbnail.url)).arrayBuffer());
    const { exif, orientation } = await sharp(thumbnail).metadata();
    expect({ exif, orientation }).toEqual({ exif: undefined, orientation: undefined });
  });

  it('keep an animation', async () => {
    const frame = { create: { width: 40, height: 40, channels: 3, background: 'red' } } as const;
    const frames = await Promise.all(
      ['red', 'blue'].map((background) =>
        sharp({ create: { ...frame.create, background } })
          .png()
          .toBuffer(),
      ),
    );
    const gif = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer();
    const { media } = expectData(await graph.upload(buildViewer(), gif)).uploadMedia;
    const thumbnail = { width: 40, height: 40 };
    expect(media).toMatchObject({ mimeType: 'image/gif', width: 40, height: 40, thumbnail });
    const bytes = Buffer.from(await (await fetch(media.thumbnail.url)).arrayBuffer());
    expect(await sharp(bytes, { animated: true }).metadata()).toMatchObject({ format: 'webp', pages: 2 });
  });

  it('ask for a signed-in user and for sensible texts', async () => {
    expectErrorCode(await graph.upload(null, await smallPng()), 'UNAUTHENTICATED');
    expectErrorCode(
      await graph.upload(buildViewer(), await smallPng(), 'a.png', { altText: 'x'.repeat(501) }),
      'BAD_USER_INPUT',
    );
    expectErrorCode(await graph.run(buildViewer(), UPLOAD, { file: 'text' }), 'BAD_USER_INPUT');
  });

  it('are taken several at a time', async () => {
    const ada = buildViewer();
    const images = await Promise.all(Array.from({ length: 6 }, () => smallPng()));
    const ids = await Promise.all(images.map((image) => graph.addMedia(ada, image)));
    expect(new Set(ids).size).toBe(6);
  });
});

describe('a refused upload leaves nothing behind', () => {
  let graph: MediaGraph;
  beforeAll(async () => {
    graph = await startMediaGraph({
      MEDIA_MAX_BYTES: String(8 * MIB),
      MEDIA_PROCESSING_MAX_MEMORY_BYTES: String(256 * MIB),
    });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const cases: ReadonlyArray<{ what: string; content: () => Promise<Buffer> | Buffer; problem: object }> = [
    { what: 'text', content: textFile, problem: { __typename: 'UnsupportedMediaTypeProblem', mimeType: 'text/plain' } },
    {
      what: 'an SVG',
      content: scriptedSvg,
      problem: { __typename: 'UnsupportedMediaTypeProblem', mimeType: 'image/svg+xml' },
    },
    {
      what: 'a long text',
      content: () => Buffer.alloc(6 * MIB, 'text '),
      problem: { __typename: 'UnsupportedMediaTypeProblem', mimeType: 'text/plain' },
    },
    {
      what: 'nothing',
      content: () => Buffer.alloc(0),
      problem: { __typename: 'InvalidImageProblem', reason: 'EMPTY' },
    },
    {
      what: 'a truncated PNG',
      content: truncatedPng,
      problem: { __typename: 'InvalidImageProblem', reason: 'CORRUPT' },
    },
    {
      what: 'a truncated JPEG',
      content: async () => (await largeJpeg()).subarray(0, 400_000),
      problem: { __typename: 'InvalidImageProblem', reason: 'CORRUPT' },
    },
    {
      what: 'the head of a PNG and then noise',
      content: async () => Buffer.concat([(await smallPng()).subarray(0, 50), Buffer.alloc(9_000, 7)]),
      problem: { __typename: 'InvalidImageProblem', reason: 'CORRUPT' },
    },
    {
      what: 'a decompression bomb',
      content: decompressionBomb,
      problem: { __typename: 'InvalidImageProblem', reason: 'TOO_MANY_PIXELS' },
    },
    {
      what: 'an interlaced PNG that is small and costs much memory',
      content: interlacedPng,
      problem: { __typename: 'InvalidImageProblem', reason: 'TOO_COMPLEX' },
    },
    {
      what: 'a file over the limit',
      content: async () => Buffer.concat([await smallPng(), Buffer.alloc(9 * MIB)]),
      problem: { __typename: 'MediaTooLargeProblem', maxBytes: 8 * MIB },
    },
  ];

  it.each(cases)('of $what', async ({ content, problem }) => {
    const { uploadMedia } = expectData(await graph.upload(buildViewer(), await content()));
    expect(uploadMedia).toMatchObject(problem);
    expect(await graph.files()).toEqual([]);
    expect(await graph.countRows()).toBe(0);
  });

  it('of a client that goes away in the middle', async () => {
    const boundary = 'cut';
    const parts = [
      `--${boundary}\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${JSON.stringify({ query: UPLOAD, variables: { file: null } })}\r\n`,
      `--${boundary}\r\ncontent-disposition: form-data; name="map"\r\n\r\n{"0":["variables.file"]}\r\n`,
      `--${boundary}\r\ncontent-disposition: form-data; name="0"; filename="a.jpg"\r\ncontent-type: image/jpeg\r\n\r\n`,
    ];
    const request = httpRequest(`${graph.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': `multipart/form-data; boundary=${boundary}`,
        'apollo-require-preflight': '1',
        authorization: `Bearer ${buildViewer().token}`,
      },
    });
    request.on('error', () => undefined);
    for (const part of parts) request.write(part);
    request.write((await largeJpeg()).subarray(0, 2 * MIB));
    const spooled = async () => (await graph.files()).some((file) => file.endsWith('.part'));
    while (!(await spooled())) await new Promise((resolve) => setImmediate(resolve));
    request.destroy();
    while ((await graph.files()).length > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await graph.countRows()).toBe(0);
  });

  it('of multipart requests that are none, or come without the header that keeps foreign pages out', async () => {
    const form = new FormData();
    form.set('operations', 'no json');
    const malformed = await fetch(`${graph.url}/graphql`, {
      method: 'POST',
      body: form,
      headers: { 'apollo-require-preflight': '1' },
    });
    expect(malformed.status).toBe(400);
    expect(await malformed.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] });

    const foreign = new FormData();
    foreign.set('operations', JSON.stringify({ query: UPLOAD, variables: { file: null } }));
    foreign.set('map', '{"0":["variables.file"]}');
    foreign.set('0', new Blob([await smallPng()]), 'a.png');
    const refused = await fetch(`${graph.url}/graphql`, { method: 'POST', body: foreign });
    expect(refused.status).toBe(400);
    expect(await graph.files()).toEqual([]);
  });

  it('of a store that fails', async () => {
    // A file where the folder of the objects has to be: nothing can be put there.
    const other = await startMediaGraph();
    try {
      const ada = buildViewer();
      await other.addMedia(ada, await smallPng());
      const objects = path.join(other.dataDir, 'media', 'objects');
      await rm(objects, { recursive: true });
      await writeFile(objects, 'in the way');
      expect(expectErrorCode(await other.upload(ada, await smallPng()), 'UNAVAILABLE').extensions?.reason).toBe(
        'STORAGE_UNAVAILABLE',
      );
      const keyed = 'mutation($file: Upload!) { uploadMedia(file: $file, idempotencyKey: "again") { __typename } }';
      const again = async () =>
        uploadGraphQL(other.url, {
          query: keyed,
          files: { 'variables.file': { filename: 'a.png', content: await smallPng(), contentType: 'image/png' } },
          token: ada.token,
        });
      expectErrorCode(await again(), 'UNAVAILABLE');
      expect(await other.countRows()).toBe(1);
      expect((await fetch(`${other.url}/health`)).status).toBe(503);
      await rm(objects);
      await mkdir(objects);
      // What could not be stored has used up no key.
      expect(expectData(await again())).toEqual({ uploadMedia: { __typename: 'UploadMediaSuccess' } });
      await other.addMedia(ada, await smallPng());
      expect((await other.files()).filter((file) => file.includes('incoming'))).toEqual([]);
    } finally {
      await other[Symbol.asyncDispose]();
    }
  });
});

describe('without room on the disk', () => {
  it('says so, and goes on showing what is there', async () => {
    await using other = await startMediaGraph({ MIN_FREE_DISK_BYTES: String(Number.MAX_SAFE_INTEGER) });
    const health = await fetch(`${other.url}/health`);
    expect(health.status).toBe(200);
    expect(await health.json()).toMatchObject({
      status: 'degraded',
      reasons: [expect.stringMatching(/^storage: \d+ bytes are free where .* is, less than \d+/)],
      dependencies: { storage: { status: 'degraded' } },
    });
    expect(await (await fetch(`${other.url}/health/ready`)).json()).toEqual({ status: 'degraded' });
    const ada = buildViewer();
    const begun = await other.run(ada, CREATE, { input: { filename: 'a.mp4', byteSize: 10 } });
    for (const refused of [begun, await other.upload(ada, await smallPng())])
      expect(expectErrorCode(refused, 'UNAVAILABLE').extensions?.reason).toBe('STORAGE_UNAVAILABLE');
    expect(await other.files()).toEqual([]);
    expect(await other.countRows()).toBe(0);
  });
});
