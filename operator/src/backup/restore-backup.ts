import { createReadStream } from 'node:fs';
import { copyFile, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { EVENTS } from '@taskgraph/contracts';
import { createMigrator, silentLog, withClient } from '@taskgraph/databases';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { DATABASES, REPOSITORY, type DatabaseName } from '../config.js';
import type { Places } from '../places.js';
import { CommandError } from '../terminal.js';
import type { DatabaseContent, Manifest } from './manifest.js';
import { listTables } from './tables.js';

/** Rows that are there as soon as the migrations have run. */
const FILLED_BY_MIGRATIONS = new Set(['audit_head']);

/** Tells what a restore would destroy; null when there is nothing. @throws CommandError where somebody works on the databases */
export async function findContent({ urls, objects }: Places): Promise<string | null> {
  const found: string[] = [];
  for (const name of DATABASES) {
    const count = await orNothing(urls[name], async (client) => {
      await assertAlone(client, name);
      let rows = 0;
      for (const table of await listTables(client))
        if (!FILLED_BY_MIGRATIONS.has(table.name))
          rows += Number(
            (await client.query<{ count: string }>(`SELECT count(*) FROM ${pg.escapeIdentifier(table.name)}`)).rows[0]
              ?.count,
          );
      return rows;
    });
    if (count > 0) found.push(`${count} rows in ${name}`);
  }
  const items = objects === null ? [] : await readdir(objects).catch(() => []);
  if (items.length > 0) found.push(`${items.length} items in ${objects}`);
  return found.length > 0 ? found.join(', ') : null;
}

const UNDEFINED_DATABASE = '3D000';

/** A database that does not exist has nothing in it; the migrations make it. */
async function orNothing(url: string, work: (client: pg.Client) => Promise<number>): Promise<number> {
  try {
    return await withClient(url, work, { application_name: 'taskgraph-restore' });
  } catch (error) {
    if ((error as { code?: string }).code === UNDEFINED_DATABASE) return 0;
    throw error;
  }
}

async function assertAlone(client: pg.Client, name: string): Promise<void> {
  const { rows } = await client.query<{ program: string }>(
    `SELECT DISTINCT application_name AS program FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
  );
  if (rows.length === 0) return;
  const programs = rows.map(({ program }) => program || 'a program without a name').join(', ');
  throw new CommandError(`Others work on the database ${name}: ${programs}.`, 'Stop all services first.');
}

export interface Restored {
  readonly rows: Readonly<Record<DatabaseName, number>>;
  readonly objects: number;
  /** Events that count as not published, since a group that is to handle them has not: they go out again. */
  readonly unpublished: number;
}

/**
 * Replaces three databases and the files of media by those of a backup that was verified, and applies the migrations that have come
 * since.
 *
 * @throws CommandError when the backup is of a newer release; nothing is changed then
 */
export async function restoreBackup(
  places: Places,
  folder: string,
  manifest: Manifest,
  onProgress: (text: string) => void,
): Promise<Restored> {
  const migrators = DATABASES.map((name) => ({
    name,
    migrator: createMigrator({ folder: path.join(REPOSITORY, 'prisma', name), url: places.urls[name], log: silentLog }),
  }));
  for (const { name } of migrators) await assertKnown(name, manifest.databases[name]);
  await removeObjects(places);
  const rows: Partial<Record<DatabaseName, number>> = {};
  for (const { name, migrator } of migrators) {
    onProgress(`database ${name}`);
    const content = manifest.databases[name];
    const { applied } = await migrator.reset();
    // The way back of what came later runs on tables that are still empty.
    const later = applied.length - content.migrations.length;
    if (later > 0) await migrator.down(later);
    rows[name] = await withClient(places.urls[name], (client) => load(client, folder, content));
    await migrator.up();
  }
  onProgress('files');
  const items = await readdir(path.join(folder, 'objects'));
  for (const item of items)
    for (const file of await readdir(path.join(folder, 'objects', item)))
      await places.store.put(`${item}/${file}`, await readFile(path.join(folder, 'objects', item, file)));
  if (places.secrets !== null && 'secrets.json' in manifest.files)
    await copyFile(path.join(folder, 'secrets.json'), places.secrets);
  onProgress('events');
  const unpublished = await unpublishUnhandled(places, manifest.leftOut);
  return { rows: rows as Record<DatabaseName, number>, objects: items.length, unpublished };
}

/** Files of items that the database knows; in a folder, all. */
/** Of a schema from before items shared files, too. */
const FOLDERS = `SELECT DISTINCT coalesce(to_jsonb(m)->>'content_id', id::text) AS id FROM media_items m`;

async function removeObjects({ urls, store, objects }: Places): Promise<void> {
  const ids: string[] = objects === null ? [] : await readdir(objects).catch(() => []);
  await orNothing(urls.media, async (client) => {
    const { rows } = await client.query<{ there: boolean }>(`SELECT to_regclass('media_items') IS NOT NULL AS there`);
    if (rows[0]?.there) ids.push(...(await client.query<{ id: string }>(FOLDERS)).rows.map(({ id }) => id));
    return 0;
  });
  for (const id of new Set(ids)) await store.deleteAll(`${id}/`);
}

async function assertKnown(name: DatabaseName, { migrations }: DatabaseContent): Promise<void> {
  const folder = path.join(REPOSITORY, 'prisma', name, 'migrations');
  const known = (await readdir(folder)).filter((entry) => /^\d{14}_/.test(entry)).sort();
  for (const [index, { name: applied }] of migrations.entries())
    if (known[index] !== applied)
      throw new CommandError(
        `The backup has the migration ${applied} of ${name}, which this code has not, or not in its place.`,
        'Restore with the release that the backup was taken with, or a later one.',
      );
}

/** In one transaction; what the tables hold and their triggers would do is neither kept nor done. */
async function load(client: pg.Client, folder: string, { tables, sequences }: DatabaseContent): Promise<number> {
  const names = (await listTables(client)).map(({ name }) => pg.escapeIdentifier(name));
  await client.query('BEGIN');
  for (const name of names) await client.query(`ALTER TABLE ${name} DISABLE TRIGGER USER`);
  for (const name of [...names].reverse()) await client.query(`DELETE FROM ${name}`);
  let total = 0;
  for (const { name, columns, rows, file } of tables) {
    const list = columns.map((column) => pg.escapeIdentifier(column)).join(', ');
    const stream = client.query(copyFrom(`COPY ${pg.escapeIdentifier(name)} (${list}) FROM STDIN`));
    await pipeline(createReadStream(path.join(folder, file)), createGunzip(), stream);
    if (stream.rowCount !== rows) throw new Error(`${file} holds ${stream.rowCount} rows and not ${rows}`);
    total += rows;
  }
  for (const [name, value] of Object.entries(sequences))
    await client.query('SELECT setval($1::regclass, $2::bigint)', [pg.escapeIdentifier(name), value]);
  for (const name of names) await client.query(`ALTER TABLE ${name} ENABLE TRIGGER USER`);
  await client.query('COMMIT');
  await client.query('ANALYZE');
  return total;
}

/**
 * What was published and not handled yet was with the transport, which the backup knows nothing of: it goes out again. What a group has
 * handled it knows by its id. Of items that were left out nobody hears any more.
 */
async function unpublishUnhandled({ urls }: Places, leftOut: readonly string[]): Promise<number> {
  const handled = new Map<string, Set<string>>();
  for (const group of DATABASES) {
    const { rows } = await withClient(urls[group], (client) =>
      client.query<{ id: string }>('SELECT event_id AS id FROM inbox UNION SELECT event_id FROM dead_letters'),
    );
    handled.set(group, new Set(rows.map(({ id }) => id)));
  }
  let count = 0;
  for (const source of DATABASES)
    await withClient(urls[source], async (client) => {
      const { rows } = await client.query<{ id: string; type: string }>(
        `SELECT id, type FROM outbox WHERE published_at IS NOT NULL AND NOT coalesce(data->>'mediaId' = ANY($1), false)`,
        [leftOut],
      );
      await client.query(
        `UPDATE outbox SET published_at = now() WHERE published_at IS NULL AND data->>'mediaId' = ANY($1)`,
        [leftOut],
      );
      const missing = rows.filter(({ id, type }) => {
        const consumers: readonly string[] =
          (EVENTS as Record<string, { consumers: readonly string[] }>)[type]?.consumers ?? [];
        return DATABASES.some((group) => consumers.includes(group) && !handled.get(group)?.has(id));
      });
      await client.query('UPDATE outbox SET published_at = NULL WHERE id = ANY($1::uuid[])', [
        missing.map(({ id }) => id),
      ]);
      count += missing.length;
    });
  return count;
}

/** Tells whether the secrets of a data folder are those of a backup; true where one of both has none. */
export async function areSecretsEqual({ secrets }: Places, folder: string): Promise<boolean> {
  if (secrets === null) return true;
  const [own, other] = await Promise.all([
    readFile(secrets, 'utf8').catch(() => null),
    readFile(path.join(folder, 'secrets.json'), 'utf8').catch(() => null),
  ]);
  return own === null || other === null || own === other;
}
