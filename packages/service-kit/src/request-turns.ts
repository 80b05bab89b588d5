import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Log } from './log.js';

/** Requests of one connection, at most, that wait for the answers before theirs. Browsers and proxies send none before they have the answer. */
const MAX_WAITING = 100;

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
    if (response.socket !== null) return serve(request, response);
    const { socket } = request;
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
