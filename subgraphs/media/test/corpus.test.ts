import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildViewer, expectData } from '@taskgraph/testkit';
import sharp, { type Sharp } from 'sharp';
import { startMediaGraph, UPLOAD, type MediaGraph } from './media-graph.js';
import { taggedFile } from './tagged-files.js';
import { tiledHeic } from './tiled-heic.js';

const MIB = 1024 * 1024;

/** Red, green, blue and white, from the upper left to the lower right, as a camera with that orientation writes them (EXIF 2.32, 4.6.4). */
const COLOURS = { R: [255, 0, 0], G: [0, 255, 0], B: [0, 0, 255], W: [255, 255, 255] } as const;

function quadrants(width = 80, height = 40): Sharp {
  const [w, h] = [width / 2, height / 2];
  const part = ([r, g, b]: readonly [number, number, number], left: number, top: number) => ({
    input: { create: { width: w, height: h, channels: 3 as const, background: { r, g, b } } },
    left,
    top,
  });
  const { R, G, B, W } = COLOURS;
  return sharp({ create: { width, height, channels: 3, background: 'black' } }).composite([
    part(R, 0, 0),
    part(G, w, 0),
    part(B, 0, h),
    part(W, w, h),
  ]);
}

/** The letters of the four quadrants, or `?` for what is near none of the colours. */
async function lettersOf(bytes: Buffer): Promise<string> {
  const { data, info } = await sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number) => {
    const start = (Math.floor(info.height * y) * info.width + Math.floor(info.width * x)) * info.channels;
    const pixel = [...data.subarray(start, start + 3)];
    const near = Object.entries(COLOURS).find(([, colour]) =>
      colour.every((value, index) => Math.abs(value - (pixel[index] ?? -1)) < 90),
    );
    return near?.[0] ?? '?';
  };
  return at(0.25, 0.25) + at(0.75, 0.25) + at(0.25, 0.75) + at(0.75, 0.75);
}

async function download(url: string): Promise<{ bytes: Buffer; headers: Headers }> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return { bytes: Buffer.from(await response.arrayBuffer()), headers: response.headers };
}

const animation = async (format: 'gif' | 'webp') => {
  const frame = async (background: string) =>
    sharp({ create: { width: 40, height: 40, channels: 3, background } })
      .png()
      .toBuffer();
  return sharp([await frame('red'), await frame('blue')], { join: { animated: true } })
    .toFormat(format)
    .toBuffer();
};

/** Two frames, of which the second is black, with a mark of turning. */
const turnedAnimation = async (orientation: number) => {
  const second = sharp({ create: { width: 80, height: 40, channels: 3, background: 'black' } });
  return sharp([await quadrants().png().toBuffer(), await second.png().toBuffer()], { join: { animated: true } })
    .withMetadata({ orientation })
    .webp({ lossless: true })
    .toBuffer();
};

