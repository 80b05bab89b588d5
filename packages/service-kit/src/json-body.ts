import { isAscii, isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { parseJson, UnreadableJson } from './parse-json.js';

/** A body that is not taken. */
export class UnreadableBody extends Error {
  constructor(
    /** Of HTTP: 400 for what is no JSON, 413 for what is too long, 415 for what is written in a way that is not read. */
    readonly status: 400 | 413 | 415,
    message: string,
  ) {
    super(message);
    this.name = 'UnreadableBody';
  }
}

/** Whether a request says that its body is JSON, in whatever coding and charset. */
export function saysJson({ method, headers }: IncomingMessage): boolean {
  const type = headers['content-type'];
  // What nearly every client sends is told without a look at its parameters.
  return (
    method === 'POST' &&
    (type === 'application/json' || (type !== undefined && /^application\/json\s*(;|$)/i.test(type)))
  );
}

/** Whether a request says that its body is of one of these media types, whatever their parameters are. */
export function isOfType({ headers }: IncomingMessage, ...types: readonly string[]): boolean {
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  return type !== undefined && types.includes(type);
}

/** Whether a request has a body that {@link readJsonBody} can read: JSON in UTF-8, not compressed. */
export function hasJsonBody(request: IncomingMessage): boolean {
  return saysJson(request) && whyUnreadable(request) === null;
}

/**
 * Makes sure that a body is neither compressed nor in another charset than UTF-8. Compressed bodies are not taken, as small ones do
 * not need it and large ones would be larger than their limit.
 *
 * @throws UnreadableBody 415 (RFC 9110, section 15.5.16)
 */
export function assertReadable(request: IncomingMessage): void {
  const why = whyUnreadable(request);
  if (why !== null) throw new UnreadableBody(415, why);
}

function whyUnreadable({ headers }: IncomingMessage): string | null {
  const encoding = headers['content-encoding']?.trim().toLowerCase();
  if (encoding !== undefined && encoding !== '' && encoding !== 'identity')
    return 'Send the request without a content-encoding.';
  const type = headers['content-type'];
  if (type === undefined || !type.includes(';')) return null;
  const charset = charsetOf(type);
  return charset === undefined || /^utf-?8$/i.test(charset) ? null : 'Send the request in the charset UTF-8.';
}

/** The charset that a media type names; one without a name is none. */
export function charsetOf(type: string): string | undefined {
  return /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(type)?.[1];
}

/**
 * Reads a JSON body. A byte order mark in front of it is skipped (RFC 8259, section 8.1).
 *
 * @throws UnreadableBody 400 for what is no JSON in UTF-8, or nested too deeply, and when the client goes away, 413 beyond `maxBytes`,
 * 415 as {@link assertReadable} says
 */
export async function readJsonBody(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  assertReadable(request);
  const body = await readBytes(request, maxBytes);
  try {
    const isPlain = isAscii(body);
    // Node would read other bytes as replacement characters, and what was meant would be lost without a word.
    if (!isPlain && !isUtf8(body)) throw unreadable();
    return parseJson(isPlain ? body.toString('latin1') : body.toString('utf8', hasMark(body) ? MARK.length : 0));
  } catch (error) {
    throw unreadable(error);
  }
}

/** U+FEFF in UTF-8. */
const MARK = Buffer.from('\ufeff');

function hasMark(body: Buffer): boolean {
  return body.subarray(0, MARK.length).equals(MARK);
}

/**
 * Reads a body to its end as it comes: nothing of it is left on the connection, unless it is too long.
 *
 * @throws UnreadableBody 400 when the client goes away, 413 beyond `maxBytes`
 */
export function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let whole = false;
    const tooLarge = () => reject(new UnreadableBody(413, `A request has at most ${maxBytes} bytes.`));
    if (Number(request.headers['content-length']) > maxBytes) {
      request.resume();
      tooLarge();
      return;
    }
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else tooLarge();
    });
    request.once('end', () => {
      whole = true;
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    });
    request.once('error', () => reject(unreadable()));
    request.once('close', () => {
      if (!whole) reject(unreadable());
    });
  });
}

/** What is told of a body that is not as it is to be. */
export function unreadable(cause?: unknown): UnreadableBody {
  const why = cause instanceof UnreadableJson && cause.fault === 'DEPTH' ? `: ${cause.message}` : '';
  return new UnreadableBody(400, `The request body cannot be read${why}.`);
}
