import path from 'node:path';
import type pg from 'pg';
import { databaseName, ensureDatabase, withClient } from '../cluster-connection.js';
import { silentLog, type ProgressLog } from '../progress-log.js';
import { createMigration, type CreatedMigration } from './create-migration.js';
import { MigrationError } from './migration-error.js';
import { listMigrations, schemaFolder, type Migration, type SchemaFolder } from './migration-folder.js';
import {
  ensureHistoryTable,
  listHistory,
  recordFailure,
  recordFinish,
  recordRolledBack,
  recordStart,
  removeRow,
  type HistoryRow,
} from './migration-history.js';
import { lockMigrations } from './migration-lock.js';
import { compareHistory, type MigrationState } from './migration-state.js';
import { chooseMode, runScript, type Script } from './run-script.js';

export interface MigratorOptions {
  /** The folder that holds `schema.prisma` and `migrations/`; its name is the database's in messages. */
  readonly folder: string;
  /** The database to migrate. */
  readonly url: string;
  readonly log?: ProgressLog;
  /** How long to wait for another runner. */
  readonly lockWaitMs?: number;
  /** How long a statement may wait for a table that others use, before the migration gives up and is rolled back. */
  readonly tableLockWaitMs?: number;
}

export interface Migrator {
  readonly folder: SchemaFolder;
  /**
   * Applies what is pending, each migration in a transaction of its own. Costs one query when nothing is.
   *
   * @throws MigrationError; the migrations before the failing one stay applied
   */
  up(): Promise<{ readonly applied: readonly string[] }>;
  /** Undoes the last `count` migrations, the latest first, each in a transaction together with its row in the history. */
  down(count?: number): Promise<{ readonly undone: readonly string[] }>;
  /** Compares the folder with the history. Changes nothing. */
  status(): Promise<MigrationState>;
  /** Drops everything in the database and applies all migrations. */
  reset(): Promise<{ readonly applied: readonly string[] }>;
  /**
   * Writes migration.sql and down.sql for what schema.prisma has and the migrations have not; null when there is nothing.
   * The database itself is not touched: a scratch database beside it is.
   */
  create(name: string, options?: { readonly allowEmpty?: boolean }): Promise<CreatedMigration | null>;
  /** Declares a failed migration as undone by hand, so that `up` tries it again. */
  resolve(name: string): Promise<void>;
}

const UNDEFINED_DATABASE = '3D000';

/** Creates a migrator of one database. Nothing connects before a method is called. */
export function createMigrator(options: MigratorOptions): Migrator {
  const { url, log = silentLog, lockWaitMs = 60_000, tableLockWaitMs = 30_000 } = options;
  const folder = schemaFolder(path.resolve(options.folder));

  /** Connects, and creates the database first when there is none. */
  async function withDatabase<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    const config = { lock_timeout: tableLockWaitMs, application_name: 'taskgraph-migrate' };
    try {
      return await withClient(url, work, config);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === UNDEFINED_DATABASE) {
        await createMissingDatabase(url, log);
        return withClient(url, work, config);
      }
      throw translateConnectionFault(error, url);
    }
  }

  async function readState(client: pg.Client): Promise<MigrationState> {
    return compareHistory(await listMigrations(folder), (await listHistory(client)) ?? []);
  }

  async function apply(client: pg.Client, migration: Migration): Promise<void> {
    const script: Script = {
      label: path.join(folder.name, 'migrations', migration.name, 'migration.sql'),
      text: migration.script,
    };
    const startedAt = performance.now();
    const mode = chooseMode(script);
    if (mode === 'transaction') {
      await inTransaction(client, async () => {
        const id = await recordStart(client, migration);
        await runScript(client, script, mode);
        await recordFinish(client, id);
      });
    } else {
      const id = await recordStart(client, migration);
      try {
        await runScript(client, script, mode);
      } catch (error) {
        await recordFailure(client, id, error instanceof Error ? error.message : String(error));
        throw error;
      }
      await recordFinish(client, id);
    }
    // What a script sets for its session is not for the next one.
    await client.query('RESET ALL');
    log.info(`${folder.name}: applied ${migration.name} (${Math.round(performance.now() - startedAt)} ms)`);
  }

  async function applyPending(client: pg.Client): Promise<string[]> {
    await lockMigrations(client, lockWaitMs, log);
    await ensureHistoryTable(client);
    // Read again under the lock: another runner may have done the work meanwhile.
    const state = await readState(client);
    assertApplicable(folder, state);
    for (const name of state.outOfOrder) log.warn(`${folder.name}: ${name} is applied after later ones`);
    for (const migration of state.pending) await apply(client, migration);
    return state.pending.map(({ name }) => name);
  }

  async function undo(client: pg.Client, row: HistoryRow, migration: Migration | null): Promise<void> {
    const script: Script = {
      label: path.join(folder.name, 'migrations', row.name, 'down.sql'),
      text: assertUndoable(folder, row, migration),
    };
    const mode = chooseMode(script);
    if (mode === 'transaction') {
      await inTransaction(client, async () => {
        await runScript(client, script, mode);
        await removeRow(client, row.id);
      });
    } else {
      await runScript(client, script, mode);
      await removeRow(client, row.id);
    }
    await client.query('RESET ALL');
    log.info(`${folder.name}: undid ${row.name}`);
  }

  return {
    folder,
    up: () =>
      withDatabase(async (client) => {
        let state = await readState(client);
        // Unfinished is also what another runner is just doing outside of a transaction: it is read again when that is over.
        if (state.failed.length > 0) {
          await lockMigrations(client, lockWaitMs, log);
          state = await readState(client);
        }
        assertApplicable(folder, state);
        for (const name of state.missing)
          log.warn(
            `${folder.name}: ${name} is applied but not in ${folder.migrations}: the database is ahead of this code`,
          );
        return { applied: state.pending.length === 0 ? [] : await applyPending(client) };
      }),
    down: (count = 1) =>
      withDatabase(async (client) => {
        await lockMigrations(client, lockWaitMs, log);
        const state = await readState(client);
        assertNoneFailed(folder, state);
        const last = state.applied.slice(Math.max(0, state.applied.length - count)).reverse();
        // All are checked before the first is undone: a refusal half-way would help nobody.
        for (const { row, migration } of last) {
          assertUndoable(folder, row, migration);
          if (state.edited.includes(row.name))
            log.warn(
              `${folder.name}: ${row.name} was edited after it was applied; down.sql has to undo what was applied`,
            );
        }
        for (const { row, migration } of last) await undo(client, row, migration);
        return { undone: last.map(({ row }) => row.name) };
      }),
    status: () => withDatabase(readState),
    reset: () =>
      withDatabase(async (client) => {
        await lockMigrations(client, lockWaitMs, log);
        await inTransaction(client, async () => {
          await client.query('DROP SCHEMA public CASCADE');
          await client.query('CREATE SCHEMA public');
        });
        return { applied: await applyPending(client) };
      }),
    create: async (name, { allowEmpty = false } = {}) => {
      try {
        return await createMigration({
          folder,
          name,
          url,
          allowEmpty,
          applyTo: (scratchUrl) => createMigrator({ folder: options.folder, url: scratchUrl }).up(),
        });
      } catch (error) {
        throw translateConnectionFault(error, url);
      }
    },
    resolve: (name) =>
      withDatabase(async (client) => {
        await lockMigrations(client, lockWaitMs, log);
        if (!(await recordRolledBack(client, name))) {
          throw new MigrationError('NOT_FOUND', `${folder.name} has no failed migration ${name}.`, {
            advice: `npm run migrate -- ${folder.name} status lists them.`,
          });
        }
      }),
  };
}

