import type { WebSocket, WebSocketServer } from 'ws';

interface KeepAlive {
  /** To be called for each new connection. */
  watch(socket: WebSocket): void;
  stop(): void;
}

/**
 * Pings all clients of a server at an interval, with one timer for all, and ends the connection of those that have not
 * answered by the next time: a peer that is gone without a word would keep its subscriptions for ever.
 */
export function createKeepAlive(server: WebSocketServer, intervalMs: number): KeepAlive {
  const silent = new WeakSet<WebSocket>();
  const timer = setInterval(() => {
    for (const socket of server.clients) {
      if (silent.has(socket)) {
        socket.terminate();
        continue;
      }
      silent.add(socket);
      socket.ping();
    }
  }, intervalMs).unref();
  return {
    watch: (socket) => void socket.on('pong', () => silent.delete(socket)),
    stop: () => clearInterval(timer),
  };
}
