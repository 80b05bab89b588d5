import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildViewer, expectData, FILM_DATA, FILM_SECRETS, testFilm } from '@taskgraph/testkit';
import sharp from 'sharp';
import { readMediaConfig } from '../src/config.js';
import { startMediaGraph, type MediaGraph } from './media-graph.js';
import { TAGS, taggedFile } from './tagged-files.js';

const QUERY = `query($id: ID!) { media(id: $id) { mimeType status width url placeholder
  small: thumbnail(size: SMALL) { url width height mimeType } avif: thumbnail(size: LARGE, format: AVIF) { url width height mimeType } } }`;

/** One page in red, as wide as two inches and half as high, with a script that runs when a reader opens it. */
function pdf(): Buffer {
  const content = '1 0 0 rg 0 0 144 72 re f';
  const objects = [
    '<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>',
    '<</Type/Pages/Kids[3 0 R]/Count 1>>',
    '<</Type/Page/Parent 2 0 R/MediaBox[0 0 144 72]/Contents 4 0 R/Resources<<>>>>',
    `<</Length ${content.length}>>stream\n${content}\nendstream`,
  ];
  let text = '%PDF-1.4\n';
  const offsets = objects.map((object, index) => {
    const offset = text.length;
    text += `${index + 1} 0 obj${object}endobj\n`;
    return offset;
  });
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  return Buffer.from(
    `${text}xref\n0 5\n0000000000 65535 f \n${rows}trailer<</Root 1 0 R/Size 5>>\nstartxref\n${text.length}\n%%EOF`,
  );
}

interface Seen {
  readonly url: string;
  readonly small: { readonly url: string };
}

const hex = (digits: string) => Buffer.from(digits, 'hex');
const svg = () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h9"/></svg>');
/** An empty archive: its end alone (APPNOTE 4.3.16). */
const zip = () => Buffer.concat([hex('504b0506'), Buffer.alloc(18)]);
/** A box that says what follows, and one with nothing in it (ISO/IEC 14496-12, 4.3). */
const box = (brand: string) =>
  Buffer.concat([
    hex('00000018'),
    Buffer.from(`ftyp${brand}`),
    Buffer.alloc(4),
    Buffer.from(`${brand}isom`),
    hex('00000008'),
    Buffer.from('mdat'),
  ]);

async function download(url: string) {
  const response = await fetch(url, { headers: { connection: 'close' } });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, bytes, headers: Object.fromEntries(response.headers) };
}

