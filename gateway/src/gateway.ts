import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { createEngineParts } from '@taskgraph/federation-engine/internal/engine-parts.js';
import {
  checkDiskSpace,
  createHealth,
  createHttpService,
  createLog,
  createMetrics,
  createOrigins,
  createRateLimits,
  createUploadSpool,
  openEventBus,
  openTracing,
  operationsAddress,
  readHttpServerConfig,
  tellDiskSpace,
  type EventBus,
  type Health,
  type JwksSource,
  type LiveFeed,
  type Log,
  type Metrics,
  tracedBus,
  type ServiceProcess,
  type Tracing,
} from '@taskgraph/service-kit';
import type { OfferedLogin } from '@taskgraph/explorer';
import type { LabelFacts } from '@taskgraph/federation-engine';
import type {
  RemotePlanner,
  RemotePlannerOptions,
} from '@taskgraph/federation-engine/internal/supergraph/remote-planner.js';
import { createClientLimits } from './admission/client-limits.js';
import { createDemandControl } from './admission/demand-control.js';
import { createDocuments, createOwnDocuments } from './admission/documents.js';
import { createOverrideLabels } from './admission/held-labels.js';
import { createPolicies } from './admission/policies.js';
import { assertKnownSubgraphs, type GatewayConfig } from './config.js';
import { toEngineOptions } from './engine-settings.js';
import { invalidateOnEvents } from './event-invalidation.js';
import { createClientAddress } from './identity/client-address.js';
import { createIdentify } from './identity/identify.js';
import { createRevocations } from './identity/revocations.js';
import { createSessionCookies } from './identity/session-cookies.js';
import { createTickets } from './identity/tickets.js';
import { warnOfExposure } from './exposure.js';
import { toExplorer } from './explorer-settings.js';
import {
  toClientAddress,
  toClientLimits,
  toConfigError,
  toDemandControl,
  toDocuments,
  toPolicies,
  toSessionCookies,
  toSpoolFolder,
  toTickets,
} from './admission-settings.js';
import { toAnswer, toEventSource, toHandler, toLive, toRest, toWebSockets } from './transport-settings.js';
import { createRest, restRefusals } from './rest/rest-routes.js';
import { openUsage } from './usage-settings.js';
import { createSubscriptionTelemetry } from './subscription-telemetry.js';
import { createGatewayTelemetry } from './telemetry.js';
import { traceOperations } from './traces.js';
import { createAnswer } from './transports/http/answer.js';
import { createEventSourceEndpoint } from './transports/http/event-source.js';
import { createGraphQLHandler } from './transports/http/graphql-handler.js';
import { createGraphQLRoutes } from './transports/http/graphql-routes.js';
import { createRequestContexts } from './transports/http/request-contexts.js';
import { createHttpStreams } from './transports/streams/http-streams.js';
import { createWebSocketEndpoint } from './transports/websocket/server.js';
import { within } from './transports/within.js';

export { readGatewayConfig, type GatewayConfig } from './config.js';

/** Who sends the operations of the REST façade, as `schema-check.yaml` names it. */
const REST_CLIENT = 'rest';

/** What a deployment adds, and what a test puts in the place of the real part. */
export interface GatewayParts {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly jwks: JwksSource;
  /** Null traces nothing, whatever the settings say. */
  readonly tracing: Tracing | null;
  /** Carries the events of services; closed by who made it. */
  readonly bus: EventBus;
  /** Tells at once which sessions have ended; closed by who made it. */
  readonly feed: LiveFeed;
  /** Joins the planner and the watch of the supergraph of another process. */
  readonly joinPlanner: (options: Pick<RemotePlannerOptions, 'log' | 'onReload'>) => RemotePlanner;
  /** Whether another process answers operators for this one. */
  readonly operationsElsewhere: boolean;
  /** Accounts that the explorer logs in with by one click: their passwords are for anybody who reaches the gateway. */
  readonly explorerLogins: readonly OfferedLogin[];
  /** Names labels of `@override` that hold for a request, beside those of the settings and its header. */
  readonly overrideLabelsOf: (facts: LabelFacts) => Iterable<string>;
}

