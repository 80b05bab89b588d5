import type { IncomingMessage } from 'node:http';
import { PassThrough, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { UnreadableBody } from './json-body.js';
import { parseJson } from './parse-json.js';

const DECODERS: ReadonlyMap<string, () => Transform> = new Map<string, () => Transform>([
  ['', () => new PassThrough()],
  ['identity', () => new PassThrough()],
  ['gzip', () => createGunzip()],
  ['deflate', () => createInflate()],
  ['br', () => createBrotliDecompress()],
]);
const CHARSET = /^utf-?8$|^utf-16(le|be)?$/i;

/**
 * Reads a JSON body that may be compressed, or in UTF-16, as some gateways send them. The limit is of what comes out.
 *
 * @throws UnreadableBody 400 for what is no JSON, and when the client goes away, 413 beyond `maxBytes`, 415 for another coding or charset
 */
export async function readCodedJsonBody(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const { 'content-encoding': coding = '', 'content-type': type = '' } = request.headers;
  const [, charset = 'utf-8'] = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(type) ?? [];
  const createDecoder = DECODERS.get(coding.trim().toLowerCase());
  if (!createDecoder)
    throw new UnreadableBody(415, 'Send the request in gzip, deflate or br, or in no content-encoding.');
  if (!CHARSET.test(charset)) throw new UnreadableBody(415, 'Send the request in the charset UTF-8 or UTF-16.');
  const decoder = createDecoder();
  request.once('close', () => {
    if (!request.complete) decoder.destroy(new Error('the client went away'));
  });
  request.pipe(decoder);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new UnreadableBody(413, `A request has at most ${maxBytes} bytes.`);
      chunks.push(chunk);
    }
    return parseJson(new TextDecoder(charset, { fatal: true }).decode(Buffer.concat(chunks)));
  } catch (error) {
    if (error instanceof UnreadableBody) throw error;
    throw new UnreadableBody(400, 'The request body cannot be read.');
  }
}