describe('files that are no pictures', () => {
  let graph: MediaGraph;
  beforeAll(async () => {
    graph = await startMediaGraph({ MEDIA_MAX_BYTES_BY_TYPE: 'text/*=1000,text/csv=10' });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  async function add(content: Buffer, filename: string) {
    const ada = buildViewer();
    const { uploadMedia } = expectData(await graph.upload(ada, content, filename));
    expect(uploadMedia).toMatchObject({ __typename: 'UploadMediaSuccess', media: { status: 'READY' } });
    const { id } = uploadMedia.media as { id: string };
    graph.attached.add(id);
    // As somebody else sees it, through a task.
    const { media } = expectData(await graph.run(buildViewer(), QUERY, { id })) as { media: Seen };
    return { id, ada, media };
  }

  it.each<[what: string, content: () => Buffer, filename: string, mimeType: string, sent: string, icon: string]>([
    ['a drawing', svg, 'a.svg', 'image/svg+xml', 'image/svg+xml', 'drawing'],
    ['text', () => Buffer.from('notes'), 'a.txt', 'text/plain', 'text/plain; charset=utf-8', 'text'],
    [
      'text in UTF-16',
      () => Buffer.from('\ufeffKäse', 'utf16le'),
      'a.txt',
      'text/plain',
      'text/plain; charset=utf-16',
      'text',
    ],
    ['text of one byte', () => Buffer.from('x'), 'a.txt', 'text/plain', 'text/plain; charset=utf-8', 'text'],
    ['Markdown', () => Buffer.from('# Notes'), 'a.md', 'text/markdown', 'text/markdown; charset=utf-8', 'text'],
    ['a table', () => Buffer.from('a,b\n1,2'), 'a.csv', 'text/csv', 'text/csv; charset=utf-8', 'text'],
    ['an archive', zip, 'a.zip', 'application/zip', 'application/zip', 'archive'],
    [
      'a PDF that is damaged',
      () => Buffer.from('%PDF-1.7\nnothing'),
      'a.pdf',
      'application/pdf',
      'application/pdf',
      'pdf',
    ],
  ])('is saved and not shown: %s', async (_what, content, filename, mimeType, sent, icon) => {
    const { media } = await add(content(), filename);
    const thumbnail = { url: `${graph.url}/icons/${icon}.svg`, width: 160, height: 160, mimeType: 'image/svg+xml' };
    expect(media).toMatchObject({ mimeType, status: 'READY', width: null, placeholder: null, small: thumbnail });
    const file = await download(media.url);
    expect(file.bytes).toEqual(content());
    expect(file.headers).toMatchObject({
      'content-type': sent,
      'content-disposition': expect.stringMatching(/^attachment; filename="a\.\w+"/),
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
    });
    const shown = await download(media.small.url);
    expect(shown.headers).toMatchObject({
      'content-type': expect.stringMatching(/^image\/svg\+xml/),
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
    });
    expect((await sharp(shown.bytes).metadata()).format).toBe('svg');
  });

  it.each<[what: string, content: () => Buffer, filename: string, mimeType: string]>([
    ['a video', testFilm, 'a.mp4', 'video/mp4'],
    ['a video of another kind', () => taggedFile('tagged.webm'), 'a.webm', 'video/webm'],
    ['sound', () => hex('664c614380000022'.padEnd(200, '0')), 'a.flac', 'audio/flac'],
  ])('is shown, in parts where a player asks for them: %s', async (_what, content, filename, mimeType) => {
    const { media } = await add(content(), filename);
    const { headers } = await download(media.url);
    expect(headers).toMatchObject({
      'content-type': mimeType,
      'content-disposition': expect.stringMatching(/^inline/),
    });
    const part = await fetch(media.url, { headers: { range: 'bytes=2-5', connection: 'close' } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(content().subarray(2, 6));
  });

  it('tell others than their uploader no places: a video', async () => {
    const film = testFilm({ isIndexLast: true });
    const { id, ada, media } = await add(film, 'a.mp4');
    const shared = await download(media.url);
    expect(shared.headers).toMatchObject({ 'content-type': 'video/mp4', 'content-length': String(film.length) });
    for (const secret of FILM_SECRETS) expect(shared.bytes.includes(secret)).toBe(false);
    for (const sample of FILM_DATA) expect(shared.bytes.indexOf(sample)).toBe(film.indexOf(sample));
    const own = expectData(await graph.run(ada, QUERY, { id })) as { media: Seen };
    const original = await download(own.media.url);
    expect(original.bytes).toEqual(film);
    expect(original.headers['etag']).not.toBe(shared.headers['etag']);
    // Whoever has a URL of the copy has none of the original.
    expect((await download(media.url.replace('/full?', '/original?'))).status).toBe(403);
    expect(await graph.files()).toContain(path.join('media', 'objects', id, 'full'));
  });

  it.each<[type: string, name: Parameters<typeof taggedFile>[0]]>([
    ['video/webm', 'recorded.webm'],
    ['audio/ogg', 'opus.ogg'],
  ])('tell others than their uploader no places: %s', async (type, name) => {
    const file = taggedFile(name);
    const { id, ada, media } = await add(file, name);
    const shared = await download(media.url);
    expect(shared.headers).toMatchObject({ 'content-type': type, 'content-length': String(file.length) });
    for (const tag of TAGS) expect(shared.bytes.includes(tag)).toBe(false);
    const own = expectData(await graph.run(ada, QUERY, { id })) as { media: Seen };
    expect((await download(own.media.url)).bytes).toEqual(file);
  });

  it('are for nobody but their uploader where it is not to be seen what of them is pictures and sound', async () => {
    const { id, ada, media } = await add(box('mp42'), 'a.mp4');
    expect(media.url).toBeNull();
    const own = expectData(await graph.run(ada, QUERY, { id })) as { media: Seen };
    expect((await download(own.media.url)).bytes).toEqual(box('mp42'));
  });

  it('get the copy that others have by and by where they are from before there was one, and so do those with the same bytes', async () => {
    const { id, ada } = await add(testFilm(), 'a.mp4');
    await rm(path.join(graph.dataDir, 'media', 'objects', id, 'full'));
    await graph.pool.query('UPDATE media_items SET has_full = false WHERE id = $1', [id]);
    const seen = async (of: string) =>
      (expectData(await graph.run(buildViewer(), QUERY, { id: of })) as { media: { url: string | null } }).media.url;
    expect(await seen(id)).toBeNull();
    const again = await graph.addMedia(ada, testFilm(), 'b.mp4');
    graph.attached.add(again);
    expect((await download((await seen(again)) ?? '')).bytes).toHaveLength(testFilm().length);
    expect(await seen(id)).toBeNull();
    await graph.pool.query('INSERT INTO media_jobs (media_id) VALUES ($1)', [id]);
    while ((await seen(id)) === null) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it('have the first page of a PDF as their thumbnail, and run nothing in it', async () => {
    const { media } = await add(pdf(), 'a.pdf');
    expect(media).toMatchObject({
      mimeType: 'application/pdf',
      width: null,
      small: { width: 160, height: 80, mimeType: 'image/webp' },
      avif: { width: 1280, height: 640, mimeType: 'image/avif' },
      placeholder: expect.any(String),
    });
    const { bytes, headers } = await download(media.small.url);
    expect(headers).toMatchObject({
      'content-type': 'image/webp',
      'content-disposition': expect.stringMatching(/^inline/),
    });
    const { dominant } = await sharp(bytes).stats();
    expect(dominant.r).toBeGreaterThan(220);
    expect(dominant.b).toBeLessThan(40);
    expect((await download(media.url)).headers['content-disposition']).toMatch(/^attachment/);
  });

  it('are kept without a picture where their decoder is not there, and then for their uploader alone', async () => {
    const ada = buildViewer();
    const { uploadMedia } = expectData(await graph.upload(ada, box('heic'), 'a.heic'));
    expect(uploadMedia).toMatchObject({
      media: { mimeType: 'image/heic', status: 'READY', thumbnail: { mimeType: 'image/svg+xml' } },
    });
    const { id } = uploadMedia.media as { id: string };
    graph.attached.add(id);
    const seen = async (who: typeof ada) =>
      (expectData(await graph.run(who, QUERY, { id })) as { media: { url: string | null } }).media.url;
    expect(await seen(ada)).not.toBeNull();
    // What a telephone has written into it is nobody else's.
    expect(await seen(buildViewer())).toBeNull();
  });

  it('are bounded by their type', async () => {
    const ada = buildViewer();
    const long = async (bytes: number, filename: string) =>
      expectData(await graph.upload(ada, Buffer.alloc(bytes, 'text '), filename)).uploadMedia;
    expect(await long(1001, 'a.txt')).toMatchObject({ __typename: 'MediaTooLargeProblem', maxBytes: 1000 });
    expect(await long(11, 'a.csv')).toMatchObject({ __typename: 'MediaTooLargeProblem', maxBytes: 10 });
    expect(await long(10, 'a.csv')).toMatchObject({ __typename: 'UploadMediaSuccess' });
  });

  it('have no icon that there is none of', async () => {
    for (const name of ['none.svg', 'text', '..%2ftext.svg', '__proto__.svg'])
      expect((await download(`${graph.url}/icons/${name}`)).status).toBe(404);
  });
});

describe('a type that the settings do not list', () => {
  it('is refused', async () => {
    await using graph = await startMediaGraph({ MEDIA_ALLOWED_TYPES: 'image/png, text/*' });
    const { uploadMedia } = expectData(await graph.upload(buildViewer(), zip(), 'a.zip'));
    expect(uploadMedia).toMatchObject({
      __typename: 'UnsupportedMediaTypeProblem',
      mimeType: 'application/zip',
      allowed: ['image/png', 'text/plain', 'text/markdown', 'text/csv'],
    });
    expect(await graph.files()).toEqual([]);
    expect(() => readMediaConfig({ MEDIA_ALLOWED_TYPES: 'text/html' })).toThrow(
      /MEDIA_ALLOWED_TYPES: "text\/html" is not/,
    );
  });
});
