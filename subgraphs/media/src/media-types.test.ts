import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { KNOWN_MEDIA_TYPES, parseTypeLimit, parseTypePattern } from './media-kinds.js';
import { findRefusal, sniffMimeType } from './media-types.js';

const rules = { allowed: KNOWN_MEDIA_TYPES, maxBytesOf: {} };
/** A file of an archive, not packed (APPNOTE 4.3.7). */
function entry(name: string, content: string): Buffer {
  const head = Buffer.alloc(30);
  head.write('PK\x03\x04', 'latin1');
  head.writeUInt32LE(content.length, 18);
  head.writeUInt32LE(content.length, 22);
  head.writeUInt16LE(name.length, 26);
  return Buffer.concat([head, Buffer.from(name), Buffer.from(content)]);
}
const office = (kind: string) => {
  const type = `application/vnd.openxmlformats-officedocument.${kind}`;
  const content = `<Types><Override PartName="/a.xml" ContentType="${type}.main+xml"/></Types>`;
  return [type, entry('[Content_Types].xml', content)] as const;
};
const openDocument = (kind: string) => {
  const type = `application/vnd.oasis.opendocument.${kind}`;
  return [type, entry('mimetype', type)] as const;
};
const iso = (brand: string) => Buffer.from(`\0\0\0\x14ftyp${brand}\0\0\0\0${brand}`, 'latin1');
const bytesOf = (text: string) => Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(64)]);
const SAMPLES: Readonly<Record<string, Buffer>> = {
  'image/heic': iso('heic'),
  'image/heif': iso('mif1'),
  'video/mp4': iso('isom'),
  'video/quicktime': iso('qt  '),
  'video/webm': Buffer.from('1a45dfa38f42f2810442f38108428284' + '7765626d'.padEnd(40, '0'), 'hex'),
  'audio/mp4': iso('M4B '),
  'audio/x-m4a': iso('M4A '),
  'audio/mpeg': bytesOf('ID3\x04\0\0\0\0\x7f\x7f'),
  'audio/aac': bytesOf('\xff\xf1\x50\x80'),
  'audio/ogg': bytesOf(`OggS${'\0'.repeat(24)}\x01vorbis`),
  'audio/flac': bytesOf('fLaC'),
  'audio/wav': bytesOf('RIFF\0\0\0\0WAVEfmt '),
  ...Object.fromEntries(
    ['wordprocessingml.document', 'spreadsheetml.sheet', 'presentationml.presentation'].map(office),
  ),
  ...Object.fromEntries(['text', 'spreadsheet', 'presentation'].map(openDocument)),
};
type Sample = [what: string, bytes: string | Buffer, filename: string, mimeType: string, refusal: RegExp | null];
const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le');
const SVG = '<svg xmlns="http://www.w3.org/2000/svg"';

