import { once } from 'node:events';
import type { ServerResponse } from 'node:http';

const BOUNDARY = '-';
const PART = `\r\n--${BOUNDARY}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n`;

/** Sends an answer in parts, each as soon as it is there, at the pace of the client. */
export async function sendInParts(response: ServerResponse, first: string, rest: AsyncIterable<string>): Promise<void> {
  response.writeHead(200, {
    'content-type': `multipart/mixed; boundary="${BOUNDARY}"; deferSpec=20220824`,
    'cache-control': 'no-store',
  });
  await write(response, PART + first);
  // The delimiter behind a part lets clients read it before the next one comes.
  await write(response, `\r\n--${BOUNDARY}`);
  const head = PART.slice(`\r\n--${BOUNDARY}`.length);
  for await (const part of rest) {
    if (response.destroyed) return;
    await write(response, `${head}${part}\r\n--${BOUNDARY}`);
  }
  response.end('--\r\n');
}

async function write(response: ServerResponse, text: string): Promise<void> {
  if (!response.write(text) && !response.destroyed)
    await Promise.race([once(response, 'drain'), once(response, 'close')]);
}
