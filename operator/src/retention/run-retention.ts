import { databaseSession } from '@taskgraph/contracts';
import { countOverdue, purgeAll, type RawSqlClient, type RetentionRule } from '@taskgraph/service-kit';
import pg from 'pg';
import { environment, type DatabaseName, type OperatorConfig } from '../config.js';
import { findDatabase } from '../places.js';
import { rawSql } from '../raw-sql.js';

/** What is kept for how long is the business of each service. */
const RULES: Readonly<Record<DatabaseName, () => Promise<readonly RetentionRule[]>>> = {
  auth: async () => (await import('@taskgraph/auth/retention')).readRetentionRules(environment()),
  task: async () => (await import('@taskgraph/task/retention')).readRetentionRules(environment()),
  media: async () => (await import('@taskgraph/media/retention')).readRetentionRules(),
};
const CONNECT_TIMEOUT_MS = 5_000;
/** Of 1,000 rows, of which each is looked for. */
const STATEMENT_TIMEOUT_MS = 60_000;

export interface PurgedTable {
  readonly service: DatabaseName;
  readonly table: string;
  readonly rows: number;
  readonly fault: string | null;
}

export interface RetentionRun {
  readonly config: OperatorConfig;
  readonly services: readonly DatabaseName[];
  /** Counts rows, and leaves them. */
  readonly dryRun: boolean;
}

/** Deletes rows whose time is over, one service after the other. A table that cannot be purged keeps none from theirs. */
export async function runRetention({ config, services, dryRun }: RetentionRun): Promise<readonly PurgedTable[]> {
  const tables: PurgedTable[] = [];
  for (const name of services) {
    const rules = await RULES[name]();
    const { counts, faults } = await onDatabase(await findDatabase(config, name), (db) =>
      dryRun ? countOverdue({ db, rules }) : purgeAll({ db, rules }),
    );
    for (const { table } of rules)
      tables.push({
        service: name,
        table,
        rows: counts[table] ?? 0,
        fault: faults.has(table) ? messageOf(faults.get(table)) : null,
      });
  }
  return tables;
}

async function onDatabase<Result>(url: string, work: (db: RawSqlClient) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({
    connectionString: databaseSession(url),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'taskgraph-retention',
  });
  // A server that goes away is told of by the next statement; unheard it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(rawSql(client));
  } finally {
    await client.end();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
