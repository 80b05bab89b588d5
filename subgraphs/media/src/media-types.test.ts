import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { isAllowedMimeType, sniffMimeType } from './media-types.js';

describe('sniffMimeType', () => {
  it.each(['jpeg', 'png', 'webp', 'gif', 'avif'] as const)('knows %s', async (format) => {
    const bytes = await sharp({ create: { width: 16, height: 16, channels: 3, background: 'red' } })
      .toFormat(format)
      .toBuffer();
    const mimeType = await sniffMimeType(bytes);
    expect(mimeType).toBe(`image/${format}`);
    expect(isAllowedMimeType(mimeType)).toBe(true);
  });

  it.each([
    ['an SVG', '<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', 'image/svg+xml'],
    ['an SVG with a prolog', '<?xml version="1.0"?>\n<!-- x --><svg width="1">', 'image/svg+xml'],
    ['text', 'just text, with ümlauts', 'text/plain'],
    ['HTML', '<!doctype html><script>alert(1)</script>', 'text/plain'],
    ['a PDF', '%PDF-1.7\n', 'application/pdf'],
    ['noise', Buffer.from([0, 1, 2, 250, 251]), 'application/octet-stream'],
    ['nothing', '', 'text/plain'],
  ])('calls %s what it is', async (_what, bytes, expected) => {
    const mimeType = await sniffMimeType(Buffer.from(bytes as string));
    expect(mimeType).toBe(expected);
    expect(isAllowedMimeType(mimeType)).toBe(false);
  });
});
