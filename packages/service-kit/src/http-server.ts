import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import express, { type Express } from 'express';
import type { Health } from './health.js';
import { answerHttpError } from './http-errors.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import { mountOperationalRoutes } from './operational-routes.js';
import { createOperationsServer, type OperationsAddress } from './operations-server.js';
import { requestIdentification } from './request-identification.js';
import { endSlowRequests, lookEveryMs, REQUEST_TIMEOUTS, type RequestTimeouts } from './request-timeouts.js';
import type { ProcessSettings } from './settings.js';

export interface HttpServerConfig {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly shutdownGraceMs: number;
  /** For how long requests are still taken after the end was asked for, while the service is not ready; 0 when absent. */
  readonly shutdownDrainMs?: number;
  /** Where health in detail and metrics are answered; beside everything else when absent. */
  readonly operations?: OperationsAddress | null | undefined;
  /** Of requests that come slowly; as in `processSettings` when absent. */
  readonly timeouts?: RequestTimeouts;
}

/** What the settings of every process say of its server. */
export function readHttpServerConfig(config: ProcessSettings, port: number): HttpServerConfig {
  return {
    host: config.HOST,
    port,
    shutdownGraceMs: config.SHUTDOWN_GRACE_MS,
    shutdownDrainMs: config.SHUTDOWN_DRAIN_MS,
    timeouts: {
      headersTimeoutMs: config.HEADERS_TIMEOUT_MS,
      requestTimeoutMs: config.REQUEST_TIMEOUT_MS,
      bodyIdleTimeoutMs: config.BODY_IDLE_TIMEOUT_MS,
    },
  };
}

/** A process, or in embedded mode one of its services: something that listens and can be stopped. */
export interface ServiceProcess extends AsyncDisposable {
  readonly name: string;
  readonly log: Log;
  /** How long {@link close} waits at most. */
  readonly shutdownGraceMs: number;
  readonly app: Express;
  readonly server: Server;
  /** Where operators ask, once it listens; null where that is no port of its own. */
  readonly operationsUrl: () => string | null;
  /** @throws when the port is taken or may not be used; the error has a `code` such as EADDRINUSE */
  listen(): Promise<{ readonly url: string; readonly port: number }>;
  /**
   * Says that it is not ready, goes on answering for `shutdownDrainMs`, lets requests in flight finish within the grace period, then
   * frees everything. Safe to call twice.
   */
  close(): Promise<void>;
}

export interface HttpServiceOptions {
  readonly name: string;
  readonly config: HttpServerConfig;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly health: Health;
  /** Takes a request before Express does, for paths on which its cost shows. Returns false for requests that are not its own. */
  readonly front?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Adds the service's own routes, after request ids, `/health` and `/metrics`. */
  readonly routes: (app: Express) => void | Promise<void>;
  /** Runs when the service listens, before `listen` resolves. */
  readonly onListen?: (address: { readonly url: string; readonly port: number }) => Promise<void> | void;
  /** Runs when readiness has gone and before connections are waited for, e.g. to complete subscriptions. */
  readonly onDrain?: () => Promise<void>;
  /** Run in order when the last request has been answered: servers, then pools. */
  readonly onClose?: ReadonlyArray<() => Promise<void>>;
}

