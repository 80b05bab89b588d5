import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { KNOWN_MEDIA_TYPES, parseTypeLimit, parseTypePattern } from './media-kinds.js';
import { findRefusal, sniffMimeType } from './media-types.js';

const rules = { allowed: KNOWN_MEDIA_TYPES, maxBytesOf: {} };
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

  it.each<[what: string, bytes: string | Buffer, filename: string, mimeType: string, refusal: RegExp | null]>([
    ['an SVG', `${SVG}><path d="M0 0"/></svg>`, 'a.svg', 'image/svg+xml', null],
    ['an SVG with a prolog', '<?xml version="1.0"?>\n<!-- x --><svg width="1">', 'a.svg', 'image/svg+xml', null],
    ['an SVG with a script', `${SVG}><script/></svg>`, 'a.svg', 'image/svg+xml', /scripts/],
    ['an SVG with a handler', `${SVG} onload="alert(1)">`, 'a.svg', 'image/svg+xml', /scripts/],
    ['an SVG with a link that runs', `${SVG}><a href="javascript:x"/>`, 'a.svg', 'image/svg+xml', /scripts/],
    ['an SVG that is called a picture', `${SVG}/>`, 'a.png', 'image/svg+xml', /the name/i],
    ['text', 'just text, with ümlauts', 'a.txt', 'text/plain', null],
    ['text that is called a picture', 'just text', 'a.jpg', 'text/plain', /the name/i],
    ['Markdown', '# A title\n\n<p align="center">', 'README.md', 'text/markdown', null],
    ['CSV', 'a,b\n1,2\n', 'a.CSV', 'text/csv', null],
    ['a name that says nothing', 'a,b\n1,2\n', 'csv', 'text/plain', null],
    ['HTML', '<!doctype html><script>alert(1)</script>', 'a.txt', 'text/html', /are not taken/],
    ['HTML behind a comment', '\n<!-- x --> <script>alert(1)</script>', 'a.md', 'text/html', /are not taken/],
    ['XML', '<?xml version="1.0"?><a/>', 'a.txt', 'application/xml', /are not taken/],
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
