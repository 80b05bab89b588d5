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
  const queue = queues.get(request.socket) ?? openQueue(request.socket);
  queue.add(response);
  response.once('close', () => queue.delete(response));
}

function openQueue(socket: Socket): Set<ServerResponse> {
  const queue = new Set<ServerResponse>();
  queues.set(socket, queue);
  socket.once('close', () => {
    for (const response of queue) {
      if (response.socket !== null) continue;
      // As Node does with the one that is being sent: whoever comes to it later finds it closed, and waits for nothing.
      Object.assign(response, { destroyed: true, _closed: true });
      response.emit('close');
    }
  });
  return queue;
}
