import {
  createHealth,
  createHttpService,
  createLog,
  createMetrics,
  openTracing,
  operationsAddress,
  readHttpServerConfig,
  type EventBus,
  type Health,
  type JwksSource,
  type LiveFeed,
  type Log,
  type Metrics,
  type ServiceProcess,
  type Tracing,
} from '@taskgraph/service-kit';
import type { OfferedLogin } from '@taskgraph/explorer';
import type { LabelFacts } from '@taskgraph/federation-engine';
import { createEngineParts } from '@taskgraph/federation-engine/internal/engine-parts.js';
import type {
  RemotePlanner,
  RemotePlannerOptions,
} from '@taskgraph/federation-engine/internal/supergraph/remote-planner.js';
import { toConfigError } from './admission-settings.js';
import { listenForChanges } from './changes.js';
import { composeAdmission } from './compose-admission.js';
import { composeIdentity } from './compose-identity.js';
import { composeTransports } from './compose-transports.js';
import { assertKnownSubgraphs, type GatewayConfig } from './config.js';
import { toEngineOptions } from './engine-settings.js';
import { warnOfExposure } from './exposure.js';
import { createSubscriptionTelemetry } from './subscription-metrics.js';
import { createGatewayTelemetry } from './telemetry.js';
import { openUploadSpool } from './upload-spool.js';
import { openUsage } from './usage-settings.js';

export { readGatewayConfig, type GatewayConfig } from './config.js';

/** What a deployment adds, and what a test puts in the place of the real part. */
export interface GatewayParts {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly jwks: JwksSource;
  /** Null traces nothing, whatever the settings say. */
  readonly tracing: Tracing | null;
  /** Carries the events of services; closed by its owner. */
  readonly bus: EventBus;
  /** Tells at once which sessions have ended; closed by its owner. */
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
 * Creates the gateway. What was opened is closed again when something after it fails.
 *
 * @throws ConfigError; when the supergraph cannot be read or served
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
  const onClose: Array<() => Promise<void>> = [];
  try {
    return await compose(config, { ...overrides, log, metrics, health, tracing }, onClose);
  } catch (error) {
    for (const step of onClose)
      await step().catch((fault: unknown) => log.error({ err: fault }, 'a resource could not be closed'));
    await tracing?.close();
    throw error;
  }
}

type Surroundings = Partial<GatewayParts> & Pick<GatewayParts, 'log' | 'metrics' | 'health' | 'tracing'>;

/** The path of a request, from below: identity, admission, the engine, and the transports that lead into them. What is opened last is closed first. */
async function compose(
  config: GatewayConfig,
  { log, metrics, health, tracing, ...overrides }: Surroundings,
  onClose: Array<() => Promise<void>>,
): Promise<ServiceProcess> {
  const named = new Set(config.METRICS_OPERATIONS);
  const telemetry = createGatewayTelemetry(metrics, {
    slowOperationMs: config.SLOW_OPERATION_MS,
    isKnownOperation: (name) => named.has(name) || admission.documents.isName(name) || transports.isOwnName(name),
    log,
  });
  const subscriptionTelemetry = createSubscriptionTelemetry(metrics, tracing);
  const usage = await openUsage(config, { log, metrics });
  onClose.unshift(async () => usage?.close());
  const spool = openUploadSpool(config, { health, metrics });

  const identity = composeIdentity(config, { jwks: overrides.jwks, feed: overrides.feed, log, metrics });
  onClose.unshift(...identity.onClose);
  const admission = composeAdmission(config, { telemetry, labelsOf: overrides.overrideLabelsOf, log, metrics });
  onClose.unshift(...admission.onClose);
  const engine = createEngineParts(
    toEngineOptions(config, {
      policies: admission.policies,
      overrideLabels: admission.overrideLabels,
      verifiesTokens: identity.verifiesTokens,
      remotePlanner: overrides.joinPlanner?.({ log, onReload: (outcome) => telemetry.supergraphReloaded(outcome) }),
      isTraced: tracing !== null,
      telemetry,
      subscriptionTelemetry,
      health,
      log,
      metrics,
    }),
  );
  onClose.unshift(() => engine.close());
  telemetry.watchOperations(engine.operations);
  const changes = listenForChanges(config, {
    bus: overrides.bus,
    invalidate: async (changed) => engine.client.invalidate?.(changed),
    onEvent: (type) => telemetry.changeHeard(type),
    tracing,
    health,
    log,
    metrics,
  });
  onClose.unshift(...changes.onClose);
  const transports = await composeTransports(config, {
    identity,
    admission,
    engine,
    spool,
    explorerLogins: overrides.explorerLogins ?? [],
    usage,
    telemetry,
    subscriptionTelemetry,
    tracing,
    log,
  });
  onClose.unshift(() => transports.close());

  await admission.documents.start();
  await engine.start().catch(toConfigError);
  assertKnownSubgraphs(config, engine.operations().supergraph.subgraphs);
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
    refusalForms: transports.refusalForms,
    routes: (app) => transports.routes(app),
    onDrain: () => transports.drain(),
    onClose,
  });
  service.server.on('upgrade', transports.upgrade);
  return service;
}
