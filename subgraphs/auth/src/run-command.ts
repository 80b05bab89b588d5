import { uuid7 } from '@taskgraph/contracts';
import {
  ConfigError,
  createLog,
  createMetrics,
  createPgPool,
  loadEnvFile,
  transactionTimes,
  type Log,
} from '@taskgraph/service-kit';
import type { CommandConfig } from './config.js';
import { createAuthDb, type AuthDb } from './db.js';
import type { AuditOrigin } from './modules/audit/service.js';

/** sysexits.h: EX_CONFIG. */
const EXIT_CONFIG = 78;

/** What a command works with. */
export interface CommandTools<Config extends CommandConfig> {
  readonly db: AuthDb;
  readonly config: Config;
  readonly log: Log;
}

/**
 * Runs one of the commands of auth on its database: reads `.env` and the settings, connects, works, and disconnects.
 *
 * @param readConfig reads the settings that the command needs, and no others
 * @returns the exit code: that of the work, 78 when the settings are faulty, which are told without a stack
 */
export async function runCommand<Config extends CommandConfig>(
  name: string,
  readConfig: () => Config,
  work: (tools: CommandTools<Config>) => Promise<number>,
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
  const log = createLog({ service: name, level: 'error' });
  const pool = createPgPool({
    connectionString: config.AUTH_DATABASE_URL,
    max: 1,
    connectTimeoutMs: config.DB_CONNECT_TIMEOUT_MS,
    statementTimeoutMs: config.DB_STATEMENT_TIMEOUT_MS,
    applicationName: `taskgraph-${name}`,
    metrics: createMetrics(name),
    log,
  });
  try {
    return await work({ db: createAuthDb(pool, transactionTimes(config)), config, log });
  } finally {
    await pool.end();
  }
}

/** Who has done what a command does: whoever has the database and the command is nobody whom the graph knows. */
export function originOf(name: string, log: Log): AuditOrigin {
  return { clientInfo: { ipAddress: null, userAgent: name, clientName: null }, requestId: uuid7(), log };
}
