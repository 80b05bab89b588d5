import { ConfigError, timeRedis, type Log, type Metrics } from '@taskgraph/service-kit';
import type { GatewayConfig } from './config.js';
import { createRedisUsage } from './usage/redis-usage.js';
import { createUsageFolder } from './usage/usage-folder.js';
import { createUsageRecorder, type UsageRecorder } from './usage/usage-recorder.js';
import type { UsageStore } from './usage/usage-record.js';

const DAY_MS = 24 * 60 * 60 * 1_000;

interface UsageSurroundings {
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Opens what counts usage, as the settings say; null where nothing is recorded, or there is nowhere to keep it.
 *
 * @throws ConfigError where USAGE_DIR cannot be used
 */
export async function openUsage(
  config: GatewayConfig,
  { log, metrics }: UsageSurroundings,
): Promise<UsageRecorder | null> {
  const store = await openStore(config, { log, metrics });
  if (!store) return null;
  return createUsageRecorder({
    store,
    flushMs: config.USAGE_FLUSH_MS,
    sampleOneIn: config.USAGE_SAMPLE_ONE_IN,
    maxPending: config.USAGE_MAX_RECORDS,
    log,
    metrics,
  });
}

async function openStore(
  { USAGE_RECORDING, USAGE_DIR: folder, REDIS_URL: url, ...config }: GatewayConfig,
  { log, metrics }: UsageSurroundings,
): Promise<UsageStore | null> {
  if (USAGE_RECORDING === false) return null;
  const bounds = { maxRecords: config.USAGE_MAX_RECORDS, retentionMs: config.USAGE_RETENTION_DAYS * DAY_MS };
  if (url !== undefined)
    return createRedisUsage({ ...bounds, url, log, onClient: (client) => void timeRedis(client, metrics, 'usage') });
  if (folder === undefined) return null;
  return createUsageFolder({ ...bounds, folder, log }).catch((error: unknown) => {
    throw new ConfigError([`USAGE_DIR: ${(error as Error).message}`]);
  });
}
