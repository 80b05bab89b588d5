import type { IncomingMessage, Server } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Duplex } from 'node:stream';
import { GraphQLError, type ExecutionArgs, type GraphQLSchema } from 'graphql';
import {
  CloseCode,
  handleProtocols,
  makeServer,
  MessageType,
  parseMessage,
  stringifyMessage,
  type Message,
  type Server as ProtocolServer,
  type SubscribePayload,
} from 'graphql-ws';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { AppError } from '../app-error.js';
import { readClientInfo } from '../client-info.js';
import type { DocumentGate } from '../document-gate.js';
import { toClientError } from '../graphql-errors.js';
import { endConnection } from '../http-edges.js';
import { toPlainAddress } from '../ip-address.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import type { CostGate } from '../operation-costs.js';
import { parseJson } from '../parse-json.js';
import type { RequestContext } from '../request-context.js';
import type { TokenVerifier } from '../token-verifier.js';
import type { Tracing } from '../tracing/span.js';
import { closeReason } from './close-reason.js';
import { createConnectionIdentity, type Admission, type ConnectionIdentity } from './connection-identity.js';
import { createKeepAlive } from './keep-alive.js';
import { runSubscription, SubscriptionFailure, type SubscriptionRun } from './run-subscription.js';
import { createSubscriptionMetrics } from './subscription-metrics.js';
import { createSubscriptionReader, DocumentRefused } from './subscription-request.js';

export interface SubscriptionLimits {
  /** Of one message. */
  readonly maxPayloadBytes: number;
  /** How long a new connection may take to say who it is. */
  readonly initTimeoutMs: number;
  readonly maxSubscriptionsPerConnection: number;
  /** A client that has not answered the ping before the next one is gone. */
  readonly keepAliveMs: number;
  /** How long clients may take to close their side when the service stops. */
  readonly closeTimeoutMs: number;
}

const DEFAULT_LIMITS: SubscriptionLimits = {
  maxPayloadBytes: 256 * 1024,
  initTimeoutMs: 5_000,
  maxSubscriptionsPerConnection: 1_000,
  keepAliveMs: 15_000,
  closeTimeoutMs: 1_000,
};

interface SubgraphWebSocketOptions<Context extends RequestContext> {
  readonly name: string;
  readonly server: Server;
  readonly path: string;
  readonly schema: GraphQLSchema;
  readonly introspection: boolean;
  readonly verifier: TokenVerifier;
  /** Refuses documents before they are parsed. */
  readonly gate: DocumentGate;
  /** Refuses what each event would cost. */
  readonly costs: CostGate;
  readonly context: (request: RequestContext) => Context | Promise<Context>;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tracing?: Tracing | null;
  readonly limits?: Partial<SubscriptionLimits> | undefined;
}

export interface SubgraphWebSocket {
  /** Closes every connection with 1012 (service restart), on which clients connect again, and takes no new ones. */
  close(): Promise<void>;
}

interface Connection {
  readonly identity: ConnectionIdentity;
  readonly clientInfo: RequestContext['clientInfo'];
  readonly log: Log;
  readonly refuse: (admission: Extract<Admission, { kind: 'refused' }>) => void;
  subscriptions: number;
}

/** RFC 6455, section 7.4.1, and the IANA registry. */
const SERVICE_RESTART = 1012;
const TRY_AGAIN_LATER = 1013;

/** Types that a client may send. */
const CLIENT_MESSAGES: ReadonlySet<MessageType> = new Set([
  MessageType.ConnectionInit,
  MessageType.Ping,
  MessageType.Pong,
  MessageType.Subscribe,
  MessageType.Complete,
]);

/**
 * Serves subscriptions over WebSockets with the protocol `graphql-transport-ws`, on an HTTP server's upgrade requests.
 *
 * A client says who it is in the payload of `connection_init`, `{ authorization?, requestId? }`; no header is
 * trusted. The connection is closed with 4403 when the token expires, unless a further `connection_init` has brought a
 * newer one of the same user, which is acknowledged like the first, and as soon as its session ends. While tokens cannot be verified it is closed with 1013.
 */
