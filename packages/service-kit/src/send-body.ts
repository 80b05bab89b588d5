import type { ServerResponse } from 'node:http';
import { tellOfAnswer } from './slow-readers.js';

/**
 * Sends an answer that is there as a whole, with its length: without it, it would go out in chunks, five writes in the place of
 * one. Text that is as long in bytes as in characters is ASCII, which is copied as it is; encoding it as UTF-8 takes Node
 * several times as long.
 */
export function sendBody(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Buffer,
  isAscii = false,
): void {
  const bytes = isAscii ? body.length : Buffer.byteLength(body);
  response.statusCode = status;
  // One by one: others have been set before, and `writeHead` would copy all of them twice.
  for (const name in headers) response.setHeader(name, headers[name] as string);
  response.setHeader('content-length', String(bytes));
  response.end(body, bytes === body.length ? 'latin1' : 'utf8');
  tellOfAnswer(response.req, bytes);
}
