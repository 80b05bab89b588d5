import {
  answerHttpError,
  createHealth,
  createHttpService,
  createLog,
  createMetrics,
  createUploadSpool,
  httpErrors,
  identifyRequest,
  multipartRequests,
  openEventBus,
  readHttpServerConfig,
  saysJson,
  type EventBus,
  type JwksSource,
  type Log,
  type ServiceProcess,
  operationsAddress,
} from '@taskgraph/service-kit';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createCachingClient } from '@taskgraph/federation-engine/internal/subgraphs/caching/caching-client.js';
import { invalidateOnEvents } from './event-invalidation.js';
import { createOrigins } from './admission/origins.js';
import { createOverrideLabels } from './admission/override-labels.js';
import { createAuthorization } from './admission/authorization.js';
import { createPolicies } from './admission/policies.js';
import { createPolicyHook } from './admission/policy-hook.js';
import { createDemandControl } from './admission/demand-control.js';
import { createNoPersistedQueries, createPersistedQueries } from './admission/persisted-queries.js';
import { createRegisteredDocuments } from './admission/registered-documents.js';
import { assertKnownSubgraphs, type GatewayConfig } from './config.js';
import type { LabelFacts } from '@taskgraph/federation-engine/internal/request/context.js';
import { createClientErrors } from '@taskgraph/federation-engine/internal/execute/client-errors.js';
import { createMemoryCache } from '@taskgraph/federation-engine/internal/subgraphs/caching/cache.js';
import { createRedisCache } from '@taskgraph/federation-engine/internal/subgraphs/caching/redis-cache.js';
import { createConcurrencyLimit } from '@taskgraph/federation-engine/internal/subgraphs/concurrency-limit.js';
import { createHttpSubgraphClient } from '@taskgraph/federation-engine/internal/subgraphs/http-subgraph-client.js';
import { createSubgraphs } from '@taskgraph/federation-engine/internal/subgraphs/subgraphs.js';
import { createAnswer } from './transports/http/answer.js';
import { ENDPOINT, isEndpoint } from './transports/http/endpoint.js';
import { createCors } from './transports/http/cors.js';
import { createEventSourceDoor } from './transports/http/event-source.js';
import { asksForEvents, createGraphQLHandler } from './transports/http/graphql-handler.js';
import { renderSandbox } from './transports/http/landing-page.js';
import { createClientAddress } from './identity/client-address.js';
import { withClientInfo } from './identity/client-info.js';
import { createIdentify } from './identity/identify.js';
import { toMissingViewer } from './identity/missing-viewer.js';
import { createTickets } from './identity/tickets.js';
import { badRequest } from '@taskgraph/federation-engine/internal/request/refusal.js';
import { createLiveGraph } from '@taskgraph/federation-engine/internal/live-graph.js';
import { createSubscriptionTelemetry } from './subscription-telemetry.js';
import { createSubscriptions } from '@taskgraph/federation-engine/internal/live/subscriptions.js';
import { createHttpStreams } from './transports/streams/http-streams.js';
import { createUpstreamSockets } from '@taskgraph/federation-engine/internal/live/upstream-sockets.js';
import { createWebSocketDoor, refuse as refuseUpgrade } from './transports/websocket/server.js';
import { createPlannerThread } from '@taskgraph/federation-engine/internal/supergraph/planner-thread.js';
import { warnOfOpenDoors } from './open-doors.js';
import {
  toClientAddress,
  toClientInfoSigner,
  toConfigError,
  toDemandControl,
  toOperationCache,
  toRegisteredDocuments,
  toSpoolFolder,
  toSubgraphsSettings,
} from './options.js';
import { createSupergraphSource } from '@taskgraph/federation-engine/internal/supergraph/supergraph-source.js';
import { createGatewayTelemetry } from './telemetry.js';
import { within } from './within.js';

export { readGatewayConfig, type GatewayConfig } from './config.js';

/** What a deployment adds, and what a test puts in the place of the real part. */
export interface GatewayParts {
  readonly log: Log;
  readonly jwks: JwksSource;
  /** Carries the events of services; closed by who made it. */
  readonly bus: EventBus;
  /** Names labels of `@override` that hold for a request, beside those of the settings and its header. */
  readonly overrideLabelsOf: (facts: LabelFacts) => Iterable<string>;
}