describe('sniffMimeType', () => {
  it.each(['jpeg', 'png', 'webp', 'gif', 'avif', 'tiff'] as const)('knows %s', async (format) => {
    const bytes = await sharp({ create: { width: 16, height: 16, channels: 3, background: 'red' } })
      .toFormat(format)
      .toBuffer();
    const mimeType = await sniffMimeType(bytes, 'a.png');
    expect(mimeType).toBe(`image/${format}`);
    expect(findRefusal(mimeType, bytes, { filename: 'a.png', rules })).toBeNull();
  });

  it('knows what is taken by its bytes, and nothing else', async () => {
    for (const [mimeType, bytes] of Object.entries(SAMPLES)) {
      const found = await sniffMimeType(bytes, 'a');
      expect([mimeType, found]).toEqual([mimeType, mimeType]);
      expect(findRefusal(found, bytes, { filename: 'a', rules })).toBeNull();
    }
    const byOthers = [
      ...['jpeg', 'png', 'webp', 'gif', 'avif', 'tiff', 'svg+xml'].map((name) => `image/${name}`),
      ...['text/plain', 'text/markdown', 'text/csv', 'application/pdf', 'application/zip'],
    ];
    expect([...Object.keys(SAMPLES), ...byOthers].sort()).toEqual([...KNOWN_MEDIA_TYPES].sort());
  });

  it.each<Sample>([
    ['an SVG', `${SVG}><path d="M0 0"/></svg>`, 'a.svg', 'image/svg+xml', null],
    ['an SVG with a prolog', '<?xml version="1.0"?>\n<!-- x --><svg width="1">', 'a.svg', 'image/svg+xml', null],
    ['an SVG with a script', `${SVG}><script/></svg>`, 'a.svg', 'image/svg+xml', /scripts/],
    ['an SVG with a handler', `${SVG} onload="alert(1)">`, 'a.svg', 'image/svg+xml', /scripts/],
    ['an SVG with a link that runs', `${SVG}><a href="javascript:x"/>`, 'a.svg', 'image/svg+xml', /scripts/],
    ['an SVG with a script of a prefix', `${SVG}><x:script>alert(1)</x:script>`, 'a.svg', 'image/svg+xml', /scripts/],
    ['an SVG with a handler behind a slash', `${SVG}><g/onload="alert(1)"/>`, 'a.svg', 'image/svg+xml', /scripts/],
    ...['java&#115;cript:', 'java&#x0A;script&colon;', 'java&#x9;script&#58'].map((link): Sample => [
      `an SVG with a link to ${link}`,
      `${SVG}><a href="${link}x"/>`,
      'a.svg',
      'image/svg+xml',
      /scripts/,
    ]),
    [
      'an SVG of Illustrator',
      `<!DOCTYPE svg [<!ENTITY ns "http://x/">]>${SVG}><text>&#1114112; on a = b</text>`,
      'a.svg',
      'image/svg+xml',
      null,
    ],
    [
      'a drawing that is to be seen only behind what is looked at',
      `<!--${'x'.repeat(4_096)}`,
      'a.svg',
      'text/plain',
      /the name/i,
    ],
    ['an SVG that is called a picture', `${SVG}/>`, 'a.png', 'image/svg+xml', /the name/i],
    ['text', 'just text, with ümlauts', 'a.txt', 'text/plain', null],
    ['text that is called a picture', 'just text', 'a.jpg', 'text/plain', /the name/i],
    ['Markdown', '# A title\n\n<p align="center">', 'README.md', 'text/markdown', null],
    ['CSV', 'a,b\n1,2\n', 'a.CSV', 'text/csv', null],
    ['a name that says nothing', 'a,b\n1,2\n', 'csv', 'text/plain', null],
    ['HTML', '<!doctype html><script>alert(1)</script>', 'a.txt', 'text/html', /are not taken/],
    ['HTML behind a comment', '\n<!-- x --> <script>alert(1)</script>', 'a.md', 'text/html', /are not taken/],
    ['XML', '<?xml version="1.0"?><a/>', 'a.txt', 'application/xml', /are not taken/],
    ...[
      'BMW;320d;2019',
      'GIFs are fun',
      'MZ is a city',
      'fLaC is a format',
      'ID3 is one of tags',
      'OggS',
      'solid ground',
    ].map((words): Sample => [`text that begins with ${words}`, `${words}\nand goes on\n`, 'a.csv', 'text/csv', null]),
    ['a note of LaTeX', '%!TEX program = xelatex\n', 'a.txt', 'text/plain', null],
    ['text with colours of a terminal', 'BM \u001b[31mred\u001b[0m\n', 'a.txt', 'text/plain', null],
    ['Markdown about SVG', '# Icons\nWrite `<svg width="1">`, never `<script>`.\n', 'README.md', 'text/markdown', null],
    ['notes about SVG', 'tags: <svg> <g onload=1>\n', 'notes.txt', 'text/plain', null],
    [
      'an SVG with a document type',
      `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x"> ${SVG}/>`,
      'a.svg',
      'image/svg+xml',
      null,
    ],
    ['an SVG with a prefix', '<!-- x --><s:svg xmlns:s="http://www.w3.org/2000/svg"/>', 'a.svg', 'image/svg+xml', null],
    ['CSV of Excel in UTF-16', utf16('Name\tBetrag\r\nKäse\t3\r\n'), 'a.csv', 'text/csv', null],
    ['text in UTF-16, the other way round', utf16('Käse').swap16(), 'a.txt', 'text/plain', null],
    ['an SVG in UTF-16', utf16(`${SVG}><script/></svg>`), 'a.svg', 'image/svg+xml', /scripts/],
    ['HTML in UTF-16', utf16('<script>alert(1)</script>'), 'a.txt', 'text/html', /are not taken/],
    [
      'no text behind a mark of UTF-16',
      Buffer.from('fffe0000010002d8', 'hex'),
      'a.mp3',
      'application/octet-stream',
      /are not taken/,
    ],
    ['a PDF', '%PDF-1.7\n', 'a.pdf', 'application/pdf', null],
    ['a ZIP', Buffer.from('504b0506'.padEnd(44, '0'), 'hex'), 'a.zip', 'application/zip', null],
    ['a video', Buffer.from('00000018667479706d70343200000000', 'hex'), 'a.mp4', 'video/mp4', null],
    ['sound', Buffer.from('664c614300000022', 'hex'), 'a.flac', 'audio/flac', null],
    ['a program', Buffer.from('7f454c46020101', 'hex'), 'a.txt', 'application/x-elf', /are not taken/],
    ['noise', Buffer.from([0, 1, 2, 250, 251]), 'a', 'application/octet-stream', /are not taken/],
  ])('calls %s what it is', async (_what, content, filename, expected, refusal) => {
    const bytes = Buffer.from(content as string);
    const mimeType = await sniffMimeType(bytes, filename);
    expect(mimeType).toBe(expected);
    const found = findRefusal(mimeType, bytes, { filename, rules });
    expect(found === null ? null : refusal?.test(found)).toBe(refusal === null ? null : true);
  });
});

it('takes no longer for many comments before nothing', async () => {
  const bytes = Buffer.from('<!---->'.repeat(585) + 'x');
  expect(await sniffMimeType(bytes, 'a.md')).toBe('text/markdown');
});

describe('settings of types', () => {
  it('are types that are known, or all of a kind', () => {
    expect(parseTypePattern('image/png')).toEqual(['image/png']);
    expect(parseTypePattern('video/*')).toEqual(['video/mp4', 'video/webm', 'video/quicktime']);
    for (const none of ['text/html', 'image', '*', '*/*', 'application/x-elf', ''])
      expect(parseTypePattern(none)).toBeNull();
    expect(parseTypeLimit('text/csv=5')).toEqual({ 'text/csv': 5 });
    for (const none of ['text/csv', 'text/csv=', 'text/csv=0', 'text/csv=-1', 'text/html=5'])
      expect(parseTypeLimit(none)).toBeNull();
  });
});
