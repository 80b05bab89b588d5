import path from 'node:path';
import { createMigrator, findRunningCluster, MigrationError, silentLog, withClient } from '@taskgraph/databases';
import { runEventsCli } from '@taskgraph/service-kit/events-command';
import { Redis } from 'ioredis';
import { DATABASES, REPOSITORY, type DatabaseName, type OperatorConfig } from '../config.js';
import { fault, ok, warning, type Finding } from './finding.js';

const TIMEOUT_MS = 3_000;
const MAX_SKEW_MS = 1_000;

/** Each database: reachable, migrated, and with a clock like ours. */
export async function checkDatabases(config: OperatorConfig): Promise<Finding[]> {
  const cluster = await findRunningCluster(path.join(config.dataDir, 'postgres'));
  return (
    await Promise.all(
      DATABASES.map(async (name) => {
        const url = config.databaseUrls[name] ?? cluster?.url(name);
        return url === undefined ? [ok(`database ${name}`, 'embedded; not running')] : checkDatabase(name, url);
      }),
    )
  ).flat();
}

async function checkDatabase(name: DatabaseName, url: string): Promise<Finding[]> {
  const label = `database ${name}`;
  let clockMs: number;
  try {
    const startedAt = Date.now();
    const { rows } = await withClient(
      url,
      (client) => client.query<{ now: string }>('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now'),
      { connectionTimeoutMillis: TIMEOUT_MS },
    );
    clockMs = Number(rows[0]?.now) - (startedAt + Date.now()) / 2;
  } catch (error) {
    return [
      fault(
        label,
        `cannot be reached: ${error instanceof Error ? error.message || String((error as { code?: string }).code) : String(error)}`,
        `Start it, or correct ${name.toUpperCase()}_DATABASE_URL.`,
      ),
    ];
  }
  const findings = [await checkMigrations(label, name, url)];
  if (Math.abs(clockMs) > MAX_SKEW_MS) findings.push(skewed(label, clockMs));
  return findings;
}

async function checkMigrations(label: string, name: DatabaseName, url: string): Promise<Finding> {
  try {
    const folder = path.join(REPOSITORY, 'prisma', name);
    const { applied, pending, edited, failed, missing } = await createMigrator({
      folder,
      url,
      log: silentLog,
    }).status();
    if (failed.length + edited.length > 0)
      return fault(
        label,
        `${failed.length} migrations failed, ${edited.length} were edited`,
        `npx taskgraph migrate ${name} status`,
      );
    if (missing.length > 0)
      return warning(
        label,
        `${missing.length} migrations are not in this checkout`,
        'It is ahead of this code: update the checkout.',
      );
    if (pending.length > 0)
      return fault(label, `${pending.length} migrations are pending`, `npx taskgraph migrate ${name} up`);
    return ok(label, `${applied.length} migrations, none pending`);
  } catch (error) {
    if (!(error instanceof MigrationError)) throw error;
    return fault(label, error.message, error.advice ?? `npx taskgraph migrate ${name} status`);
  }
}

export function skewed(name: string, skewMs: number): Finding {
  return fault(
    `${name}, clock`,
    `${Math.abs(skewMs / 1_000).toFixed(1)} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine`,
    'Keep clocks together (NTP): deadlines of mutations and tokens are instants.',
  );
}

export async function checkRedis(env: NodeJS.ProcessEnv): Promise<Finding> {
  const url = env['REDIS_URL'];
  if (!url) return ok('redis', 'not set: each process is on its own');
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    await redis.ping();
    return ok('redis', 'answers');
  } catch (error) {
    return fault('redis', `does not answer: ${(error as Error).message}`, 'Start it, or correct REDIS_URL.');
  } finally {
    redis.disconnect();
  }
}

/** Its topics and subscriptions too. */
export async function checkPubSub(env: NodeJS.ProcessEnv): Promise<Finding> {
  if (!env['PUBSUB_PROJECT_ID']) return ok('pubsub', 'not set: events stay in their process or wait');
  const said: string[] = [];
  const code = await runEventsCli({
    args: ['list-dead', '--json'],
    env,
    findEmbedded: async () => null,
    print: (line) => void said.push(line),
    printError: (line) => void said.push(line),
    confirm: () => Promise.reject(new Error('Nothing is asked.')),
  });
  if (code !== 0)
    return fault('pubsub', said[0] ?? 'does not answer', said[1]?.replace(/^→ /, '') ?? 'docs/operations.md, Events');
  const dead = (JSON.parse(said.join('\n')) as unknown[]).length;
  return dead === 0
    ? ok('pubsub', 'answers; no dead letters')
    : warning('pubsub', `${dead} dead letters`, 'npx taskgraph events list-dead');
}