const MIB = 1024 * 1024;
/** Where an `EventSource` gets the URL that it opens. */
const EVENT_SOURCE = `${ENDPOINT}/event-source`;
/** The explorer's page has a policy of its own for what it loads, which cannot say who may show it in a frame (CSP 3, section 6.4.2). */
const PAGE_HEADERS = {
  'content-security-policy': "frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};
const STREAM_ROUTE = `${ENDPOINT} (stream)`;

/**
 * Composes the gateway; its body is the path of a request, in order.
 *
 * @throws when the supergraph cannot be read or served
 */
export async function createGateway(
  config: GatewayConfig,
  overrides: Partial<GatewayParts> = {},
): Promise<ServiceProcess> {
  const log = overrides.log ?? createLog({ service: 'gateway', level: config.LOG_LEVEL });
  const metrics = createMetrics('gateway');
  const health = createHealth();
  const telemetry = createGatewayTelemetry(metrics, { slowOperationMs: config.SLOW_OPERATION_MS });
  const spool = createUploadSpool({ folder: toSpoolFolder(config), maxBytes: config.UPLOAD_SPOOL_MAX_BYTES });

  // identity
  const identify = createIdentify({
    jwksUrl: config.jwksUrl,
    jwks: overrides.jwks,
    issuer: config.TOKEN_ISSUER,
    audience: config.TOKEN_AUDIENCE,
    log,
  });

  // admission
  const policies = createPolicies({
    table: config.AUTHORIZATION_POLICIES,
    hook:
      config.AUTHORIZATION_POLICY_URL === undefined
        ? null
        : createPolicyHook({
            url: config.AUTHORIZATION_POLICY_URL,
            timeoutMs: config.AUTHORIZATION_POLICY_TIMEOUT_MS,
          }),
  });
  const authorization = createAuthorization({
    operations: () => graph.operations(),
    policies,
    rejects: config.AUTHORIZATION_REJECT,
  });

  // supergraph and planning
  const subgraphs = createSubgraphs({ settings: toSubgraphsSettings(config), log, telemetry, health });
  const graph = createLiveGraph({
    source: createSupergraphSource({
      path: config.SUPERGRAPH_PATH,
      pollMs: config.SUPERGRAPH_POLL_MS,
      log,
      onReload: (outcome) => telemetry.supergraphReloaded(outcome),
    }),
    planner: createPlannerThread({
      log,
      planTimeoutMs: config.PLAN_TIMEOUT_MS,
      loadTimeoutMs: config.SUPERGRAPH_LOAD_TIMEOUT_MS,
      maxWaiting: config.PLAN_MAX_WAITING,
      onRestart: () => telemetry.plannerRestarted(),
    }),
    cache: {
      ...toOperationCache(config),
      isHopeless: policies.isHopeless,
      onCompiled: (durationMs) => telemetry.operationCompiled(durationMs),
    },
    log,
    warmUpMs: config.SUPERGRAPH_WARM_UP_MS,
    onVersion: (supergraph) => {
      subgraphs.prepare(supergraph);
      if (config.jwksUrl === null && !overrides.jwks && supergraph.requirements.byCoordinate.size > 0)
        log.warn('no JWKS_URL is set: subgraphs alone decide who is signed in and which scopes he has');
    },
    onServe: (supergraph) => subgraphs.serve(supergraph),
    onSwap: () => void subscriptions.refresh(),
  });
  telemetry.watchOperations(() => graph.operations());

  // execution
  const cache =
    config.REDIS_URL === undefined
      ? createMemoryCache({ maxBytes: Math.max(1, config.ENTITY_CACHE_MIB) * MIB })
      : createRedisCache({ url: config.REDIS_URL, prefix: 'taskgraph:gateway:', log });
  if (config.REDIS_URL !== undefined) health.register('redis', () => cache.ping(), { critical: false });
  const fetches = createHttpSubgraphClient({
    subgraph: (name, graph) => subgraphs.get(name, graph),
    telemetry,
    uploadTimeoutMs: config.UPLOAD_TIMEOUT_MS,
    maxErrors: config.SUBGRAPH_MAX_ERRORS,
  });
  const http = withClientInfo(fetches, toClientInfoSigner(config));
  const caching = createCachingClient({
    cache,
    inner: http,
    waitMs: config.ENTITY_CACHE_WAIT_MS,
    onLookup: (subgraph, hits, misses) => telemetry.entitiesLookedUp(subgraph, hits, misses),
  });
  const client = config.ENTITY_CACHE_MIB > 0 ? caching : http;
  const bus = overrides.bus ?? openEventBus(config.PUBSUB_PROJECT_ID, { log, metrics });
  const invalidation =
    bus &&
    invalidateOnEvents({
      bus,
      sharedCache: config.REDIS_URL !== undefined,
      invalidate: async (changed) => client.invalidate?.(changed),
      onEvent: (type) => telemetry.changeHeard(type),
      log,
    });
  if (bus) health.register('events', () => bus.ping(), { critical: false });
  const clientErrors = createClientErrors(config.showsErrorMessages, {
    toMissingViewer,
    maxErrors: config.ANSWER_MAX_ERRORS,
  });
  const overrideLabels = createOverrideLabels({
    labels: config.OVERRIDE_LABELS ?? [],
    labelsOf: overrides.overrideLabelsOf,
  });
  const labelsHeader = config.OVERRIDE_LABELS_HEADER;
  const apq = config.APQ ? createPersistedQueries() : createNoPersistedQueries();
  const onUnregistered: typeof telemetry.unregisteredDocument = (mode) => telemetry.unregisteredDocument(mode);
  const registered = createRegisteredDocuments({ ...toRegisteredDocuments(config), others: apq, log, onUnregistered });
  const answer = createAnswer({
    operations: () => graph.operations(),
    overrideLabels,
    authorization,
    persistedQueries: registered?.queries ?? apq,
    demand: createDemandControl(toDemandControl(config), (subgraph) => telemetry.tooExpensive(subgraph)),
    client,
    clientErrors,
    telemetry,
    hideSuggestions: !config.introspection,
    operationTimeoutMs: config.OPERATION_TIMEOUT_MS,
    uploadTimeoutMs: config.UPLOAD_TIMEOUT_MS,
  });

  // subscriptions
  const addressOf = createClientAddress(toClientAddress(config));
  const subscriptionTelemetry = createSubscriptionTelemetry(metrics);
  const upstreamSockets = createUpstreamSockets({
    connectTimeoutMs: config.SUBGRAPH_TIMEOUT_MS,
    heartbeatMs: config.SUBSCRIPTION_HEARTBEAT_MS,
    maxMessageBytes: config.SUBGRAPH_MAX_ANSWER_BYTES,
  });
  const subscriptions = createSubscriptions({
    operations: () => graph.operations(),
    overrideLabels,
    authorization,
    client,
    clientErrors,
    sockets: upstreamSockets,
    urlOf: (subgraph) => subgraphs.urlOf(subgraph),
    log,
    telemetry: subscriptionTelemetry,
    missingViewer: toMissingViewer,
    runs: createConcurrencyLimit({ maxActive: config.SUBSCRIPTION_MAX_CONCURRENCY, maxWaiting: Infinity }),
    runTimeoutMs: config.OPERATION_TIMEOUT_MS,
    maxQueuedEvents: config.SUBSCRIPTION_MAX_QUEUED_EVENTS,
    retryMs: config.SUBSCRIPTION_RETRY_MS,
    stableMs: 3 * config.SUBGRAPH_TIMEOUT_MS,
    sharedScopes: config.SUBSCRIPTION_SHARED_SCOPES.split(',').map((scope) => scope.trim()),
    maxSubscriptions: config.SUBSCRIPTION_MAX,
    maxPerUser: config.SUBSCRIPTION_MAX_PER_USER,
    maxPerAddress: config.SUBSCRIPTION_MAX_PER_ADDRESS,
  });
  const webSockets = createWebSocketDoor({
    answer,
    identify,
    labelsHeader,
    subscriptions,
    log,
    telemetry: subscriptionTelemetry,
    maxOperations: config.WEBSOCKET_MAX_OPERATIONS,
    maxBufferedBytes: config.SUBSCRIPTION_MAX_BUFFERED_BYTES,
    addressOf,
    maxConnections: config.WEBSOCKET_MAX_CONNECTIONS,
    maxMessageBytes: config.WEBSOCKET_MAX_MESSAGE_BYTES,
    initTimeoutMs: config.WEBSOCKET_INIT_TIMEOUT_MS,
    heartbeatMs: config.SUBSCRIPTION_HEARTBEAT_MS,
  });

  const streams = createHttpStreams({
    subscriptions,
    identify,
    addressOf,
    telemetry: subscriptionTelemetry,
    heartbeatMs: config.SUBSCRIPTION_HEARTBEAT_MS,
    maxBufferedBytes: config.SUBSCRIPTION_MAX_BUFFERED_BYTES,
  });

  // http
  const origins = createOrigins(config.origins);
  const cors = createCors({ origins, isOpen: config.origins.length > 0, maxAgeSeconds: config.CORS_MAX_AGE_SECONDS });
  const eventSource = createEventSourceDoor({
    identify,
    tickets: createTickets({
      secret: config.EVENT_SOURCE_SECRET ?? null,
      lifetimeMs: config.EVENT_SOURCE_LIFETIME_SECONDS * 1_000,
    }),
    endpoint: ENDPOINT,
    maxBodyBytes: config.MAX_BODY_BYTES,
    lifetimeSeconds: config.EVENT_SOURCE_LIFETIME_SECONDS,
  });
  const handler = createGraphQLHandler({
    answer,
    addressOf,
    origins,
    eventSource,
    streams,
    identify,
    labelsHeader,
    maxBodyBytes: config.MAX_BODY_BYTES,
    maxBatchOperations: config.MAX_BATCH_OPERATIONS,
    exposePlans: config.introspection,
    compression: config.COMPRESSION,
  });
  const { UPLOAD_MAX_FILES: maxFiles, UPLOAD_MAX_BYTES: maxFileBytes } = config;
  const sandbox = config.sandbox ? await renderSandbox() : null;
  const onClose = [
    async () => invalidation?.close(),
    async () => (overrides.bus ? undefined : bus?.close()),
    async () => registered?.manifest.close(),
    () => graph.close(),
    () => upstreamSockets.close(),
    () => subgraphs.close(),
    () => cache.close(),
  ];
  try {
    await registered?.manifest.start();
    await graph.start().catch(toConfigError);
    assertKnownSubgraphs(config, graph.operations().supergraph.subgraphs);
  } catch (error) {
    for (const step of onClose) await step();
    throw error;
  }

  /** Operations in JSON, and streams, go past Express; what is rarer, and the operator's routes, go through it. */
  function front(request: IncomingMessage, response: ServerResponse): boolean {
    const { method, url } = request;
    const isTicket = url === EVENT_SOURCE;
    if (!isTicket && !isEndpoint(url)) return false;
    if (cors(request, response)) return true;
    const isPost = saysJson(request);
    const isStream = method === 'GET' && !isTicket && asksForEvents(request);
    if (!isPost && !isStream) return false;
    // How long streams last says nothing about how fast answers are.
    const route = () => (isTicket ? EVENT_SOURCE : streams.has(response) ? STREAM_ROUTE : ENDPOINT);
    const facts = identifyRequest(request, response, { log, metrics, route });
    const served = isTicket
      ? handler.eventSource(request, response)
      : isPost
        ? handler.post(request, response)
        : handler.get(request, response);
    served.catch((error: unknown) => answerHttpError(error, response, facts.log));
    return true;
  }

  warnOfOpenDoors(config, log);
  const service = await createHttpService({
    name: 'gateway',
    config: {
      ...readHttpServerConfig(config, config.GATEWAY_PORT),
      operations: operationsAddress(config.OPERATIONS_HOST, config.GATEWAY_OPERATIONS_PORT),
    },
    log,
    metrics,
    health,
    front,
    routes: (app) => {
      app.get('/', (_request, response) => response.redirect(ENDPOINT));
      app.get(ENDPOINT, async (request, response) => {
        const asksForPage = request.query['query'] === undefined && request.accepts(['json', 'html']) === 'html';
        if (sandbox && asksForPage)
          response
            .set(PAGE_HEADERS)
            .type('html')
            .send(await sandbox());
        else await handler.get(request, response);
      });
      app.post(ENDPOINT, multipartRequests({ maxFiles, maxFileBytes, spool, log }), async (request, response) => {
        if (request.is('multipart/form-data')) await handler.multipart(request, response, request.body);
        else handler.refuse(response, badRequest('Send the request as application/json.', 415));
      });
      app.all(ENDPOINT, (_request, response) => {
        handler.refuse(response, badRequest('GraphQL is served to GET and POST.', 405, { allow: 'GET, POST' }));
      });
      app.all(EVENT_SOURCE, (_request, response) => {
        handler.refuse(response, badRequest('POST the request here as application/json.', 405, { allow: 'POST' }));
      });
      app.use(httpErrors(log));
    },
    onDrain: async () => {
      const graceMs = config.SHUTDOWN_GRACE_MS;
      await within(graceMs, subscriptions.drain());
      streams.drain();
      await webSockets.drain(graceMs);
    },
    onClose,
  });
  service.server.on('upgrade', (request, socket, head) => {
    if (!isEndpoint(request.url)) return refuseUpgrade(socket, 404);
    // Browsers let every page open WebSockets to everywhere, and leave it to servers to look at the origin (RFC 6455, section 10.2).
    if (origins.of(request) === 'foreign') return refuseUpgrade(socket, 403);
    webSockets.upgrade(request, socket, head);
  });
  return service;
}
