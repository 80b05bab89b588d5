import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Log } from './log.js';

/** Requests of one connection, at most, that wait for the answers before theirs. Browsers and proxies send none before they have the answer. */
const MAX_WAITING = 100;

/** The last answer of each connection. */
const lastAnswers = new WeakMap<Socket, ServerResponse>();

/** Whether a connection still waits for an answer. Nothing else may be written on it then: the client would take it for that answer, or for a part of it. */
export function owesAnswer(socket: Socket): boolean {
  const last = lastAnswers.get(socket);
  return last !== undefined && !last.writableFinished && !last.destroyed;
}

/** Connections on which something is to be done after their answers. */
const isAwaited = new WeakSet<Socket>();

/** Does something when the answers of a connection are out. Only the first of several things is done. */
export function afterAnswers(socket: Socket, then: () => void): void {
  if (isAwaited.has(socket)) return;
  isAwaited.add(socket);
  lastAnswers.get(socket)?.once('close', () => {
    isAwaited.delete(socket);
    then();
  });
}

/**
 * Serves the requests of a connection one after the other, also those that come before the ones before are answered (pipelining; RFC 9112,
 * section 9.3.2). Node would begin them all: a client that reads nothing would have as many files, timers and fetches open as it can write
 * requests, and what waits behind another answer is told nothing when the connection is lost.
 *
 * A connection on which too many wait is ended.
 */
export function inTurn(serve: RequestListener, log: Pick<Log, 'warn'>): RequestListener {
  const waiting = new WeakMap<Socket, number>();
  return (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    lastAnswers.set(socket, response);
    if (response.socket !== null) return serve(request, response);
    // Node goes on with what it has read of a connection.
    if (socket.destroyed) return;
    const count = (waiting.get(socket) ?? 0) + 1;
    if (count > MAX_WAITING) {
      log.warn({ waiting: MAX_WAITING }, 'a connection is ended: too many of its requests wait for their turn');
      socket.destroy();
      return;
    }
    waiting.set(socket, count);
    const begin = AsyncResource.bind(() => {
      waiting.set(socket, (waiting.get(socket) ?? 1) - 1);
      if (!socket.destroyed) serve(request, response);
    });
    // Node gives an answer its connection when the one before is out, and then sends what has been written of it so far: nothing.
    response.once('socket', () => process.nextTick(begin));
  };
}