describe('a file that is taken', () => {
  let graph: MediaGraph;
  beforeAll(async () => {
    graph = await startMediaGraph();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  it.each([
    [1, 'RGBW'],
    [2, 'GRWB'],
    [3, 'WBGR'],
    [4, 'BWRG'],
    [5, 'RBGW'],
    [6, 'BRWG'],
    [7, 'WGBR'],
    [8, 'GWRB'],
  ])('is upright: a photograph of orientation %i', async (orientation, letters) => {
    const bytes = await quadrants().withMetadata({ orientation }).jpeg({ quality: 100 }).toBuffer();
    const { media } = expectData(await graph.upload(buildViewer(), bytes)).uploadMedia;
    expect(media).toMatchObject(orientation >= 5 ? { width: 40, height: 80 } : { width: 80, height: 40 });
    expect(await lettersOf((await download(media.thumbnail.url)).bytes)).toBe(letters);
  });

  it.each<[what: string, make: () => Promise<Buffer>, mimeType: string, facts: object, thumbnail: object]>([
    [
      'a JPEG in CMYK',
      () => quadrants().toColourspace('cmyk').jpeg().toBuffer(),
      'image/jpeg',
      { width: 80, height: 40 },
      { space: 'srgb', channels: 3 },
    ],
    [
      'a PNG of 16 bits a channel',
      () => quadrants().toColourspace('rgb16').png().toBuffer(),
      'image/png',
      { width: 80, height: 40 },
      { space: 'srgb', depth: 'uchar' },
    ],
    [
      'a PNG in shades of grey',
      () => quadrants().greyscale().png().toBuffer(),
      'image/png',
      { width: 80, height: 40 },
      { space: 'srgb' },
    ],
    ['a TIFF', () => quadrants().tiff().toBuffer(), 'image/tiff', { width: 80, height: 40 }, { space: 'srgb' }],
    ['an animated GIF', () => animation('gif'), 'image/gif', { width: 40, height: 40 }, { pages: 2 }],
    ['an animated WebP', () => animation('webp'), 'image/webp', { width: 40, height: 40 }, { pages: 2 }],
    [
      'a picture one pixel wide',
      () =>
        sharp({ create: { width: 1, height: 30_000, channels: 3, background: 'teal' } })
          .png()
          .toBuffer(),
      'image/png',
      { width: 1, height: 30_000 },
      { width: 1, height: 160 },
    ],
    [
      'a picture one pixel high',
      () =>
        sharp({ create: { width: 30_000, height: 1, channels: 3, background: 'teal' } })
          .png()
          .toBuffer(),
      'image/png',
      { width: 30_000, height: 1 },
      { width: 160, height: 1 },
    ],
    [
      'a single pixel',
      () =>
        sharp({ create: { width: 1, height: 1, channels: 3, background: 'teal' } })
          .png()
          .toBuffer(),
      'image/png',
      { width: 1, height: 1 },
      { width: 1, height: 1 },
    ],
  ])('has a thumbnail for everybody: %s', async (_what, make, mimeType, facts, expected) => {
    const { media } = expectData(await graph.upload(buildViewer(), await make())).uploadMedia;
    expect(media).toMatchObject({ status: 'READY', mimeType, ...facts });
    const { bytes, headers } = await download(media.thumbnail.url);
    expect(headers.get('content-type')).toBe('image/webp');
    expect(await sharp(bytes).metadata()).toMatchObject(expected);
  });

  it.each([2, 3, 4, 5, 6, 7, 8])('plays as its frames are, whatever is said of turning: %i', async (orientation) => {
    const bytes = await turnedAnimation(orientation);
    expect(await sharp(bytes).metadata()).toMatchObject({ orientation, pages: 2 });
    const { media } = expectData(await graph.upload(buildViewer(), bytes)).uploadMedia;
    expect(media).toMatchObject({ status: 'READY', mimeType: 'image/webp', width: 80, height: 40 });
    const shown = (await download(media.thumbnail.url)).bytes;
    expect(await lettersOf(shown)).toBe('RGBW');
    expect(await sharp(shown, { page: 1 }).stats()).toMatchObject({ dominant: { r: 8, g: 8, b: 8 } });
  });

  it('is a picture however many tiles it has, as those of 48 megapixels of an iPhone', async () => {
    const { media } = expectData(await graph.upload(buildViewer(), tiledHeic(17, 16), 'IMG_2.HEIC')).uploadMedia;
    const [width, height] = [17 * 128, 16 * 96];
    expect(media).toMatchObject({ status: 'READY', mimeType: 'image/heic', width, height });
    expect(media.thumbnail).toMatchObject({ mimeType: 'image/webp', width: 160, height: 113 });
  });

  it('is upright, in sRGB and without a place for everybody: a photograph of an iPhone', async () => {
    const ada = buildViewer();
    const { media } = expectData(await graph.upload(ada, taggedFile('portrait.heic'), 'IMG_1.HEIC')).uploadMedia;
    expect(media).toMatchObject({ status: 'READY', mimeType: 'image/heic', width: 96, height: 128 });
    expect((await download(media.url)).bytes.includes('Camera of Ada')).toBe(true);
    graph.attached.add(media.id);
    const QUERY = 'query($id: ID!) { media(id: $id) { url placeholder thumbnail(size: LARGE, format: AVIF) { url } } }';
    const seen = expectData(await graph.run(buildViewer(), QUERY, { id: media.id })) as {
      media: { url: string; placeholder: string; thumbnail: { url: string } };
    };
    for (const url of [seen.media.url, seen.media.thumbnail.url, media.thumbnail.url]) {
      const { bytes } = await download(url);
      expect(await lettersOf(bytes)).toBe('BRWG');
      const { space, exif, icc, width, height } = await sharp(bytes).metadata();
      expect({ space, exif, icc }).toEqual({ space: 'srgb', exif: undefined, icc: undefined });
      // Red of Display P3 is beyond that of sRGB: without a conversion it would be (234, 51, 35).
      const inRed = { left: Math.round(0.6 * width), top: Math.round(0.2 * height), width: 4, height: 4 };
      const [r = 0, g = 0, b = 0] = await sharp(bytes).extract(inRed).removeAlpha().raw().toBuffer();
      expect({ r, isRed: r > 244 && g < 30 && b < 25 }).toEqual({ r, isRed: true });
    }
  });

  it('has its colours where it was in CMYK', async () => {
    const bytes = await quadrants().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
    const { media } = expectData(await graph.upload(buildViewer(), bytes)).uploadMedia;
    const letters = await lettersOf((await download(media.thumbnail.url)).bytes);
    // Printing inks have no such green and blue as screens have.
    expect(letters).toMatch(/^[R?][G?][B?]W$/);
  });

  it('hands no script on that was hidden behind a picture, and nothing for browsers to guess', async () => {
    const script = '<script>alert(1)</script>/*';
    const polyglot = Buffer.concat([await animation('gif'), Buffer.from(script)]);
    const ada = buildViewer();
    const { media } = expectData(await graph.upload(ada, polyglot, 'picture.html')).uploadMedia;
    expect(media).toMatchObject({ status: 'READY', mimeType: 'image/gif', filename: 'picture.html' });
    const own = await download(media.url);
    expect(own.headers.get('content-type')).toBe('image/gif');
    expect(own.headers.get('x-content-type-options')).toBe('nosniff');
    graph.attached.add(media.id);
    const QUERY = 'query($id: ID!) { media(id: $id) { url } }';
    const seen = expectData(await graph.run(buildViewer(), QUERY, { id: media.id })) as { media: { url: string } };
    const others = await download(seen.media.url);
    expect(others.headers.get('content-type')).toBe('image/webp');
    expect(others.bytes.includes('alert')).toBe(false);
  });

  it.each([
    ['../../../etc/passwd', 'passwd'],
    ['C:\\Users\\ada\\boat.png', 'boat.png'],
    ['annual\u202Egnp.exe', 'annualgnp.exe'],
    ['a "quoted" name.png', 'a "quoted" name.png'],
    ['semi;colon, comma.png', 'semi;colon, comma.png'],
    ['1+1=2 & 100%.png', '1+1=2 & 100%.png'],
    ['⛵️ boat 日本.png', '⛵️ boat 日本.png'],
    ['Zu\u0308rich.png', 'Zürich.png'],
    ['..', 'unnamed'],
    [`${'n'.repeat(300)}.png`, `${'n'.repeat(251)}.png`],
  ])('keeps of the name %j what is one: %j', async (name, kept) => {
    const bytes = await quadrants(8, 8).png().toBuffer();
    const { media } = expectData(await graph.upload(buildViewer(), bytes, name)).uploadMedia;
    expect(media.filename).toBe(kept);
    const disposition = (await download(media.url)).headers.get('content-disposition') ?? '';
    // RFC 6266: a name that is ASCII, and the true one, percent-encoded.
    const [, encoded = ''] = /filename\*=UTF-8''(\S+)$/.exec(disposition) ?? [];
    const [, plain = ''] = /filename="((?:[^"\\]|\\.)*)"/.exec(disposition) ?? [];
    expect(encoded === '' ? plain : decodeURIComponent(encoded)).toBe(media.filename);
    expect(disposition).toMatch(/^[\x20-\x7e]+$/);
  });
});

