import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { saysJson } from './json-body.js';
import type { Log } from './log.js';
import { isAnswered, waitingRequests } from './request-turns.js';

export interface ReaderLimits {
  /** Without any byte taken of an answer that waits to be read. */
  readonly answerIdleTimeoutMs: number;
  /** Of all answers and messages that wait to be read, and of all JSON of which not all has come. */
  readonly maxBufferedBytes: number;
}

export const READER_LIMITS: ReaderLimits = { answerIdleTimeoutMs: 30_000, maxBufferedBytes: 256 * 1024 * 1024 };

/** How long memory may be above its limit, by what is too small to be looked at when it is sent. */
const LOOK_MS = 500;
/** Answers that fit into the buffers of the system are rarely waited for. */
const LARGE_BYTES = 64 * 1024;

interface Connection {
  /** A body that is collected in memory, while it comes. */
  body: IncomingMessage | null;
  /** How many bytes the connection had brought before it. */
  bytesBefore: number;
  /** Since when something waits, without a moment in between at which nothing did. */
  waitsSince: number | null;
}

/** What is told of large answers, by connection. */
const tellers = new WeakMap<Socket, (bytes: number) => void>();

/** Tells of an answer that has been sent: until it is looked at all connections again, many large ones could come. */
export function tellOfAnswer({ socket }: IncomingMessage, bytes: number): void {
  if (bytes >= LARGE_BYTES) tellers.get(socket)?.(bytes);
}

/**
 * Ends connections of clients that do not read what they have asked for: nothing at all for a while, or too slowly while too much waits for
 * all clients together, also of what they have begun to send. What waits is in memory: without a bound, clients can fill it by asking and
 * not reading. The connection that has held most, for longest, goes first: one that has just got a large answer is not taken for one that keeps
 * many small ones.
 *
 * @returns what ends the watch
 */
export function endSlowReaders(
  server: Server,
  { answerIdleTimeoutMs, maxBufferedBytes }: ReaderLimits,
  log: Log,
): () => void {
  const connections = new Map<Socket, Connection>();
  /** More than can wait: what did at the last look, and all that has been sent since. */
  let atMost = 0;

  function tell(bytes: number): void {
    atMost += bytes;
    if (atMost > maxBufferedBytes) look();
  }

  server.on('connection', (socket) => {
    connections.set(socket, { body: null, bytesBefore: 0, waitsSince: null });
    tellers.set(socket, tell);
    socket.once('close', () => connections.delete(socket));
  });
  server.on('request', (request) => {
    const connection = connections.get(request.socket);
    if (!connection) return;
    connection.body = !request.complete && saysJson(request) ? request : null;
    connection.bytesBefore = request.socket.bytesRead;
  });

  // Node counts the time since the socket has last taken or brought anything, also parts of one large write.
  server.timeout = answerIdleTimeoutMs;
  server.on('timeout', (socket: Socket) => {
    const bytes = socket.writableLength;
    if (bytes > 0) {
      log.warn({ bytes, answerIdleTimeoutMs }, 'a connection is ended: its client does not read');
      socket.destroy();
      // What is answered late is no fault of the client that waits for it; kept alive, a connection ends when nothing is asked for.
    } else if (isAnswered(socket)) socket.destroy();
  });

  function look(): void {
    const now = performance.now();
    let all = 0;
    for (const [socket, connection] of connections) {
      const bytes = waitingOf(socket, connection);
      all += bytes;
      connection.waitsSince = bytes === 0 ? null : (connection.waitsSince ?? now);
    }
    atMost = all;
    if (all <= maxBufferedBytes) return;
    const waiting = [...connections].flatMap(([socket, connection]) => {
      const bytes = waitingOf(socket, connection);
      return bytes === 0 ? [] : [{ socket, bytes, held: bytes * (now - (connection.waitsSince ?? now) + LOOK_MS) }];
    });
    waiting.sort((one, other) => other.held - one.held);
    let ended = 0;
    for (const { socket, bytes } of waiting) {
      if (atMost <= maxBufferedBytes) break;
      socket.destroy();
      atMost -= bytes;
      ended += 1;
    }
    log.warn(
      { bytes: all, maxBufferedBytes, ended },
      'connections are ended: too much waits for clients that read slowly',
    );
  }
  const timer = setInterval(look, LOOK_MS).unref();
  return () => clearInterval(timer);
}

/** What is in memory for a connection and waits for its client. */
function waitingOf(socket: Socket, connection: Connection): number {
  if (socket.destroyed) return 0;
  const { body, bytesBefore } = connection;
  // Of answers that wait for their turn nothing has been written: see `request-turns.ts`.
  let unread = socket.writableLength;
  for (const request of waitingRequests(socket)) unread += sizeOf(request);
  if (!body) return unread;
  if (body.complete || body.destroyed) connection.body = null;
  else return unread + socket.bytesRead - bytesBefore;
  return unread;
}

/** What Node holds of a request for itself, beside its text. */
const OBJECTS_BYTES = 2 * 1024;
/** Of V8, for each text beside its characters. */
const TEXT_BYTES = 32;

/** What a request takes that waits for its turn. */
function sizeOf({ url = '', rawHeaders, rawTrailers, readableLength }: IncomingMessage): number {
  let bytes = OBJECTS_BYTES + url.length + readableLength + TEXT_BYTES * (rawHeaders.length + rawTrailers.length);
  for (const text of rawHeaders) bytes += text.length;
  for (const text of rawTrailers) bytes += text.length;
  return bytes;
}