async function inTransaction(client: pg.Client, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN');
  try {
    await work();
    await client.query('COMMIT');
  } catch (error) {
    // A connection that is gone has rolled back already; the first error is the one to tell.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** @throws MigrationError when applying would build on a history that is not the folder's */
function assertApplicable(folder: SchemaFolder, state: MigrationState): void {
  assertNoneFailed(folder, state);
  if (state.edited.length > 0) {
    throw new MigrationError(
      'EDITED_MIGRATION',
      `${folder.name}: applied migrations were edited afterwards: ${state.edited.join(', ')}.`,
      {
        advice:
          'Restore the scripts as they were applied (git log shows them) and put the change into a new migration. On a development database: npm run migrate -- ' +
          `${folder.name} reset.`,
      },
    );
  }
  if (state.missing.length > 0 && state.pending.length > 0) {
    throw new MigrationError(
      'CONFLICTING_HISTORY',
      `${folder.name}: the database has ${state.missing.join(', ')}, which ${folder.migrations} has not, and lacks ${state.pending.map(({ name }) => name).join(', ')}.`,
      { advice: 'Bring the folder up to date (a branch may be missing a merge) before migrating.' },
    );
  }
}

function assertNoneFailed(folder: SchemaFolder, state: MigrationState): void {
  const [failed] = state.failed;
  if (!failed) return;
  throw new MigrationError(
    'FAILED_MIGRATION',
    `${folder.name}: ${failed.name} failed earlier, or still runs, outside of a transaction.${failed.logs ? `\n${failed.logs}` : ''}`,
    {
      advice: `See what it left behind and undo that by hand, then: npm run migrate -- ${folder.name} resolve ${failed.name}, and up again.`,
    },
  );
}

/** Returns the script that undoes a migration. @throws MigrationError MISSING_DOWN */
function assertUndoable(folder: SchemaFolder, row: HistoryRow, migration: Migration | null): string {
  if (!migration) {
    throw new MigrationError(
      'MISSING_DOWN',
      `${folder.name}: ${row.name} is not in ${folder.migrations}, so nothing tells how to undo it.`,
      {
        advice: 'Undo it from the checkout that has it.',
      },
    );
  }
  if (migration.downScript === null) {
    throw new MigrationError('MISSING_DOWN', `${folder.name}: ${row.name} has no down.sql, so it cannot be undone.`, {
      advice: `Write ${path.join(migration.folder, 'down.sql')}, or restore a backup from before the migration.`,
    });
  }
  return migration.downScript;
}

async function createMissingDatabase(url: string, log: ProgressLog): Promise<void> {
  const target = new URL(url);
  const name = databaseName(url);
  target.pathname = '/postgres';
  await ensureDatabase(target.href, name);
  log.info(`created database ${name}`);
}

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  '57P03',
]);
const REFUSED = new Set(['28P01', '28000', '42501']);

function translateConnectionFault(error: unknown, url: string): unknown {
  if (error instanceof MigrationError) return error;
  const { code, message } = error as { code?: string; message?: string };
  const { host } = new URL(url);
  if (code !== undefined && UNREACHABLE.has(code)) {
    return new MigrationError('DATABASE_UNREACHABLE', `PostgreSQL at ${host} does not answer (${code}).`, {
      cause: error,
      advice: 'Start it, or correct the database URL.',
    });
  }
  if (code !== undefined && REFUSED.has(code)) {
    return new MigrationError('DATABASE_UNREACHABLE', `PostgreSQL at ${host} refuses: ${message}.`, {
      cause: error,
      advice: 'Correct the user and password in the database URL, or the rights of that user.',
    });
  }
  return error;
}