/**
 * Composes the gateway. Its body is the path of a request: identity, admission, engine, and the transports that lead into them.
 *
 * @throws when the supergraph cannot be read or served
 */
export async function createGateway(
  config: GatewayConfig,
  overrides: Partial<GatewayParts> = {},
): Promise<ServiceProcess> {
  const log = overrides.log ?? createLog({ service: 'gateway', level: config.LOG_LEVEL });
  const metrics = overrides.metrics ?? createMetrics('gateway');
  const health = overrides.health ?? createHealth();
  const tracing =
    overrides.tracing === undefined ? await openTracing('gateway', config, { log, metrics }) : overrides.tracing;
  const named = new Set(config.METRICS_OPERATIONS);
  const telemetry = createGatewayTelemetry(metrics, {
    slowOperationMs: config.SLOW_OPERATION_MS,
    isKnownOperation: (name) => named.has(name) || documents.isName(name) || rest?.isName(name) === true,
    log,
  });
  const subscriptionTelemetry = createSubscriptionTelemetry(metrics, tracing);
  const usage = await openUsage(config, { log, metrics });
  const spoolFolder = toSpoolFolder(config);
  const spool = createUploadSpool({ folder: spoolFolder, maxBytes: config.UPLOAD_SPOOL_MAX_BYTES });
  const disk = { folder: spoolFolder ?? tmpdir(), minFreeBytes: config.MIN_FREE_DISK_BYTES };
  health.register('upload spool', () => checkDiskSpace(disk.folder, disk.minFreeBytes), { critical: false });
  tellDiskSpace(metrics, { use: 'upload spool', ...disk });

  // identity: who asks
  const { jwks } = overrides;
  const { jwksUrls, TOKEN_ISSUER: issuer, TOKEN_AUDIENCE: audience } = config;
  const revocations = jwks ? null : createRevocations({ config, feed: overrides.feed, log, metrics });
  const identify = createIdentify({ jwksUrls, jwks, revocations, issuer, audience, log });
  const addressOf = createClientAddress(toClientAddress(config));

  // admission: whether it is run, and what of it
  const origins = createOrigins(config.origins);
  const cookieOptions = toSessionCookies(config, { log, metrics });
  const isForeign = (request: IncomingMessage) => origins.of(request) === 'foreign';
  const sessionCookies = cookieOptions && createSessionCookies({ ...cookieOptions, identify, isForeign, log });
  const documents = createDocuments({
    ...toDocuments(config),
    log,
    onUnregistered: (mode) => telemetry.unregisteredDocument(mode),
  });
  const demand = createDemandControl(toDemandControl(config), (subgraph) => telemetry.tooExpensive(subgraph));
  const limits = createRateLimits({ redisUrl: config.REDIS_URL, log, metrics });
  const clientLimits = createClientLimits({ ...toClientLimits(config), limits });
  const policies = createPolicies(toPolicies(config));
  const overrideLabels = createOverrideLabels({
    labels: config.OVERRIDE_LABELS ?? [],
    labelsOf: overrides.overrideLabelsOf,
  });

  // engine: how it is run
  const verifiesTokens = jwksUrls !== null || jwks !== undefined;
  const isTraced = tracing !== null;
  const surroundings = {
    log,
    health,
    metrics,
    telemetry,
    subscriptionTelemetry,
    policies,
    overrideLabels,
    verifiesTokens,
    isTraced,
    remotePlanner: overrides.joinPlanner?.({ log, onReload: (outcome) => telemetry.supergraphReloaded(outcome) }),
  };
  const engine = createEngineParts(toEngineOptions(config, surroundings));
  const { subscriptions } = engine;
  telemetry.watchOperations(engine.operations);
  const bus = overrides.bus ?? openEventBus(config.PUBSUB_PROJECT_ID, { log, metrics });
  if (bus) health.register('events', () => bus.ping(), { critical: false });
  const invalidation =
    bus &&
    invalidateOnEvents({
      bus: tracing ? tracedBus(bus, tracing) : bus,
      sharedCache: config.REDIS_URL !== undefined,
      invalidate: async (changed) => engine.client.invalidate?.(changed),
      onEvent: (type) => telemetry.changeHeard(type),
      log,
    });

  // transports: how it comes, and how its answer goes
  const answering = { ...engine, limits: clientLimits, demand, telemetry, ...toAnswer(config) };
  const answer = createAnswer({ ...answering, persistedQueries: documents.queries, recordUsage: usage?.record });
  const live = { ...toLive(config), subscriptions, identify, addressOf, telemetry: subscriptionTelemetry };
  const streams = createHttpStreams(live);
  const refusalForms = config.REST_API ? restRefusals : undefined;
  const webSockets = createWebSocketEndpoint({
    ...live,
    refusalForms,
    ...toWebSockets(config),
    answer: tracing ? traceOperations(tracing, answer) : answer,
    limits: clientLimits,
    origins,
    sessionCookies,
    log,
  });
  const tickets = createTickets(toTickets(config));
  const eventSource = createEventSourceEndpoint({ ...toEventSource(config), identify, tickets });
  const contexts = createRequestContexts({
    identify,
    sessionCookies,
    addressOf,
    labelsHeader: config.OVERRIDE_LABELS_HEADER,
  });
  const handler = createGraphQLHandler({
    ...toHandler(config),
    limits: clientLimits,
    answer,
    addressOf,
    origins,
    eventSource,
    streams,
    contexts,
    variesByCookie: sessionCookies !== null,
    telemetry,
  });
  const cors = { origins, isOpen: config.origins.length > 0, maxAgeSeconds: config.CORS_MAX_AGE_SECONDS };
  const http = await createGraphQLRoutes({
    handler,
    streams,
    cors,
    multipart: { maxFiles: config.UPLOAD_MAX_FILES, maxFileBytes: config.UPLOAD_MAX_BYTES, spool },
    sandbox: config.sandbox,
    explorer: toExplorer(config, overrides.explorerLogins ?? []),
    log,
    metrics,
  });
  const rest = config.REST_API
    ? createRest({
        ...toRest(config, { origins, supergraph: () => engine.operations().supergraph }),
        // What the façade asks is the gateway's own: it is no client's document, which a safelist would have to know.
        answer: createAnswer({
          ...answering,
          persistedQueries: createOwnDocuments(),
          recordUsage: usage?.recordAs(REST_CLIENT),
        }),
        contexts,
        limits: clientLimits,
        addressOf,
        cors,
      })
    : null;

  const onClose = [
    async () => rest?.close(),
    async () => revocations?.close(),
    async () => invalidation?.close(),
    async () => (overrides.bus ? undefined : bus?.close()),
    async () => documents.close(),
    async () => usage?.close(),
    () => engine.close(),
    () => limits.close(),
    async () => cookieOptions?.close(),
  ];
  try {
    await documents.start();
    await engine.start().catch(toConfigError);
    assertKnownSubgraphs(config, engine.operations().supergraph.subgraphs);
  } catch (error) {
    for (const step of onClose) await step();
    await tracing?.close();
    throw error;
  }
  warnOfExposure(config, log);
  const operations = overrides.operationsElsewhere
    ? 'elsewhere'
    : operationsAddress(config.OPERATIONS_HOST, config.GATEWAY_OPERATIONS_PORT);
  const service = await createHttpService({
    name: 'gateway',
    config: { ...readHttpServerConfig(config, config.GATEWAY_PORT), operations },
    log,
    metrics,
    health,
    tracing,
    front: http.front,
    refusalForms,
    routes(app) {
      rest?.routes(app);
      return http.routes(app);
    },
    onDrain: async () => {
      await within(config.SHUTDOWN_GRACE_MS, subscriptions.drain());
      streams.drain();
      await webSockets.drain(config.SHUTDOWN_GRACE_MS);
    },
    onClose,
  });
  service.server.on('upgrade', webSockets.upgrade);
  return service;
}
