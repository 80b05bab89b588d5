import type { IncomingMessage } from 'node:http';
import { badRequest, type Refusal } from '../planning/refusal.js';

/**
 * Reads a JSON body.
 *
 * @throws Refusal 400 for what is no JSON in UTF-8, 413 beyond `maxBytes`; the request's error when the client goes away
 */
export function readJsonBody(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let whole = false;
    const tooLarge = () => reject(badRequest(`A request has at most ${maxBytes} bytes.`, 413, { connection: 'close' }));
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
        resolve(JSON.parse((chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString('utf8')));
      } catch {
        reject(unreadable());
      }
    });
    request.once('error', () => reject(unreadable()));
    request.once('close', () => {
      if (!whole) reject(unreadable());
    });
  });
}

function unreadable(): Refusal {
  return badRequest('The request body cannot be read.');
}
