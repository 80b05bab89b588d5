import type { IncomingMessage } from 'node:http';

/** How long a client that already has its answer may take to send the rest of its body. */
const DRAIN_TIMEOUT_MS = 10_000;

/** Reads on to the end of a body that nobody takes any more: it would block its connection for the next request. */
export function dropBody(request: IncomingMessage): void {
  if (request.readableEnded || request.destroyed) return;
  request.unpipe();
  request.resume();
  const timer = setTimeout(() => request.destroy(), DRAIN_TIMEOUT_MS).unref();
  request.once('close', () => clearTimeout(timer));
  request.once('end', () => clearTimeout(timer));
}
