import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { parseJson, RefusedJson } from './parse-json.js';

/** A body that is not taken. */
export class RefusedBody extends Error {
  constructor(
    /** Of HTTP: 400 for what is no JSON, 413 for what is too long. */
    readonly status: 400 | 413,
    message: string,
  ) {
    super(message);
    this.name = 'RefusedBody';
  }
}

const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset=utf-8\s*)?$/i;

/** Whether a request has a body that {@link readJsonBody} can read: JSON in UTF-8, not compressed. */
export function hasJsonBody({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'POST' &&
    headers['content-encoding'] === undefined &&
    JSON_IN_UTF8.test(headers['content-type']?.trim() ?? '')
  );
}

/**
 * Reads a JSON body.
 *
 * @throws RefusedBody 400 for what is no JSON in UTF-8, or nested too deeply, and when the client goes away, 413 beyond `maxBytes`
 */
export function readJsonBody(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let whole = false;
    const tooLarge = () => reject(new RefusedBody(413, `A request has at most ${maxBytes} bytes.`));
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
      try {
        const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
        // Node would read other bytes as replacement characters, and what was meant would be lost without a word.
        if (!isUtf8(body)) throw unreadable();
        resolve(parseJson(body.toString('utf8')));
      } catch (error) {
        reject(unreadable(error));
      }
    });
    request.once('error', () => reject(unreadable()));
    request.once('close', () => {
      if (!whole) reject(unreadable());
    });
  });
}

function unreadable(cause?: unknown): RefusedBody {
  const why = cause instanceof RefusedJson && cause.fault === 'DEPTH' ? `: ${cause.message}` : '';
  return new RefusedBody(400, `The request body cannot be read${why}.`);
}
