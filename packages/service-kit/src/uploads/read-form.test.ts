import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AppError } from '../app-error.js';
import { readFormWithFile } from './read-form.js';
import { readMultipart } from './read-multipart.js';
import { UnreadableMultipart } from './upload-map.js';
import { createUploadSpool, type UploadSpool } from './upload-spool.js';

/** What the head of a part may say, and need not. */
const parameter = fc.constantFrom(
  'name="file"',
  'name="operations"',
  'name="map"',
  'name="0"',
  'name=""',
  'name',
  'filename="a.png"',
  'filename=""',
  "filename*=UTF-8''a.png",
  "filename*=klingon'x'a",
  'x="y"',
  '"',
);
const disposition = fc
  .tuple(fc.constantFrom('form-data', 'attachment', '', 'form-data form-data'), fc.array(parameter, { maxLength: 3 }))
  .map(([kind, parameters]) => `content-disposition: ${[kind, ...parameters].join('; ')}\r\n`);
const head = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: disposition },
      fc.constantFrom('content-type: image/png\r\n', 'content-type: ;;\r\n', 'content-type:\r\n', ': \r\n', 'x\r\n'),
      fc.constant('content-transfer-encoding: base64\r\n'),
    ),
    { maxLength: 3 },
  )
  .map((lines) => lines.join(''));
const content = fc.constantFrom('', 'x', '{"query":"{ a }","variables":{"f":null}}', '{"0":["variables.f"]}', '\ufffd');
const part = fc.tuple(head, content).map(([lines, text]) => `--b\r\n${lines}\r\n${text}\r\n`);
const form = fc.tuple(
  fc.array(part, { maxLength: 4 }),
  fc.constantFrom('--b--\r\n', '--b--', '--b', '--b\r\n\r\n', ''),
);

function requestOf(text: string, size: number): IncomingMessage {
  const whole = Buffer.from(text);
  const pieces = Array.from({ length: Math.ceil(whole.length / size) }, (_, at) =>
    whole.subarray(at * size, (at + 1) * size),
  );
  const headers = { 'content-type': 'multipart/form-data; boundary=b' };
  const request = Readable.from(pieces, { objectMode: false });
  return Object.assign(request, { headers, complete: true }) as unknown as IncomingMessage;
}

/** Whether what went wrong is told to the client as its own fault. */
const isTold = (error: unknown) => error instanceof UnreadableMultipart || error instanceof AppError;

describe('a form whose parts say what they like', () => {
  let spool: UploadSpool;
  beforeAll(() => {
    spool = createUploadSpool({ maxBytes: 1_000_000 });
  });
  // Files that still came when their form was given up are dropped when they are there.
  afterAll(async () => {
    while (spool.bytes() > 0) await setImmediate();
  });

  it('is refused where a part has no name, and the process goes on', async () => {
    const limits = { maxFileBytes: 100, maxFieldBytes: 100, maxFields: 2 };
    for (const rest of ['', '; filename="a.png"']) {
      const text = `--b\r\ncontent-disposition: form-data${rest}\r\n\r\nx\r\n--b--\r\n`;
      await expect(readFormWithFile(requestOf(text, 7), 'file', limits)).rejects.toThrow(UnreadableMultipart);
    }
  });

  it('is read, or refused as what it is', async () => {
    await fc.assert(
      fc.asyncProperty(form, fc.integer({ min: 1, max: 200 }), async ([parts, end], size) => {
        const text = parts.join('') + end;
        const limits = { maxFileBytes: 100, maxFieldBytes: 100, maxFields: 2 };
        const faults: unknown[] = [];
        const noted = (error: unknown) => void faults.push(error);
        const read = await readFormWithFile(requestOf(text, size), 'file', limits).catch(noted);
        if (read) {
          const file = await read.file.promise?.catch(noted);
          if (file) await buffer(file.createReadStream()).catch(noted);
        }
        const multipart = readMultipart(requestOf(text, size), { ...limits, maxFiles: 2 }, spool);
        await multipart.operations.catch(noted);
        multipart.release();
        expect(faults.filter((fault) => !isTold(fault))).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });
});
