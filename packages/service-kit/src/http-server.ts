import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { Server as NetServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { createAllowedHosts } from './allowed-hosts.js';
import type { Health } from './health.js';
import {
  answerServerWide,
  faultOf,
  forbidSniffing,
  isLastRequest,
  refuseRequest,
  requestsOf,
  takeExpectations,
  type EdgeFault,
  type RefusalForms,
} from './http-edges.js';
import { createHttpApp } from './http-app.js';
import { answerHttpError } from './http-errors.js';
import type { Log } from './log.js';
import { isLoopback } from './loopback.js';
import type { Metrics } from './metrics.js';
import { mountOperationalRoutes } from './operational-routes.js';
import { createOperationsServer, type OperationsAddress } from './operations-server.js';
import { inTurn, owesAnswer } from './request-turns.js';
import { endSlowRequests, lookEveryMs, REQUEST_TIMEOUTS, type RequestTimeouts } from './request-timeouts.js';
import { ConfigError } from './config-error.js';
import type { ProcessSettings } from './settings.js';
import { endSlowReaders, READER_LIMITS, type ReaderLimits } from './slow-readers.js';
import type { Tracing } from './tracing/span.js';
import { traceRequests } from './tracing/trace-requests.js';

export interface HttpServerConfig {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly shutdownGraceMs: number;
  /** For how long requests are still taken after the end was asked for, while the service is not ready; 0 when absent. */
  readonly shutdownDrainMs?: number;
  /** Where health in detail and metrics are answered; beside everything else when absent, and not here where another process does. */
  readonly operations?: OperationsAddress | 'elsewhere' | null | undefined;
  /** Whether requests by names that are not its own are refused; see `allowed-hosts.ts`. */
  readonly guardsHosts?: boolean;
  readonly allowedHosts?: readonly string[] | undefined;
  /** Of requests that come slowly; as in `processSettings` when absent. */
  readonly timeouts?: RequestTimeouts;
  /** Of clients that read slowly; as in `processSettings` when absent. */
  readonly readers?: ReaderLimits;
}

/** What the settings of every process say of its server. */
export function readHttpServerConfig(config: ProcessSettings, port: number): HttpServerConfig {
  return {
    host: config.HOST,
    port,
    shutdownGraceMs: config.SHUTDOWN_GRACE_MS,
    guardsHosts: true,
    allowedHosts: config.ALLOWED_HOSTS,
    shutdownDrainMs: config.SHUTDOWN_DRAIN_MS,
    timeouts: {
      headersTimeoutMs: config.HEADERS_TIMEOUT_MS,
      requestTimeoutMs: config.REQUEST_TIMEOUT_MS,
      bodyIdleTimeoutMs: config.BODY_IDLE_TIMEOUT_MS,
      bodyMinBytesPerSecond: config.BODY_MIN_BYTES_PER_SECOND,
    },
    readers: {
      answerIdleTimeoutMs: config.ANSWER_IDLE_TIMEOUT_MS,
      maxBufferedBytes: config.CONNECTIONS_MAX_BUFFERED_BYTES,
    },
  };
}

/** A process, or in embedded mode one of its services: something that listens and can be stopped. */
export interface ServiceProcess extends AsyncDisposable {
  readonly name: string;
  readonly log: Log;
  /** How long {@link close} waits at most. */
  readonly shutdownGraceMs: number;
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

/** Adds routes to a server. */
export type Routes = (app: FastifyInstance) => void;

export interface HttpServiceOptions {
  readonly name: string;
  readonly config: HttpServerConfig;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly health: Health;
  /** Null where nothing is traced. */
  readonly tracing?: Tracing | null;
  /** How those are told of a refusal whose request reaches no route; as in GraphQL when absent. */
  readonly refusalForms?: RefusalForms | undefined;
  /** Adds the service's own routes, beside `/health` and `/metrics`. */
  readonly routes: Routes;
  /** Runs when the service listens, before `listen` resolves. */
  readonly onListen?: (address: { readonly url: string; readonly port: number }) => Promise<void> | void;
  /** Runs when readiness has gone and before connections are waited for, e.g. to complete subscriptions. */
  readonly onDrain?: () => Promise<void>;
  /** Run in order when the last request has been answered: servers, then pools. */
  readonly onClose?: ReadonlyArray<() => Promise<void>>;
}

const FOREIGN_NAME: EdgeFault = {
  status: 421,
  message: 'This server is not asked by this name: it is not in ALLOWED_HOSTS.',
};

/** Creates an HTTP service: Fastify behind one node:http server, with health, metrics and a graceful end. */
export async function createHttpService(options: HttpServiceOptions): Promise<ServiceProcess> {
  const { name, config, log, metrics, health } = options;
  assertOwnPorts(name, config);
  const { refusalForms: formOf = () => null } = options;
  let closing: Promise<void> | null = null;
  const timeouts = config.timeouts ?? REQUEST_TIMEOUTS;
  const allowsHost = config.guardsHosts
    ? createAllowedHosts({ host: config.host, allowed: config.allowedHosts })
    : () => true;
  const serverOptions = {
    connectionsCheckingInterval: lookEveryMs(timeouts),
    IncomingMessage: requestsOf(allowsHost),
    // Node's own answer has no body, and no headers but its own.
    requireHostHeader: false,
  };
  const refuse = (
    request: IncomingMessage,
    response: ServerResponse,
    { status, message, headers }: EdgeFault,
  ): void => {
    const { url = '', method } = request;
    refuseRequest(response, status, message, formOf(url), headers);
    log.info({ method, status: String(status), reason: message }, 'request refused');
  };
  const guard = (toRoutes: RequestListener) => (request: IncomingMessage, response: ServerResponse) => {
    // The client opens its next connection elsewhere (RFC 9112, section 9.6).
    if (closing || isLastRequest(request)) response.shouldKeepAlive = false;
    try {
      forbidSniffing(response);
      const fault = faultOf(request) ?? (allowsHost(request.headers.host) ? null : FOREIGN_NAME);
      if (fault) refuse(request, response, fault);
      else if (!answerServerWide(request, response)) toRoutes(request, response);
    } catch (error) {
      answerHttpError(error, response, log);
    }
  };
  const { tracing } = options;
  const app = createHttpApp({
    log,
    metrics,
    formOf,
    server(toRoutes) {
      const handle = guard(toRoutes);
      return createServer(serverOptions, inTurn(tracing ? traceRequests(tracing, handle) : handle, log));
    },
  });
  const { operations: at = null, readers } = config;
  const operations =
    at && at !== 'elsewhere' ? createOperationsServer(at, { health, metrics, log, timeouts, readers }) : null;
  mountOperationalRoutes(app, { health, metrics, details: at === null });
  options.routes(app);
  await app.ready();
  const { server } = app;
  takeExpectations(server);
  // Longer than the usual load balancer's 60 s, so that it and not we closes an idle connection.
  server.keepAliveTimeout = 65_000;
  const endWatches = [
    endSlowRequests(server, timeouts, formOf, log),
    endSlowReaders(server, readers ?? READER_LIMITS, log),
  ];
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  let operationsUrl: string | null = null;

  async function shutDown(): Promise<void> {
    health.drain();
    // A load balancer has to see that this process is not ready before it refuses any request.
    if (server.listening && config.shutdownDrainMs) await delay(config.shutdownDrainMs);
    await options.onDrain?.();
    if (server.listening) await stopListening(server, sockets, config.shutdownGraceMs, log);
    for (const endWatch of endWatches) endWatch();
    await app.close();
    for (const step of options.onClose ?? []) {
      try {
        await step();
      } catch (error) {
        log.error({ err: error }, 'a resource could not be closed');
      }
    }
    // Until now, so that the end can be watched.
    await operations?.close();
    await tracing?.close();
    metrics.registry.clear();
    log.info('stopped');
  }

  const service: ServiceProcess = {
    name,
    log,
    shutdownGraceMs: (config.shutdownDrainMs ?? 0) + config.shutdownGraceMs,
    server,
    operationsUrl: () => operationsUrl,
    async listen() {
      if (operations) {
        operationsUrl = await operations.listen();
        log.info({ url: operationsUrl }, 'listening for operators');
      }
      const address = await startListening(server, config);
      log.info({ url: address.url }, 'listening');
      if (!at && !isLoopback(config.host))
        log.warn(
          { host: config.host, setting: `${name.toUpperCase()}_OPERATIONS_PORT` },
          'strangers can reach what is meant for operators, /metrics and /health: set a port for them',
        );
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

/** @throws ConfigError where operators would ask at the port of everybody: the second of both would not find its own program there */
function assertOwnPorts(name: string, { host, port, operations }: HttpServerConfig): void {
  if (!operations || operations === 'elsewhere') return;
  if (port === 0 || operations.port !== port || operations.host !== host) return;
  const setting = name.toUpperCase();
  throw new ConfigError([`${setting}_OPERATIONS_PORT: must be another port than ${setting}_PORT (${port})`]);
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

/** For how long a connection that was taken before the end may bring its first request: its client sends it at once, but for the way. */
const FIRST_BYTES_MS = 1_000;

/** Refuses new connections, waits for the requests in flight, and cuts those that outlive the grace period. */
async function stopListening(server: Server, sockets: ReadonlySet<Socket>, graceMs: number, log: Log): Promise<void> {
  // That of node:http would call `closeIdleConnections`, which takes a connection for idle whose answer is still being sent.
  const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  const startedAt = performance.now();
  const bytesBefore = new Map<Socket, number>();
  /** Ends connections that owe no answer and bring nothing: kept alive, opened ahead by a browser, or with a part of a head. */
  const endIdle = () => {
    const mayBegin = performance.now() - startedAt < FIRST_BYTES_MS;
    for (const socket of sockets) {
      const { bytesRead } = socket;
      const isQuiet = bytesBefore.get(socket) === bytesRead && !(bytesRead === 0 && mayBegin);
      bytesBefore.set(socket, bytesRead);
      if (isQuiet && !owesAnswer(socket)) socket.destroySoon();
    }
  };
  endIdle();
  // Behind the reads of a turn of the event loop: what a busy process has not read yet is no silence.
  const sweep = setInterval(() => setImmediate(endIdle), 50);
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
    // Of node:http: ends its look at slow requests.
    server.close();
  }
}
