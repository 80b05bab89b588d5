import { uuid7 } from '@taskgraph/contracts';
import { runOnce, transactionTimes, type Log } from '@taskgraph/service-kit';
import type { CommandConfig } from './config.js';
import { createAuthDb, type AuthDb } from './db.js';
import type { AuditOrigin } from './modules/audit/service.js';

/** What a command works with. */
export interface CommandTools<Config extends CommandConfig> {
  readonly db: AuthDb;
  readonly config: Config;
  readonly log: Log;
}

/**
 * Runs one of the commands of auth on its database.
 *
 * @param readConfig reads the settings that the command needs, and no others
 * @returns the exit code: that of the work, 78 when the settings are faulty, which are told without a stack
 */
export function runCommand<Config extends CommandConfig>(
  name: string,
  readConfig: () => Config,
  work: (tools: CommandTools<Config>) => Promise<number>,
): Promise<number> {
  const databaseUrl = ({ AUTH_DATABASE_URL }: Config) => AUTH_DATABASE_URL;
  // What it has done is what it says; its log is for what went wrong.
  const options = { name, connection: name, connections: 1, readConfig, databaseUrl, logLevel: () => 'error' as const };
  return runOnce(options, ({ config, pool, log }) =>
    work({ db: createAuthDb(pool, transactionTimes(config)), config, log }),
  );
}

/** The origin of what a command does: an operator with the database and the command is nobody whom the graph knows. */
export function originOf(name: string, log: Log): AuditOrigin {
  return { clientInfo: { ipAddress: null, userAgent: name, clientName: null }, requestId: uuid7(), log };
}
