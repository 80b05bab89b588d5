import { Readable } from 'node:stream';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { readCodedJsonBody } from './coded-json-body.js';

const MAX_BYTES = 1_000;
const JSON_TYPE = 'application/json';
const BODY = { query: '{ café }' };
const TEXT = JSON.stringify(BODY);

/** Reads bytes that come one by one. */
function read(bytes: Buffer, coding?: string, type = JSON_TYPE, isWhole = true): Promise<unknown> {
  const request = new Readable({ read: () => undefined });
  for (const byte of bytes) request.push(Buffer.of(byte));
  if (isWhole) request.push(null);
  else setImmediate(() => request.destroy());
  const headers = { 'content-type': type, ...(coding !== undefined && { 'content-encoding': coding }) };
  Object.assign(request, { headers, complete: isWhole });
  return readCodedJsonBody(request as never, MAX_BYTES);
}

describe('a body of JSON that is coded', () => {
  it.each<[string, Buffer, (string | undefined)?, string?]>([
    ['in gzip', gzipSync(TEXT), 'gzip'],
    ['in a coding in capitals', gzipSync(TEXT), ' GZIP '],
    ['in deflate', deflateSync(TEXT), 'deflate'],
    ['in brotli', brotliCompressSync(TEXT), 'br'],
    ['in UTF-16', Buffer.from(TEXT, 'utf16le'), undefined, `${JSON_TYPE}; charset=utf-16`],
    ['in UTF-16 and gzip', gzipSync(Buffer.from(TEXT, 'utf16le')), 'gzip', `${JSON_TYPE}; charset="UTF-16LE"`],
    ['in nothing, as it says', Buffer.from(TEXT), 'identity'],
  ])('is read: %s', async (_how, bytes, coding, type) => {
    expect(await read(bytes, coding, type)).toEqual(BODY);
  });

  it.each<[string, number, Buffer, (string | undefined)?, string?]>([
    ['is larger than it says', 413, gzipSync(JSON.stringify('x'.repeat(MAX_BYTES))), 'gzip'],
    ['ends early', 400, gzipSync(TEXT).subarray(0, -8), 'gzip'],
    ['is in another coding than it says', 400, Buffer.from(TEXT), 'gzip'],
    ['is no JSON', 400, gzipSync('['), 'gzip'],
    ['is no text of its charset', 400, gzipSync(Buffer.from(TEXT, 'latin1')), 'gzip'],
    ['is in a coding that is not known', 415, Buffer.from(TEXT), 'zstd'],
    ['is coded twice', 415, gzipSync(gzipSync(TEXT)), 'gzip, gzip'],
    ['is in a charset that is not known', 415, Buffer.from(TEXT), 'gzip', `${JSON_TYPE}; charset=latin1`],
  ])('is refused that %s', async (_what, status, bytes, coding, type) => {
    await expect(read(bytes, coding, type)).rejects.toMatchObject({ name: 'UnreadableBody', status });
  });

  it('is waited for no longer than its client is there', async () => {
    await expect(read(gzipSync(TEXT).subarray(0, 9), 'gzip', JSON_TYPE, false)).rejects.toMatchObject({ status: 400 });
  });
});
