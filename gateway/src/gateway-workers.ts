import cluster from 'node:cluster';
import { createPlannerHost } from '@taskgraph/federation-engine/internal/engine-parts.js';
import { createRemotePlanner } from '@taskgraph/federation-engine/internal/supergraph/remote-planner.js';
import { ConfigError, createHealth, createLog, createMetrics, type Runnable } from '@taskgraph/service-kit';
import { toConfigError } from './admission-settings.js';
import type { GatewayConfig } from './config.js';
import { toPlannerHostOptions } from './engine-settings.js';
import { createGateway, type GatewayParts } from './gateway.js';
import { createSupergraphTelemetry } from './telemetry.js';
import { createPrimary } from './workers/primary.js';
import { connectToPrimary } from './workers/worker-link.js';

/** Of all workers together; shorter than the probes of `k8s` wait. */
const HEALTH_TIMEOUT_MS = 3_500;

/**
 * Creates what the process is: the gateway or, where GATEWAY_WORKERS wants several, the primary of workers, or one of these.
 *
 * @throws ConfigError; what {@link createGateway} throws
 */
export async function createGatewayProcess(config: GatewayConfig): Promise<Runnable> {
  if (config.GATEWAY_WORKERS === 1) return createGateway(config);
  return cluster.isWorker ? createWorker(config) : createPrimaryOf(config);
}

async function createPrimaryOf(config: GatewayConfig): Promise<Runnable> {
  const { GATEWAY_WORKERS: count, GATEWAY_OPERATIONS_PORT: port } = config;
  if (port === undefined)
    throw new ConfigError([
      'GATEWAY_WORKERS: needs GATEWAY_OPERATIONS_PORT, where metrics and health are those of all workers: at GATEWAY_PORT each would tell its own',
    ]);
  const log = createLog({ service: 'gateway', level: config.LOG_LEVEL });
  const metrics = createMetrics('gateway');
  const planner = createPlannerHost(
    toPlannerHostOptions(config, { log, telemetry: createSupergraphTelemetry(metrics) }),
  );
  try {
    await planner.start().catch(toConfigError);
  } catch (error) {
    await planner.close();
    throw error;
  }
  if (config.RATE_LIMITS && config.REDIS_URL === undefined)
    log.warn({ workers: count }, 'no REDIS_URL is set: each worker counts by itself what limits of rates let through');
  return createPrimary({
    count,
    planner,
    operations: { host: config.OPERATIONS_HOST, port },
    health: createHealth({ timeoutMs: HEALTH_TIMEOUT_MS }),
    metrics,
    log,
    shutdownGraceMs: config.SHUTDOWN_DRAIN_MS + config.SHUTDOWN_GRACE_MS,
    eventSourceSecret: config.EVENT_SOURCE_SECRET,
  });
}

async function createWorker(config: GatewayConfig): Promise<Runnable> {
  const log = createLog({ service: 'gateway', level: config.LOG_LEVEL, worker: cluster.worker?.id });
  const metrics = createMetrics('gateway');
  const health = createHealth();
  const link = connectToPrimary({ log, metrics, health });
  const joinPlanner: GatewayParts['joinPlanner'] = (options) => {
    const remote = createRemotePlanner({ ...options, post: (message) => link.askPlanner(message) });
    link.onPlanner((message) => remote.take(message));
    return remote;
  };
  const service = await createGateway(config, { log, metrics, health, joinPlanner, operationsElsewhere: true });
  return {
    log,
    shutdownGraceMs: service.shutdownGraceMs,
    stopped: link.stopped,
    async listen() {
      await service.listen();
      link.serve();
    },
    close: () => service.close(),
  };
}
