import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { charsetOf, readBytes, unreadable, UnreadableBody } from './json-body.js';
import { parseJson } from './parse-json.js';

type Decode = (body: Buffer, limit: { readonly maxOutputLength: number }) => Promise<Buffer>;

const asItIs: Decode = async (body) => body;
const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['', asItIs],
  ['identity', asItIs],
  ['gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)],
]);
const CHARSET = /^utf-?8$|^utf-16(le|be)?$/i;

/**
 * Reads a JSON body that may be compressed, or in UTF-16, as some gateways send them. The limit is of what comes, and of what comes out.
 * It is decoded when it is whole: what a coding leaves unread at its end, or behind a fault, is no beginning of another request.
 *
 * @throws UnreadableBody 400 for what is no JSON, and when the client goes away, 413 beyond `maxBytes`, 415 for another coding or charset
 */
export async function readCodedJsonBody(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const { 'content-encoding': coding = '', 'content-type': type = '' } = request.headers;
  const charset = charsetOf(type) ?? 'utf-8';
  const decode = DECODERS.get(coding.trim().toLowerCase());
  if (!decode) throw new UnreadableBody(415, 'Send the request in gzip, deflate or br, or in no content-encoding.');
  if (!CHARSET.test(charset)) throw new UnreadableBody(415, 'Send the request in the charset UTF-8 or UTF-16.');
  const coded = await readBytes(request, maxBytes);
  try {
    const body = await decode(coded, { maxOutputLength: maxBytes });
    // Which skips the mark.
    return parseJson(new TextDecoder(toEncoding(charset, body), { fatal: true }).decode(body));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new UnreadableBody(413, `A request has at most ${maxBytes} bytes.`);
    throw unreadable(error);
  }
}

/** What a charset means to a `TextDecoder`. UTF-16 tells the order of its bytes by a mark in front of them (RFC 2781, section 4.3). */
function toEncoding(charset: string, body: Buffer): string {
  return /^utf-16$/i.test(charset) && body[0] === 0xfe && body[1] === 0xff ? 'utf-16be' : charset;
}
