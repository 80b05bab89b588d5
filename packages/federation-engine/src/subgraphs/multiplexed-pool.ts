import type { LookupFunction } from 'node:net';
import { buildConnector, Client, Pool } from 'undici';

export interface MultiplexedPoolOptions {
  readonly connections: number;
  readonly connectTimeoutMs: number;
  readonly authorities?: readonly string[] | undefined;
  readonly lookup?: LookupFunction | undefined;
}

/** What a server of Node allows at once on one HTTP/2 connection unless it says otherwise. */
const MAX_STREAMS = 100;

/**
 * Creates a pool that sends many requests at once over one connection where the service offers HTTP/2 over TLS. Where it
 * does not, each connection carries one request at a time, as ever.
 *
 * undici sends one request at a time over a connection unless it is told otherwise, and what speaks the connection is known
 * only when it is there. Requests have to be marked idempotent: others wait until they are alone on their connection.
 */
export function createMultiplexedPool(origin: string, options: MultiplexedPoolOptions): Pool {
  const connector = buildConnector({
    allowH2: true,
    timeout: options.connectTimeoutMs,
    ...(options.authorities && { ca: [...options.authorities] }),
    ...(options.lookup && { lookup: options.lookup }),
  });
  return new Pool(origin, {
    connections: options.connections,
    allowH2: true,
    factory(url, given: object) {
      let speaksHttp2 = false;
      const client = new Client(url, {
        ...given,
        connect: (target, callback) => {
          connector(target, (...result) => {
            const [, socket] = result;
            speaksHttp2 = (socket as { alpnProtocol?: unknown } | null)?.alpnProtocol === 'h2';
            callback(...result);
          });
        },
      });
      client.on('connect', () => {
        client.pipelining = speaksHttp2 ? MAX_STREAMS : 1;
      });
      return client;
    },
  });
}
