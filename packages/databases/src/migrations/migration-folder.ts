import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { MigrationError } from './migration-error.js';

/** One migration on disk, in Prisma's layout: `migrations/<timestamp>_<name>/migration.sql`, and `down.sql` beside it. */
export interface Migration {
  /** The folder's name; migrations are applied in the order of their names. */
  readonly name: string;
  readonly folder: string;
  readonly script: string;
  /** Null when there is no down.sql: the migration cannot be undone. */
  readonly downScript: string | null;
}

/** Where one database's schema and migrations are kept. */
export interface SchemaFolder {
  /** Such as `auth`. */
  readonly name: string;
  readonly schema: string;
  readonly migrations: string;
  readonly lockfile: string;
}

export function schemaFolder(folder: string): SchemaFolder {
  const migrations = path.join(folder, 'migrations');
  return {
    name: path.basename(folder),
    schema: path.join(folder, 'schema.prisma'),
    migrations,
    lockfile: path.join(migrations, 'migration_lock.toml'),
  };
}

/** Lists the migrations in the order in which they are applied. @throws MigrationError INVALID_FOLDER */
export async function listMigrations(folder: SchemaFolder): Promise<Migration[]> {
  const entries = await readdir(folder.migrations, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const names = entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => entry.name);
  // Prisma sorts by code units as well; a locale would put other machines in another order.
  names.sort((left, right) => (left < right ? -1 : 1));
  return Promise.all(names.map((name) => readMigration(folder, name)));
}

async function readMigration(folder: SchemaFolder, name: string): Promise<Migration> {
  const own = path.join(folder.migrations, name);
  const [script, downScript] = await Promise.all([
    readIfPresent(path.join(own, 'migration.sql')),
    readIfPresent(path.join(own, 'down.sql')),
  ]);
  if (script === null) {
    throw new MigrationError('INVALID_FOLDER', `${own} has no migration.sql.`, {
      advice: 'Restore the file, or remove the folder if the migration was never applied.',
    });
  }
  return { name, folder: own, script, downScript };
}

async function readIfPresent(file: string): Promise<string | null> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

/** The checksum that Prisma keeps of an applied script: SHA-256, in lower-case hexadecimal digits. */
export function checksumOf(script: string): string {
  return createHash('sha256').update(script).digest('hex');
}

/** Tells whether a script is the one that was applied. Git may have changed the ends of its lines since. */
export function matchesChecksum(script: string, checksum: string): boolean {
  if (checksumOf(script) === checksum) return true;
  const unix = script.replaceAll('\r\n', '\n');
  return checksumOf(unix) === checksum || checksumOf(unix.replaceAll('\n', '\r\n')) === checksum;
}
