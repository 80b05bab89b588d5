import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { parseArguments, UsageError, type MigrateCommand } from './cli-arguments.js';
import { reportStatus, toStatusRecord } from './cli-status.js';
import { hasCluster, startCluster } from './cluster.js';
import type { ClusterConnection } from './cluster-connection.js';
import { ClusterError } from './cluster-error.js';
import { databaseUrlSetting, readMigrateConfig, type MigrateConfig } from './config.js';
import { inspectSchema } from './migrations/inspect-database.js';
import { MigrationError } from './migrations/migration-error.js';
import { createMigrator, type Migrator } from './migrations/migrator.js';
import type { ProgressLog } from './progress-log.js';
import { findRunningCluster } from './running-cluster.js';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_NOT_IN_ORDER = 3;

const USAGE = `Usage: npx taskgraph migrate <auth|task|media|all> <command>

  create <name> [--empty]  write migration.sql and down.sql for what changed in schema.prisma
                           (--empty: also when nothing did, to be filled by hand)
  up                       apply what is pending
  down [n] [--yes]         undo the last n migrations (1), and lose what they added
  status                   list applied, pending, edited and failed migrations, and drift
  reset [--yes]            drop everything and apply all migrations
  resolve <migration>      declare a failed migration as undone by hand

  --json                   print a line of JSON for each database, and progress to standard error

The database is AUTH_DATABASE_URL, TASK_DATABASE_URL or MEDIA_DATABASE_URL. Where that is unset it is the one of the
embedded PostgreSQL in .data/, which is started for the command unless it runs.
Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 status found something to do.`;

const print = (line: string) => void process.stdout.write(`${line}\n`);
const printError = (line: string) => void process.stderr.write(`${line}\n`);

/** What a program reads is alone on standard output. */
function createProgressLog(json: boolean): ProgressLog {
  const tell = json ? printError : print;
  return { debug: () => undefined, info: tell, warn: (line) => tell(`Warning: ${line}`) };
}

/** What needs no database that is there already: it is made for these. */
const MAKES_DATABASES: ReadonlySet<MigrateCommand['kind']> = new Set(['create', 'up', 'reset']);

/**
 * Connects to the embedded PostgreSQL when a database needs it first, and stops it at the end if this process started it.
 *
 * @param mayCreate whether one that is not there is made
 */
function createServerAccess(
  config: MigrateConfig,
  log: ProgressLog,
  mayCreate: boolean,
): AsyncDisposable & { connect(): Promise<ClusterConnection> } {
  let connection: Promise<ClusterConnection> | null = null;
  const stops: Array<() => Promise<void>> = [];
  return {
    connect() {
      connection ??= (async () => {
        const running = await findRunningCluster(config.clusterDir);
        if (running) return running;
        if (!mayCreate && !hasCluster(config.clusterDir))
          throw new ClusterError(
            'NOTHING_THERE',
            `There is no embedded PostgreSQL in ${config.clusterDir}: is TASKGRAPH_DATA_DIR the folder of the system? \`up\` and npm start make one.`,
          );
        const cluster = await startCluster({ dataDir: config.clusterDir, persistent: true, log });
        stops.push(() => cluster.stop());
        return cluster;
      })();
      return connection;
    },
    async [Symbol.asyncDispose]() {
      for (const stop of stops) await stop();
    },
  };
}

interface Target {
  readonly json: boolean;
  readonly log: ProgressLog;
  readonly name: string;
  readonly url: string;
  readonly embedded: boolean;
  readonly migrator: Migrator;
}

