import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { faultOf, forbidSniffing, isLastRequest, refuseRequest, requestsOf, takeExpectations } from './http-edges.js';
import { createHttpApp } from './http-app.js';
import type { Health } from './health.js';
import { changeLogLevel, type Log } from './log.js';
import type { Scraped } from './metrics.js';
import { isLogLevel } from './log-level.js';
import { mountOperationalRoutes } from './operational-routes.js';
import { inTurn } from './request-turns.js';
import { endSlowRequests, lookEveryMs, REQUEST_TIMEOUTS, type RequestTimeouts } from './request-timeouts.js';
import { endSlowReaders, READER_LIMITS, type ReaderLimits } from './slow-readers.js';

export interface OperationsAddress {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** Answers what is for operators only, at a port that strangers do not reach. */
interface OperationsServer {
  /** @throws when the port is taken or may not be used */
  listen(): Promise<string>;
  /** Closes at once: a probe or a scrape is asked again. */
  close(): Promise<void>;
}

interface OperationsServerOptions {
  readonly health: Health;
  readonly metrics: Scraped;
  readonly log: Log;
  /** Of requests that come slowly; as in `processSettings` when absent. */
  readonly timeouts?: RequestTimeouts | undefined;
  /** Of answers that are not read; `READER_LIMITS` when absent. */
  readonly readers?: ReaderLimits | undefined;
}

export function createOperationsServer(
  { host, port }: OperationsAddress,
  { health, metrics, log, timeouts = REQUEST_TIMEOUTS, readers = READER_LIMITS }: OperationsServerOptions,
): OperationsServer {
  const formOf = () => null;
  const app = createHttpApp({
    log,
    metrics: null,
    formOf,
    server: (toRoutes) =>
      createServer(
        {
          connectionsCheckingInterval: lookEveryMs(timeouts),
          IncomingMessage: requestsOf(() => true),
          // Node's own answer comes out of turn.
          requireHostHeader: false,
        },
        inTurn((request, response) => {
          if (isLastRequest(request)) response.shouldKeepAlive = false;
          forbidSniffing(response);
          const fault = faultOf(request);
          if (fault) refuseRequest(response, fault.status, fault.message, null, fault.headers);
          else toRoutes(request, response);
        }, log),
      ),
  });
  mountOperationalRoutes(app, { health, metrics, details: true });
  app.get('/log-level', (_request, reply) => {
    reply.send({ level: log.level });
  });
  app.put<{ Querystring: { readonly level?: unknown } }>('/log-level', ({ query: { level } }, reply) => {
    if (!isLogLevel(level)) {
      const error = 'level must be one of fatal, error, warn, info, debug, trace, silent';
      reply.code(400).send({ error });
      return;
    }
    changeLogLevel(log, level);
    reply.send({ level });
  });
  const { server } = app;
  takeExpectations(server);
  const endWatches = [endSlowRequests(server, timeouts, formOf, log), endSlowReaders(server, readers, log)];
  return {
    async listen() {
      await app.ready();
      return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          const { port: chosen } = server.address() as AddressInfo;
          resolve(`http://${host.includes(':') ? `[${host}]` : host}:${chosen}`);
        });
      });
    },
    close: () =>
      new Promise((resolve) => {
        for (const endWatch of endWatches) endWatch();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
