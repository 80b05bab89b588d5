import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Log } from './log.js';

/** Requests of one connection, at most, that wait for the answers before theirs. Browsers and proxies send none before they have the answer. */
const MAX_WAITING = 100;

/** The last answer of each connection. */
const lastAnswers = new WeakMap<Socket, ServerResponse>();
/** Requests of each connection that wait for their turn. */
const waiting = new WeakMap<Socket, Set<IncomingMessage>>();
/** Connections that end with the answers which they owe. */
const isEnding = new WeakSet<Socket>();
/** What is done with a request in its turn, in the place of serving it. */
const instead = new WeakMap<ServerResponse, () => void>();
const NONE: ReadonlySet<IncomingMessage> = new Set();

/** Whether a connection still waits for an answer. Nothing else may be written on it then: the client would take it for that answer, or for a part of it. */
export function owesAnswer(socket: Socket): boolean {
  const last = lastAnswers.get(socket);
  return last !== undefined && !isOut(last);
}

/** Whether a connection has asked for something, and all of that is answered. */
export function isAnswered(socket: Socket): boolean {
  const last = lastAnswers.get(socket);
  return last !== undefined && isOut(last);
}

/** Whether a connection has had the last of its answers: it is ended by that, and nothing follows (RFC 9112, section 9.6). */
export function hasLastAnswer(socket: Socket): boolean {
  const last = lastAnswers.get(socket);
  return last !== undefined && isOut(last) && (!last.shouldKeepAlive || last.getHeader('connection') === 'close');
}

/** Whether an answer is all with the system, or will never be. */
function isOut({ writableFinished, destroyed }: ServerResponse): boolean {
  return writableFinished || destroyed;
}

/** Requests of a connection that have come and wait for the answers before theirs. */
export function waitingRequests(socket: Socket): ReadonlySet<IncomingMessage> {
  return waiting.get(socket) ?? NONE;
}

/** Ends with something when the answers that a connection owes are out. What comes on it from now on is not served. */
export function afterAnswers(socket: Socket, then: () => void): void {
  if (isEnding.has(socket)) return;
  isEnding.add(socket);
  lastAnswers.get(socket)?.once('close', then);
}

/** Ends with something in the place of a request that waits, in its turn. What comes behind it is not served. */
export function inPlaceOf(request: IncomingMessage, response: ServerResponse, then: () => void): void {
  if (isEnding.has(request.socket)) return;
  isEnding.add(request.socket);
  instead.set(response, then);
}

/**
 * Serves the requests of a connection one after the other, also those that come before the ones before are answered (pipelining; RFC 9112,
 * section 9.3.2). Node would begin them all: a client that reads nothing would have as many files, timers and fetches open as it can write
 * requests, and what waits behind another answer is told nothing when the connection is lost.
 *
 * A connection on which too many wait is ended.
 */
export function inTurn(serve: RequestListener, log: Pick<Log, 'warn'>): RequestListener {
  return (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    if (isEnding.has(socket)) return;
    lastAnswers.set(socket, response);
    if (response.socket !== null) return serve(request, response);
    // Node goes on with what it has read of a connection.
    if (socket.destroyed) return;
    let waits = waiting.get(socket);
    if (!waits) waiting.set(socket, (waits = new Set()));
    if (waits.size === MAX_WAITING) {
      log.warn({ waiting: MAX_WAITING }, 'a connection is ended: too many of its requests wait for their turn');
      socket.destroy();
      return;
    }
    waits.add(request);
    const begin = AsyncResource.bind(() => {
      waits.delete(request);
      if (socket.destroyed) return;
      const other = instead.get(response);
      if (other) other();
      else serve(request, response);
    });
    // Node gives an answer its connection when the one before is out, and then sends what has been written of it so far: nothing.
    response.once('socket', () => process.nextTick(begin));
  };
}