/** Creates an HTTP service: Express behind one node:http server, with health, metrics and a graceful end. */
export async function createHttpService(options: HttpServiceOptions): Promise<ServiceProcess> {
  const { name, config, log, metrics, health } = options;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // One path is one resource, for whoever filters by path in front of the service.
  app.enable('case sensitive routing');
  app.use(requestIdentification(log, metrics));
  const operations = config.operations ? createOperationsServer(config.operations, { health, metrics }) : null;
  mountOperationalRoutes(app, { health, metrics, details: operations === null });
  await options.routes(app);

  const { front } = options;
  let closing: Promise<void> | null = null;
  const timeouts = config.timeouts ?? REQUEST_TIMEOUTS;
  const server = createServer({ connectionsCheckingInterval: lookEveryMs(timeouts) }, (request, response) => {
    // The client opens its next connection elsewhere (RFC 9112, section 9.6).
    if (closing) response.shouldKeepAlive = false;
    try {
      if (!readTarget(request))
        return void response.writeHead(400, { connection: 'close', 'content-length': '0' }).end();
      if (!front?.(request, response)) app(request, response);
    } catch (error) {
      answerHttpError(error, response, log);
    }
  });
  // Longer than the usual load balancer's 60 s, so that it and not we closes an idle connection.
  server.keepAliveTimeout = 65_000;
  const endWatch = endSlowRequests(server, timeouts);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  let operationsUrl: string | null = null;

  async function shutDown(): Promise<void> {
    health.drain();
    // Whoever spreads requests over several processes has to see that this one is not ready before it refuses any.
    if (server.listening && config.shutdownDrainMs) await delay(config.shutdownDrainMs);
    await options.onDrain?.();
    if (server.listening) await stopListening(server, sockets, config.shutdownGraceMs, log);
    endWatch();
    for (const step of options.onClose ?? []) {
      try {
        await step();
      } catch (error) {
        log.error({ err: error }, 'a resource could not be closed');
      }
    }
    // Until now, so that the end can be watched.
    if (operationsUrl !== null) await operations?.close();
    metrics.registry.clear();
    log.info('stopped');
  }

  const service: ServiceProcess = {
    name,
    log,
    shutdownGraceMs: (config.shutdownDrainMs ?? 0) + config.shutdownGraceMs,
    app,
    server,
    operationsUrl: () => operationsUrl,
    async listen() {
      if (operations) {
        operationsUrl = await operations.listen();
        log.info({ url: operationsUrl }, 'listening for operators');
      }
      const address = await startListening(server, config);
      log.info({ url: address.url }, 'listening');
      await options.onListen?.(address);
      return address;
    },
    close() {
      closing ??= shutDown();
      return closing;
    },
    [Symbol.asyncDispose]: () => service.close(),
  };
  return service;
}

/**
 * Reads the target of a request as other servers on the way do, or not at all. A server has to take the form that is meant for proxies,
 * whose host stands in the place of the header's (RFC 9112, section 3.2.2), and to refuse a request with two hosts (section 3.2).
 *
 * @returns false for a request to refuse
 */
function readTarget(request: IncomingMessage): boolean {
  const { url = '', rawHeaders } = request;
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  if (hosts > 1) return false;
  if (url.startsWith('/') || url === '*') return true;
  const [start, authority] = /^https?:\/\/([^/?#]+)/i.exec(url) ?? [];
  if (start === undefined) return false;
  const path = url.slice(start.length);
  request.url = path.startsWith('/') ? path : `/${path}`;
  request.headers.host = authority;
  return true;
}

function startListening(server: Server, { host, port }: HttpServerConfig): ReturnType<ServiceProcess['listen']> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const { port: chosen } = server.address() as AddressInfo;
      resolve({ url: `http://${host.includes(':') ? `[${host}]` : host}:${chosen}`, port: chosen });
    });
  });
}

/** Refuses new connections, waits for the requests in flight, and cuts those that outlive the grace period. */
async function stopListening(server: Server, sockets: ReadonlySet<Socket>, graceMs: number, log: Log): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  // A kept-alive connection becomes idle when its last answer is out; close() alone would wait for its time-out.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const giveUp = new AbortController();
  try {
    const finished = await Promise.race([closed.then(() => true), delay(graceMs, false, { signal: giveUp.signal })]);
    if (!finished) {
      log.warn({ connections: sockets.size, graceMs }, 'requests still in flight are cut');
      for (const socket of sockets) socket.destroy();
      await closed;
    }
  } finally {
    giveUp.abort();
    clearInterval(sweep);
  }
}