describe('a file that is refused', () => {
  let graph: MediaGraph;
  beforeAll(async () => {
    graph = await startMediaGraph({ MEDIA_MAX_BYTES: String(8 * MIB) });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  it.each<[what: string, make: () => Buffer | Promise<Buffer>, problem: object]>([
    [
      'a script that begins like a GIF',
      () => Buffer.from('GIF89a/*\0\0\0\0*/=1;alert(document.domain)//'),
      { reason: 'CORRUPT' },
    ],
    ['half an AVIF', async () => half(await quadrants(400, 400).avif().toBuffer()), { reason: 'CORRUPT' }],
    [
      'half a WebP',
      async () => half(await quadrants(400, 400).webp({ lossless: true }).toBuffer()),
      { reason: 'CORRUPT' },
    ],
    ['a PDF', () => Buffer.from('%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj'), { mimeType: 'application/pdf' }],
    [
      'a program',
      () => Buffer.concat([Buffer.from('\x7fELF\x02\x01\x01'), Buffer.alloc(64)]),
      { mimeType: 'application/x-elf' },
    ],
    ['bytes without a sense', () => Buffer.from([0xff, 0x00, 0xfe, 0x01]), { mimeType: 'application/octet-stream' }],
  ])('leaves nothing behind: %s', async (_what, make, problem) => {
    const { uploadMedia } = expectData(await graph.upload(buildViewer(), await make()));
    expect(uploadMedia).toMatchObject(problem);
    expect(await graph.files()).toEqual([]);
    expect(await graph.countRows()).toBe(0);
  });

  it('is cut off long before its end: one of 4 GiB, as its request says', async () => {
    const operations = JSON.stringify({ query: UPLOAD, variables: { file: null } });
    const part = (head: string, body: string) => `--b\r\ncontent-disposition: form-data; name=${head}\r\n\r\n${body}`;
    const answer = await new Promise<string>((resolve, reject) => {
      const request = httpRequest(`${graph.url}/graphql`, {
        method: 'POST',
        headers: {
          'content-type': 'multipart/form-data; boundary=b',
          'content-length': String(4 * 1024 * MIB),
          'apollo-require-preflight': '1',
          authorization: `Bearer ${buildViewer().token}`,
        },
      });
      request.on('response', (response) => {
        response.setEncoding('utf8').once('data', (text: string) => {
          resolve(text);
          request.destroy();
        });
      });
      request.on('error', reject);
      request.write(part('"operations"', `${operations}\r\n`) + part('"map"', '{"0":["variables.file"]}\r\n'));
      request.write(part('"0"; filename="a.png"', ''));
      void quadrants()
        .png()
        .toBuffer()
        .then((head) => request.write(Buffer.concat([head, Buffer.alloc(33 * MIB)])));
    });
    expect(JSON.parse(answer)).toMatchObject({
      errors: [{ message: 'The file does not end.', extensions: { code: 'BAD_USER_INPUT' } }],
    });
    while ((await graph.files()).length > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await graph.countRows()).toBe(0);
  });
});

function half(bytes: Buffer): Buffer {
  return bytes.subarray(0, Math.floor(bytes.length / 2));
}
