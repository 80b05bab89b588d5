import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { PartsFormat, RenderedParts } from '@taskgraph/federation-engine/internal/execute/render-parts.js';

const BOUNDARY = '-';
const DELIMITER = `\r\n--${BOUNDARY}`;
const HEAD = '\r\ncontent-type: application/json; charset=utf-8\r\n\r\n';

/**
 * Sends an answer in parts, each as soon as it is there, at the pace of the client.
 *
 * When the client has gone, nothing is waited for any more.
 */
export async function sendInParts(response: ServerResponse, first: string, rest: RenderedParts): Promise<void> {
  const gone = new AbortController();
  const leave = () => {
    rest.leave();
    gone.abort();
  };
  response.once('close', leave);
  try {
    begin(response, rest.format);
    // The delimiter behind a part lets clients read it before the next one comes.
    await write(response, `${DELIMITER}${HEAD}${first}${DELIMITER}`, gone.signal);
    for await (const part of rest) {
      if (response.destroyed) return;
      await write(response, `${HEAD}${part}${DELIMITER}`, gone.signal);
    }
    response.end('--\r\n');
  } finally {
    response.off('close', leave);
    // Also when the client had gone before.
    rest.leave();
  }
}

/** Sends an answer that is whole to a client that reads parts only. */
export function sendOnePart(response: ServerResponse, body: string, format: PartsFormat): void {
  begin(response, format);
  response.end(`${DELIMITER}${HEAD}${body.slice(0, -1)},"hasNext":false}${DELIMITER}--\r\n`);
}

function begin(response: ServerResponse, format: PartsFormat): void {
  response.writeHead(200, {
    'content-type': `multipart/mixed; boundary="${BOUNDARY}"; ${format}`,
    'cache-control': 'no-store',
  });
}

async function write(response: ServerResponse, text: string, gone: AbortSignal): Promise<void> {
  if (response.write(text) || gone.aborted) return;
  await once(response, 'drain', { signal: gone }).catch((error: unknown) => {
    if (!gone.aborted) throw error;
  });
}
