import { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Log } from './log.js';
import { answerInBytes, type RefusalForms } from './http-edges.js';
import { afterAnswers, hasLastAnswer, inPlaceOf, owesAnswer, waitingRequests } from './request-turns.js';

export interface RequestTimeouts {
  /** From the first byte of a request, or a new connection, to the end of its headers. */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs: number;
  /** Without any byte of a body that is not whole. */
  readonly bodyIdleTimeoutMs: number;
  /** Of a body, over the time above; 0 asks for any byte. */
  readonly bodyMinBytesPerSecond: number;
}

export const REQUEST_TIMEOUTS: RequestTimeouts = {
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 150_000,
  bodyIdleTimeoutMs: 15_000,
  bodyMinBytesPerSecond: 1_024,
};

/** How late a time-out may be seen. */
const MAX_LOOK_MS = 1_000;

/** How often it is looked whether a time-out is over. */
export function lookEveryMs({ headersTimeoutMs, requestTimeoutMs, bodyIdleTimeoutMs }: RequestTimeouts): number {
  const shortest = Math.min(headersTimeoutMs, requestTimeoutMs, bodyIdleTimeoutMs);
  return Math.max(10, Math.min(MAX_LOOK_MS, Math.ceil(shortest / 4)));
}

interface Progress {
  request: IncomingMessage | null;
  response: ServerResponse | null;
  bytes: number;
  since: number;
}

/**
 * Ends connections whose client is slow: sends no request, or does not go on with one (RFC 9110, section 15.5.9). Node itself sees to
 * headers and to whole requests; here is seen to bodies that stand still, or nearly so. A body that waits because we do not read it is no client's
 * fault.
 *
 * @returns what ends the watch
 */
export function endSlowRequests(
  server: Server,
  timeouts: RequestTimeouts,
  formOf: RefusalForms,
  log: Pick<Log, 'info'>,
): () => void {
  const { headersTimeoutMs, requestTimeoutMs, bodyIdleTimeoutMs, bodyMinBytesPerSecond } = timeouts;
  const leastBytes = Math.max(1, Math.floor((bodyMinBytesPerSecond * bodyIdleTimeoutMs) / 1_000));
  // Node takes no longer one for headers than for the whole.
  server.headersTimeout = Math.min(headersTimeoutMs, requestTimeoutMs);
  server.requestTimeout = requestTimeoutMs;
  const connections = new Map<Socket, Progress>();
  server.on('connection', (socket) => {
    connections.set(socket, { request: null, response: null, bytes: 0, since: 0 });
    socket.once('close', () => connections.delete(socket));
  });
  server.on('request', (request, response) => {
    const progress = connections.get(request.socket);
    if (!progress) return;
    progress.request = request;
    progress.response = response;
    progress.bytes = -1;
  });
  /** Refuses what is no whole request: behind the answers that are owed, in the place of its own, or without a word. */
  function refuseBytes(socket: Socket, status: number, target: string): void {
    const { request = null, response = null } = connections.get(socket) ?? {};
    const owes = owesAnswer(socket);
    const tellUnlessLast = () => tell(socket, hasLastAnswer(socket) ? null : status, target);
    if (request?.complete !== false || !response) {
      if (owes) afterAnswers(socket, tellUnlessLast);
      else tellUnlessLast();
    } else if (waitingRequests(socket).has(request)) inPlaceOf(request, response, () => tell(socket, status, target));
    // The answer that is owed to a part whose turn it is is its own.
    else tell(socket, owes && !response.headersSent ? status : null, target);
  }
  /** Ends a connection, with an answer or none. */
  function tell(socket: Socket, status: number | null, target: string): void {
    if (socket.writable && status !== null) {
      const message = MESSAGES[status] ?? 'The request cannot be read.';
      answerInBytes(socket, status, message, {}, formOf(target));
      // It has no id, and may be no request at all.
      log.info({ status: String(status), reason: message }, 'request refused');
    }
    socket.destroySoon();
  }
  server.on('clientError', ({ code, rawPacket }: ClientError, socket) => {
    const { request = null } = connections.get(socket as Socket) ?? {};
    const target = request && !request.complete ? request.url : targetOf(rawPacket);
    refuseBytes(socket as Socket, STATUS_OF[code ?? ''] ?? 400, target ?? '');
  });

  function look(): void {
    const now = performance.now();
    for (const [socket, progress] of connections) {
      const { request } = progress;
      if (!request) continue;
      if (request.complete || request.destroyed) {
        progress.request = null;
        progress.response = null;
      } else if (
        progress.bytes < 0 ||
        socket.bytesRead - progress.bytes >= leastBytes ||
        request.readableLength > 0 ||
        waitingRequests(socket).has(request)
      ) {
        progress.bytes = socket.bytesRead;
        progress.since = now;
      } else if (now - progress.since >= bodyIdleTimeoutMs) refuseBytes(socket, 408, request.url ?? '');
    }
  }
  const timer = setInterval(look, lookEveryMs(timeouts)).unref();
  return () => clearInterval(timer);
}

/** Codes of Node's parser. */
const STATUS_OF: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

const MESSAGES: Readonly<Record<number, string>> = {
  408: 'The request did not arrive in time.',
  413: 'The request is too large.',
  431: 'The headers of the request are too large.',
};

interface ClientError extends NodeJS.ErrnoException {
  /** What came last, where it could not be read. */
  readonly rawPacket?: Buffer;
}

/** Longer ones are for nobody. */
const MAX_TARGET_BYTES = 2_048;

/** What bytes ask for that are no request as a whole, as far as their first line tells. */
function targetOf(packet: Buffer | undefined): string | undefined {
  const [, target] = /^[A-Z]+ (\S+) /.exec(packet?.toString('latin1', 0, MAX_TARGET_BYTES) ?? '') ?? [];
  return target;
}