/** Runs one command on one database. Returns the exit code. */
async function run(target: Target, command: Exclude<MigrateCommand, { kind: 'help' }>): Promise<number> {
  const { name, url, migrator } = target;
  /** Says what was done, to a program or in words. */
  const tell = (facts: object, lines: readonly string[]) =>
    target.json ? print(JSON.stringify({ database: name, ...facts })) : lines.forEach(print);
  switch (command.kind) {
    case 'create': {
      const created = await migrator.create(command.name, { allowEmpty: command.allowEmpty });
      if (!created) {
        tell({ created: null, files: [], hazards: [] }, [
          `${name}: schema.prisma has no change that the migrations lack; nothing was written (--empty writes a migration to fill by hand)`,
        ]);
        return 0;
      }
      const files = ['migration.sql', 'down.sql'].map((file) =>
        path.relative(process.cwd(), path.join(created.folder, file)),
      );
      tell({ created: created.name, files, hazards: created.hazards }, [
        ...files.map((file) => `${name}: wrote ${file}`),
        ...created.hazards.map((hazard) => `Warning: it ${hazard}`),
        `Read both, then: npm run migrate -- ${name} up`,
      ]);
      return 0;
    }
    case 'up': {
      const { applied } = await migrator.up();
      tell({ applied }, applied.length === 0 ? [`${name}: up to date`] : []);
      return 0;
    }
    case 'down': {
      const what = `what the last ${command.count === 1 ? 'migration' : `${command.count} migrations`} added to`;
      if (!command.confirmed && !(await confirmLoss('down', what, target))) return EXIT_FAILED;
      const { undone } = await migrator.down(command.count);
      tell({ undone }, undone.length === 0 ? [`${name}: nothing is applied`] : []);
      return 0;
    }
    case 'status': {
      const state = await migrator.status();
      const findings = await inspectSchema(migrator, url, state);
      const { lines, inOrder } = reportStatus(name, state, findings);
      tell(toStatusRecord(state, findings), lines);
      return inOrder ? 0 : EXIT_NOT_IN_ORDER;
    }
    case 'reset': {
      if (!command.confirmed && !(await confirmLoss('reset', 'all data in', target))) return EXIT_FAILED;
      const { applied } = await migrator.reset();
      tell({ applied }, [`${name}: reset, ${applied.length} migrations applied`]);
      return 0;
    }
    case 'resolve':
      await migrator.resolve(command.name);
      tell({ resolved: command.name }, [`${name}: ${command.name} counts as undone; up applies it again`]);
      return 0;
  }
}

async function confirmLoss(command: string, part: string, { name, url, embedded, log }: Target): Promise<boolean> {
  const { host, pathname } = new URL(url);
  const what = `${part} ${pathname.slice(1)} on ${host}`;
  if (!embedded) {
    printError(
      `${name}: ${command} destroys ${what}, which ${databaseUrlSetting(name)} names. Add --yes if that is meant.`,
    );
    return false;
  }
  if (!process.stdin.isTTY) {
    printError(`${name}: ${command} destroys ${what}. Nobody is there to be asked: add --yes.`);
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`This destroys ${what}. Type ${name} to go on: `);
    if (answer.trim() === name) return true;
    log.info(`${name}: nothing was changed`);
    return false;
  } finally {
    terminal.close();
  }
}

async function main(args: readonly string[]): Promise<number> {
  const prisma = path.join(ROOT, 'prisma');
  const known = readdirSync(prisma).filter((entry) => existsSync(path.join(prisma, entry, 'schema.prisma')));
  const { databases, json, command } = parseArguments(args, known);
  if (command.kind === 'help') {
    print(USAGE);
    return 0;
  }
  const config = readMigrateConfig(ROOT);
  const log = createProgressLog(json);
  await using server = createServerAccess(config, log, MAKES_DATABASES.has(command.kind));
  let worst = 0;
  for (const name of databases) {
    const set = config.databaseUrl(name);
    const url = set ?? (await server.connect()).url(name);
    const migrator = createMigrator({ folder: path.join(prisma, name), url, log });
    worst = Math.max(worst, await run({ name, url, embedded: set === null, migrator, json, log }, command));
  }
  return worst;
}

/** Runs `taskgraph migrate`. Returns the exit code. */
export async function runMigrateCli(args: readonly string[]): Promise<number> {
  try {
    return await main(args);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.message}\n\n${USAGE}\n`);
      return EXIT_USAGE;
    }
    if (error instanceof MigrationError)
      process.stderr.write(`${error.message}\n${error.advice ? `→ ${error.advice}\n` : ''}`);
    else if (error instanceof ClusterError) process.stderr.write(`${error.message}\n`);
    else process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT_FAILED;
  }
}