export function serveSubscriptions<Context extends RequestContext>(
  options: SubgraphWebSocketOptions<Context>,
): SubgraphWebSocket {
  const { name: service, schema, log, verifier } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const metrics = createSubscriptionMetrics(options.metrics);
  const read = createSubscriptionReader(schema, {
    hideSuggestions: !options.introspection,
    gate: options.gate,
    costs: options.costs,
  });
  let isClosing = false;

  const protocol: ProtocolServer<Connection> = makeServer<Record<string, unknown> | undefined, Connection>({
    connectionInitWaitTimeout: limits.initTimeoutMs,
    async onConnect({ connectionParams, extra }) {
      const admission = await extra.identity.admit(connectionParams);
      if (admission.kind === 'refused') extra.refuse(admission);
      return admission.kind === 'admitted';
    },
    onSubscribe({ extra }, _id, payload) {
      const errorContext = { log: logOf(extra), requestId: extra.identity.requestId, service };
      try {
        const contextValue = prepare(extra, payload);
        return { schema, document: contextValue.request.document, contextValue } satisfies ExecutionArgs;
      } catch (error) {
        const errors = error instanceof DocumentRefused ? error.errors : [error];
        const formatted = errors.map((each) => toClientError(toFormatted(each), each, errorContext));
        return [toGraphQLError(new SubscriptionFailure(formatted))];
      }
    },
    subscribe: ({ contextValue }) => runSubscription(contextValue as SubscriptionRun) as never,
    onNext: (_context, _id, _payload, _args, result) => result as never,
    onError: (_context, _id, _payload, [error]) =>
      error?.originalError instanceof SubscriptionFailure ? [...error.originalError.errors] : undefined,
  });

  function prepare(connection: Connection, payload: SubscribePayload): SubscriptionRun {
    if (connection.subscriptions >= limits.maxSubscriptionsPerConnection)
      throw new AppError(
        'OPERATION_REJECTED',
        `A connection has at most ${limits.maxSubscriptionsPerConnection} subscriptions.`,
        { reason: 'TOO_MANY_SUBSCRIPTIONS' },
      );
    const request = read(payload);
    const { identity, clientInfo } = connection;
    const requestLog = logOf(connection);
    const over = new AbortController();
    const ended = metrics.subscriptionStarted(request.field);
    const startedAt = performance.now();
    let events = 0;
    connection.subscriptions += 1;
    requestLog.debug({ field: request.field, resumes: request.lastEventId !== undefined }, 'subscription started');
    over.signal.addEventListener(
      'abort',
      () => {
        connection.subscriptions -= 1;
        ended();
        const durationMs = Math.round(performance.now() - startedAt);
        requestLog.debug({ field: request.field, events, durationMs }, 'subscription ended');
      },
      { once: true },
    );
    return {
      schema,
      request,
      over,
      tracing: options.tracing ?? null,
      errorContext: { log: requestLog, requestId: identity.requestId, service },
      onEvent() {
        events += 1;
        metrics.eventSent(request.field);
      },
      createContext: async () =>
        options.context({
          requestId: identity.requestId,
          log: requestLog,
          signal: over.signal,
          viewer: identity.viewer,
          tokenProblem: null,
          authorization: identity.authorization,
          clientInfo,
          lastEventId: request.lastEventId,
        }),
    };
  }

  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: limits.maxPayloadBytes,
    handleProtocols: (offered) => handleProtocols(offered),
  });

  const keepAlive = createKeepAlive(sockets, limits.keepAliveMs);
  const identities = new Map<WebSocket, ConnectionIdentity>();
  const stopWatching = verifier.onRevocation(() => {
    for (const [socket, { viewer }] of identities)
      if (viewer && verifier.isRevoked(viewer.sessionId)) socket.close(CloseCode.Forbidden, 'SESSION_REVOKED');
  });

  function onConnection(socket: WebSocket, request: IncomingMessage): void {
    const connectionClosed = metrics.connectionOpened();
    const identity = createConnectionIdentity(verifier, () => socket.close(CloseCode.Forbidden, 'TOKEN_EXPIRED'));
    identities.set(socket, identity);
    const connection: Connection = {
      identity,
      clientInfo: readClientInfo(request.headers, toPlainAddress(request.socket.remoteAddress ?? '')),
      log,
      subscriptions: 0,
      refuse({ problem }) {
        log.info({ requestId: identity.requestId, problem }, 'a subscriber was refused');
        // Told 4403, the client would throw a good token away.
        socket.close(problem === 'JWKS_UNAVAILABLE' ? TRY_AGAIN_LATER : CloseCode.Forbidden, problem);
      },
    };
    let hear: (text: string) => Promise<void> = async () => undefined;
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        // Resolves when the message has left for the client: a slow client slows its own events down.
        send: (text) =>
          new Promise<void>((resolve) => {
            if (socket.readyState === socket.OPEN) socket.send(text, () => resolve());
            else resolve();
          }),
        close: (code, reason) => socket.close(code, closeReason(reason ?? '')),
        onMessage: (listener) => (hear = listener),
      },
      connection,
    );
    let wasInitialised = false;
    socket.on('message', (data) => {
      onMessage(data).catch((error: unknown) => {
        log.error({ err: error, requestId: identity.requestId }, 'defect');
        socket.close(CloseCode.InternalServerError, 'Internal server error');
      });
    });
    // A frame that is no frame, or too large; ws closes the connection itself.
    socket.on('error', (error) => log.debug({ err: error }, 'a WebSocket broke'));
    socket.once('close', (code, reason) => {
      identity.stop();
      identities.delete(socket);
      connectionClosed(code);
      closed(code, reason.toString()).catch((error: unknown) => log.error({ err: error }, 'defect'));
    });
    keepAlive.watch(socket);

    async function onMessage(data: RawData): Promise<void> {
      // ws gives one buffer, whatever the frames of the message.
      const text = (data as Buffer).toString();
      const message = readMessage(text);
      if (!message) return socket.close(CloseCode.BadRequest, 'Invalid message received');
      if (message.type !== MessageType.ConnectionInit) return hear(text);
      // The protocol's own server closes on a second one.
      if (!wasInitialised || !identity.viewer) {
        wasInitialised = true;
        return hear(text);
      }
      const admission = await identity.renew(message.payload);
      if (admission.kind === 'refused') return connection.refuse(admission);
      if (socket.readyState === socket.OPEN) socket.send(stringifyMessage({ type: MessageType.ConnectionAck }));
    }
  }

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const [pathname] = (request.url ?? '').split('?');
    if (isClosing) return refuseUpgrade(socket, '503 Service Unavailable');
    if (pathname !== options.path) return refuseUpgrade(socket, '404 Not Found');
    // Only browsers say where a page is from, and those go to a gateway.
    if (request.headers.origin !== undefined) return refuseUpgrade(socket, '403 Forbidden');
    sockets.handleUpgrade(request, socket, head, onConnection);
  };
  options.server.on('upgrade', onUpgrade);
  sockets.on('wsClientError', (_error, socket) => refuseUpgrade(socket, '400 Bad Request'));

  return {
    async close() {
      isClosing = true;
      keepAlive.stop();
      stopWatching();
      const clients = [...sockets.clients];
      const closed = clients.map((socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())));
      for (const socket of clients) socket.close(SERVICE_RESTART, 'Service restart');
      const answered = new AbortController();
      const late = delay(limits.closeTimeoutMs, undefined, { signal: answered.signal }).catch(() => undefined);
      await Promise.race([Promise.all(closed), late]);
      answered.abort();
      for (const socket of sockets.clients) socket.terminate();
      await Promise.all(closed);
    },
  };
}

function logOf({ log, identity }: Connection): Log {
  return log.child({ requestId: identity.requestId, ...(identity.viewer && { userId: identity.viewer.userId }) });
}

/** Null for what no client may send. */
function readMessage(text: string): Message | null {
  try {
    // The protocol's own parser takes nesting of any depth.
    parseJson(text);
    const message = parseMessage(text);
    return CLIENT_MESSAGES.has(message.type) ? message : null;
  } catch {
    return null;
  }
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.write(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 0\r\n\r\n`,
  );
  endConnection(socket);
}

function toFormatted(error: unknown) {
  if (error instanceof GraphQLError) return error.toJSON();
  return { message: error instanceof Error ? error.message : String(error) };
}

/** The protocol's server passes errors on as these only. */
function toGraphQLError(failure: SubscriptionFailure): GraphQLError {
  return new GraphQLError(failure.message, { originalError: failure });
}
