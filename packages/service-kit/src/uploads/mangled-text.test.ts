import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AppError } from '../app-error.js';
import { readFormWithFile } from './read-form.js';
import { readMultipart } from './read-multipart.js';
import { UnreadableMultipart } from './upload-map.js';
import { createUploadSpool, type UploadSpool } from './upload-spool.js';

type Bytes = string | Uint8Array;

/** Bytes as a client sends them: text, pieces of it, what is none, and the character that stands for what is none. */
const bytes = fc
  .array(
    fc.oneof(
      fc.fullUnicodeString({ maxLength: 3 }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 3 }).map((piece) => Buffer.from(piece)),
      fc.constantFrom('\ufffd', 'é', '%EF%BF%BD', '\u00ef\u00bf\u00bd').map((text) => Buffer.from(text)),
      fc.constantFrom([0xe9], [0xef, 0xbf], [0xed, 0xa0, 0x80], [0xc0, 0xaf]).map((piece) => Buffer.from(piece)),
    ),
    { maxLength: 6 },
  )
  // What ends a value, or escapes in it, is not what is tried here.
  .map((pieces) =>
    Buffer.concat(pieces).map((byte) => (byte < 0x20 || byte === 0x7f || byte === 0x22 || byte === 0x5c ? 0x2e : byte)),
  );
const charset = fc.constantFrom('', '; charset=utf-8', '; charset=UTF-8');
const step = fc.integer({ min: 1, max: 40 });

function part(head: Bytes, content: Bytes, type = ''): Buffer {
  return Buffer.concat(
    [
      '--b\r\ncontent-disposition: form-data; ',
      head,
      type && `\r\ncontent-type: text/plain${type}`,
      '\r\n\r\n',
      content,
      '\r\n',
    ].map((each) => Buffer.from(each as string)),
  );
}

/** A request that comes in pieces. */
function requestOf(parts: readonly Buffer[], size: number): IncomingMessage {
  const whole = Buffer.concat([...parts, Buffer.from('--b--\r\n')]);
  const pieces = Array.from({ length: Math.ceil(whole.length / size) }, (_, at) =>
    whole.subarray(at * size, (at + 1) * size),
  );
  const headers = { 'content-type': 'multipart/form-data; boundary=b' };
  return Object.assign(Readable.from(pieces, { objectMode: false }), {
    headers,
    complete: true,
  }) as unknown as IncomingMessage;
}

const head = (name: string, filename: Bytes) =>
  Buffer.concat([Buffer.from(`name="${name}"; filename="`), Buffer.from(filename as string), Buffer.from('"')]);
const encoded = (name: string, filename: Uint8Array) =>
  `name="${name}"; filename*=UTF-8''${[...filename].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')}`;

/** What a text is, or null for what is none. */
const textOf = (value: Uint8Array) => (isUtf8(value) ? Buffer.from(value).toString() : null);
/** The same of a name, which may not say percent-encoded that it was mangled before. */
const nameOf = (value: Uint8Array, isEncoded: boolean) => {
  const text = textOf(value);
  return isEncoded && text?.includes('\ufffd') ? null : text;
};
const orNull = <Value>(read: Promise<Value>) =>
  read.catch((error: unknown) => {
    if (error instanceof UnreadableMultipart || error instanceof AppError) return null;
    throw error;
  });

describe('text of a form', () => {
  let spool: UploadSpool;
  beforeAll(() => {
    spool = createUploadSpool({ maxBytes: 1_000_000 });
  });
  afterAll(() => expect(spool.bytes()).toBe(0));
  const limits = { maxFiles: 3, maxFileBytes: 1_000, maxFieldBytes: 1_000 };

  it('is what was sent or refused, in operations', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, charset, step, async (value, type, size) => {
        const operations = Buffer.concat([Buffer.from('{"query":"'), value, Buffer.from('"}')]);
        const request = requestOf([part('name="operations"', operations, type), part('name="map"', '{}')], size);
        const read = await orNull(readMultipart(request, limits, spool).operations);
        expect((read as { query?: string } | null)?.query ?? null).toBe(textOf(value));
      }),
    );
  });

  it('is what was sent or refused, in fields and names of files', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, bytes, fc.boolean(), charset, step, async (value, rest, isEncoded, type, size) => {
        const filename = Buffer.concat([Buffer.from('a'), rest]);
        const named = isEncoded ? encoded('file', filename) : head('file', filename);
        const parts = [part('name="altText"', value, type), part(named, 'x')];
        const form = await orNull(readFormWithFile(requestOf(parts, size), 'file', { ...limits, maxFields: 1 }));
        const [text, name] = [textOf(value), nameOf(filename, isEncoded)];
        expect(form && [form.fields.get('altText'), (await form.file.promise).filename]).toEqual(
          text === null || name === null ? null : [text, name],
        );
      }),
    );
  });

  it('is what was sent or refused, in the name of a file before its map and behind it', async () => {
    await fc.assert(
      fc.asyncProperty(bytes, fc.boolean(), fc.boolean(), step, async (rest, isEncoded, isEarly, size) => {
        const filename = Buffer.concat([Buffer.from('a'), rest]);
        const file = part(isEncoded ? encoded('0', filename) : head('0', filename), 'x');
        const fields = [
          part('name="operations"', '{"query":"mutation($f: Upload!) { a(f: $f) }","variables":{"f":null}}'),
          part('name="map"', '{"0":["variables.f"]}'),
        ];
        const multipart = readMultipart(
          requestOf(isEarly ? [file, ...fields] : [...fields, file], size),
          limits,
          spool,
        );
        type Read = { variables: { f: { promise: Promise<{ filename: string; createReadStream: () => Readable }> } } };
        const found = await orNull(multipart.operations.then((read) => (read as Read).variables.f.promise));
        expect(found?.filename ?? null).toBe(nameOf(filename, isEncoded));
        if (found) expect((await buffer(found.createReadStream())).toString()).toBe('x');
        multipart.release();
      }),
    );
  });

  it.each([
    ['operations twice', [part('name="operations"', '{}'), part('name="operations"', '{}'), part('name="map"', '{}')]],
    ['a map twice', [part('name="map"', '{}'), part('name="map"', '{}'), part('name="operations"', '{}')]],
    ['a byte order mark', [part('name="operations"', '\ufeff{}'), part('name="map"', '{}')]],
    ['a byte order mark of the map', [part('name="operations"', '{}'), part('name="map"', '\ufeff{}')]],
  ])('is refused with %s', async (_what, parts) => {
    await expect(readMultipart(requestOf(parts, 7), limits, spool).operations).rejects.toThrow(UnreadableMultipart);
  });
});
