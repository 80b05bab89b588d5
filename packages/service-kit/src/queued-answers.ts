import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const queues = new WeakMap<Socket, Set<ServerResponse>>();

/**
 * Closes an answer with its connection also where others of that connection are before it (pipelining; RFC 9112, section 9.3.2). Node tells
 * of the end of a connection only the answer that is being sent: those behind it would hold their files, timers and fetches for ever.
 *
 * To be called when the request arrives.
 */
export function closeWhenQueued(request: IncomingMessage, response: ServerResponse): void {
  if (response.socket !== null) return;
  const { socket } = request;
  let queue = queues.get(socket);
  if (!queue) {
    const queued = (queue = new Set<ServerResponse>());
    queues.set(socket, queued);
    socket.once('close', () => {
      for (const waiting of queued) {
        if (waiting.socket !== null) continue;
        waiting.destroyed = true;
        waiting.emit('close');
      }
    });
  }
  const own = queue.add(response);
  response.once('close', () => own.delete(response));
}
