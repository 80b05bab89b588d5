import { Argument } from 'commander';
import { databaseSession } from '@taskgraph/contracts';
import { countOverdue, purgeAll, type RawSqlClient, type RetentionRule } from '@taskgraph/service-kit';
import pg from 'pg';
import { DATABASES, environment, readOperatorConfig, type DatabaseName } from '../config.js';
import { findDatabase } from '../places.js';
import type { CommandHost } from '../command-host.js';
import { EXIT } from '../terminal.js';

/** What is kept for how long is the business of each service. */
const RULES: Readonly<Record<DatabaseName, () => Promise<readonly RetentionRule[]>>> = {
  auth: async () => (await import('@taskgraph/auth/retention')).readRetentionRules(environment()),
  task: async () => (await import('@taskgraph/task/retention')).readRetentionRules(environment()),
  media: async () => (await import('@taskgraph/media/retention')).readRetentionRules(),
};
const CONNECT_TIMEOUT_MS = 5_000;
/** Of 1,000 rows, of which each is looked for. */
const STATEMENT_TIMEOUT_MS = 60_000;

/** Rows whose time is over: services delete them by themselves from time to time, and this does so at once. */
export function addRetentionCommand({ program, terminal, exit }: CommandHost): void {
  program
    .command('retention')
    .description('delete rows whose time is over, as services do by themselves from time to time')
    .addArgument(new Argument('[service]', 'of which service').choices([...DATABASES, 'all']).default('all'))
    .option('--dry-run', 'count them only')
    .option('--json', 'answer for programs')
    .action(async (service: DatabaseName | 'all', { dryRun = false, json = false }: Options) => {
      const config = readOperatorConfig();
      const tables: Table[] = [];
      for (const name of service === 'all' ? DATABASES : [service]) {
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
      if (json) terminal.printJson({ dryRun, tables });
      else
        for (const { service: of, table, rows, fault } of tables) {
          terminal.print(`${of}.${table}: ${rows} ${dryRun ? 'to be deleted' : 'deleted'}`);
          if (fault !== null) terminal.printError(`${of}.${table} could not be purged: ${fault}`);
        }
      exit(tables.some(({ fault }) => fault !== null) ? EXIT.failed : EXIT.done);
    });
}

interface Options {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

interface Table {
  readonly service: DatabaseName;
  readonly table: string;
  readonly rows: number;
  readonly fault: string | null;
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
    return await work({
      $executeRawUnsafe: async (sql, ...values) => (await client.query(sql, values)).rowCount ?? 0,
      $queryRawUnsafe: async <Rows>(sql: string, ...values: unknown[]) =>
        (await client.query(sql, values)).rows as Rows,
    });
  } finally {
    await client.end();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
