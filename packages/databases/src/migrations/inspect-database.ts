import { listMigrations, matchesChecksum, type Migration } from './migration-folder.js';
import { MigrationError } from './migration-error.js';
import type { MigrationState } from './migration-state.js';
import type { Migrator } from './migrator.js';
import { createScratchDatabase } from './scratch-database.js';
import { openComparer } from './schema-engine.js';

/** What the schema engine finds beyond the history. */
export interface SchemaFindings {
  /** How the database differs from what its migrations made of it, for people to read; null when it does not. */
  readonly drift: string | null;
  /** What schema.prisma has and the migrations have not, as SQL; null when they agree. */
  readonly unmigrated: string | null;
}

/**
 * Compares the database with its applied migrations, and schema.prisma with all migrations. Loads the schema engine and
 * makes scratch databases; the database itself is only read. Null when the user may not make scratch databases, or when
 * the applied scripts are not there to compare with.
 */
export async function inspectSchema(
  migrator: Migrator,
  url: string,
  state: MigrationState,
): Promise<SchemaFindings | null> {
  const applied = state.applied.flatMap(({ row, migration }) =>
    migration && matchesChecksum(migration.script, row.checksum) ? [migration] : [],
  );
  if (applied.length !== state.applied.length) return null;
  try {
    return {
      drift: await findDrift(migrator, url, applied),
      unmigrated: await findUnmigrated(migrator, url, await listMigrations(migrator.folder)),
    };
  } catch (error) {
    if (error instanceof MigrationError && error.code === 'NO_SCRATCH_DATABASE') return null;
    throw error;
  }
}

async function findDrift({ folder }: Migrator, url: string, migrations: readonly Migration[]): Promise<string | null> {
  await using scratch = await createScratchDatabase(url);
  await using comparer = await openComparer({ folder, url, scratchUrl: scratch.url });
  // Awaited here: the scratch database must outlive the comparison.
  return await comparer.diffSummary({ kind: 'migrations', migrations }, { kind: 'database' });
}

async function findUnmigrated(
  { folder }: Migrator,
  url: string,
  migrations: readonly Migration[],
): Promise<string | null> {
  await using scratch = await createScratchDatabase(url);
  await using comparer = await openComparer({ folder, url, scratchUrl: scratch.url });
  // Awaited here: the scratch database must outlive the comparison.
  return await comparer.diffScript({ kind: 'migrations', migrations }, { kind: 'schema' });
}
