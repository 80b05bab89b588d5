import type pg from 'pg';
import { ConfigError } from './config-error.js';
import { loadEnvFile } from './env-file.js';
import type { LogLevel } from './log-level.js';
import { createLog, flushLog, type Log } from './log.js';
import { createMetrics, type Metrics } from './metrics.js';
import { createPgPool } from './pg-pool.js';

/** sysexits.h: EX_CONFIG. */
const EXIT_CONFIG = 78;

export interface OnceConfig {
  readonly DB_CONNECT_TIMEOUT_MS: number;
  readonly DB_STATEMENT_TIMEOUT_MS: number;
}

export interface OnceTools<Config> {
  readonly config: Config;
  readonly pool: pg.Pool;
  readonly log: Log;
  readonly metrics: Metrics;
}

interface OnceOptions<Config extends OnceConfig> {
  /** Of the lines of its log. */
  readonly name: string;
  /** By which the database knows its connections: `taskgraph-` and this. */
  readonly connection: string;
  readonly connections: number;
  /** Reads the settings that are needed, and no others. @throws ConfigError */
  readonly readConfig: () => Config;
  readonly databaseUrl: (config: Config) => string;
  readonly logLevel: (config: Config) => LogLevel;
}

/**
 * Runs what ends by itself on the database of a service: reads `.env` and the settings, connects, works, and disconnects.
 *
 * @returns the exit code: that of the work, 78 when the settings are faulty, which are told without a stack
 */
export async function runOnce<Config extends OnceConfig>(
  { name, connection, connections, readConfig, databaseUrl, logLevel }: OnceOptions<Config>,
  work: (tools: OnceTools<Config>) => Promise<number>,
): Promise<number> {
  let config: Config;
  try {
    loadEnvFile();
    config = readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT_CONFIG;
  }
  const log = createLog({ service: name, level: logLevel(config) });
  const metrics = createMetrics(name);
  const pool = createPgPool({
    connectionString: databaseUrl(config),
    max: connections,
    connectTimeoutMs: config.DB_CONNECT_TIMEOUT_MS,
    statementTimeoutMs: config.DB_STATEMENT_TIMEOUT_MS,
    applicationName: `taskgraph-${connection}`,
    metrics,
    log,
  });
  try {
    return await work({ config, pool, log, metrics });
  } finally {
    await pool.end();
    await flushLog(log);
  }
}
