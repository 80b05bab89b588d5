import type pg from 'pg';
import { loadEnvFile } from './env-file.js';
import { createLog, flushLog, type Log } from './log.js';
import type { LogLevel } from './log-level.js';
import { createMetrics, type Metrics } from './metrics.js';
import { createPgPool } from './pg-pool.js';
import { ConfigError } from './config-error.js';

/** As of the operator's command. */
const EXIT = { done: 0, failed: 1, usage: 2, config: 78 } as const;

export interface WorkConfig {
  readonly LOG_LEVEL: LogLevel;
  readonly DB_CONNECT_TIMEOUT_MS: number;
  readonly DB_STATEMENT_TIMEOUT_MS: number;
}

export interface WorkTools<Config> {
  readonly config: Config;
  readonly pool: pg.Pool;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** What was done, by name, and what could not be: it keeps nothing else from being done. */
export interface WorkOutcome {
  readonly done: Readonly<Record<string, number>>;
  readonly faults: ReadonlyMap<string, unknown>;
}

export interface WorkOptions<Config extends WorkConfig> {
  readonly service: string;
  /** Of the command line: there are none. */
  readonly args: readonly string[];
  /** @throws ConfigError */
  readonly readConfig: () => Config;
  readonly databaseUrl: (config: Config) => string;
  readonly work: (tools: WorkTools<Config>) => Promise<WorkOutcome>;
}

/**
 * Does once what a service does by the clock, for a scheduler that does it in its place. One line of the log tells what was done, and one
 * each what could not be.
 *
 * @returns the exit code: 1 where something failed, 2 for arguments, 78 for faulty settings, which are told without a stack
 */
export async function runWork<Config extends WorkConfig>({
  service,
  args,
  readConfig,
  databaseUrl,
  work,
}: WorkOptions<Config>): Promise<number> {
  if (args.length > 0) {
    process.stderr.write(`It takes no arguments, and was given ${args.join(' ')}: settings are those of ${service}.\n`);
    return EXIT.usage;
  }
  let config: Config;
  try {
    loadEnvFile();
    config = readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT.config;
  }
  const log = createLog({ service, level: config.LOG_LEVEL });
  const metrics = createMetrics(service);
  const pool = createPgPool({
    connectionString: databaseUrl(config),
    max: 2,
    connectTimeoutMs: config.DB_CONNECT_TIMEOUT_MS,
    statementTimeoutMs: config.DB_STATEMENT_TIMEOUT_MS,
    applicationName: `taskgraph-${service}-work`,
    metrics,
    log,
  });
  try {
    const { done, faults } = await work({ config, pool, log, metrics });
    for (const [what, err] of faults) log.error({ err, what }, 'work by the clock has failed');
    if (faults.size > 0) {
      log.warn({ done, failed: [...faults.keys()] }, 'work by the clock is done in part');
      return EXIT.failed;
    }
    log.info({ done }, 'work by the clock is done');
    return EXIT.done;
  } catch (err) {
    log.error({ err }, 'work by the clock has failed');
    return EXIT.failed;
  } finally {
    await pool.end();
    await flushLog(log);
  }
}

/** Does each part, whatever becomes of the others. */
export async function doParts(
  parts: Readonly<Record<string, () => Promise<Readonly<Record<string, number>>>>>,
): Promise<WorkOutcome> {
  const done: Record<string, number> = {};
  const faults = new Map<string, unknown>();
  for (const [name, part] of Object.entries(parts))
    try {
      Object.assign(done, await part());
    } catch (error) {
      faults.set(name, error);
    }
  return { done, faults };
}
