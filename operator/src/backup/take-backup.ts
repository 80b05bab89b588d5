import { createWriteStream } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import { withClient } from '@taskgraph/databases';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { DATABASES } from '../config.js';
import type { Places } from '../places.js';
import { FILES_COLUMNS, filesOf, type MediaItemFiles } from '../media/media-files.js';
import { CommandError } from '../terminal.js';
import { hashFile, listFiles, writeManifest, type DatabaseContent, type Manifest } from './manifest.js';
import { openSnapshots } from './snapshots.js';
import { listAppliedMigrations, listTables, readSequences } from './tables.js';

/** Where a row names an item that was deleted while the files were copied, it is left out with it. */
const COLUMN_OF_MEDIA: Readonly<Record<string, string>> = {
  'media.media_items': 'id',
  'media.media_references': 'media_id',
  'task.task_media': 'media_id',
  'task.known_media': 'media_id',
};

export interface TakenBackup {
  readonly folder: string;
  readonly hash: string;
  readonly manifest: Manifest;
  /** Items whose files were gone before the backup began. */
  readonly damaged: readonly string[];
}

/**
 * Copies three databases and the files of media as they are at one instant, while services go on.
 *
 * The folder appears when it is whole. An item that is deleted while files are copied is left out, with what names it. Nothing is
 * copied of uploads that are still arriving; what is being processed is processed after it is restored.
 *
 * @throws CommandError when the folder is there already
 */
export async function takeBackup(
  places: Places,
  target: string,
  onProgress: (text: string) => void,
): Promise<TakenBackup> {
  const unfinished = `${target}.unfinished-${process.pid}`;
  if ((await readdir(target).catch(() => null)) !== null) throw new CommandError(`${target} is there already.`);
  await mkdir(path.join(unfinished, 'objects'), { recursive: true, mode: 0o700 });
  try {
    await using snapshots = await openSnapshots(places.urls);
    onProgress(`the state of ${snapshots.takenAt.toISOString()}`);
    const { leftOut, damaged } = await copyObjects(places, snapshots.clients.media, unfinished, onProgress);
    const contents: Array<[string, DatabaseContent]> = [];
    for (const name of DATABASES) {
      onProgress(`database ${name}`);
      contents.push([name, await dumpDatabase(snapshots.clients[name], { name, folder: unfinished, leftOut })]);
    }
    if (places.secrets !== null) {
      await copyFile(places.secrets, path.join(unfinished, 'secrets.json')).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    }
    const files: Manifest['files'] = {};
    for (const file of (await listFiles(unfinished)).sort()) {
      await chmod(path.join(unfinished, file), 0o600);
      files[file] = await hashFile(path.join(unfinished, file));
    }
    const manifest = {
      format: 'taskgraph-backup',
      version: 1,
      takenAt: snapshots.takenAt.toISOString(),
      databases: Object.fromEntries(contents) as Manifest['databases'],
      leftOut,
      files,
    } as const;
    const hash = await writeManifest(unfinished, manifest);
    await rename(unfinished, target);
    return { folder: target, hash, manifest, damaged };
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

interface CopiedObjects {
  readonly leftOut: string[];
  readonly damaged: string[];
}

const TELL_EVERY = 200;
const DELETION_MS = 10_000;
const DELETION_POLL_MS = 200;

async function copyObjects(
  { store, urls }: Places,
  snapshot: pg.Client,
  folder: string,
  onProgress: (text: string) => void,
): Promise<CopiedObjects> {
  const { rows } = await snapshot.query<MediaItemFiles & { id: string }>(
    `SELECT id, ${FILES_COLUMNS} FROM media_items ORDER BY id`,
  );
  const gone: string[] = [];
  const copied = new Set<string>();
  for (const [index, { id, contentId, ...item }] of rows.entries()) {
    if (index % TELL_EVERY === 0) onProgress(`files of ${index} of ${rows.length} items`);
    if (copied.has(contentId)) continue;
    const target = path.join(folder, 'objects', contentId);
    await mkdir(target);
    copied.add(contentId);
    for (const file of filesOf(item)) {
      const source = await store.openRead(`${contentId}/${file}`);
      if (source !== null) {
        await pipeline(source, createWriteStream(path.join(target, file), { mode: 0o600 }));
        continue;
      }
      gone.push(id);
      copied.delete(contentId);
      await rm(target, { recursive: true });
      break;
    }
  }
  const damaged = new Set(await listKept(urls.media, gone));
  return { leftOut: gone.filter((id) => !damaged.has(id)), damaged: [...damaged] };
}

/**
 * Tells which of the items whose files are gone keep their rows. Of an account that is erased files go first and rows last, so a
 * row that is there for a while yet is no damage: it has the time that a deletion may take.
 */
async function listKept(url: string, ids: readonly string[]): Promise<string[]> {
  const until = Date.now() + DELETION_MS;
  for (let kept = ids; ; await delay(DELETION_POLL_MS)) {
    if (kept.length === 0) return [];
    const { rows } = await withClient(url, (client) =>
      client.query<{ id: string }>('SELECT id FROM media_items WHERE id = ANY($1::uuid[])', [kept]),
    );
    kept = rows.map(({ id }) => id);
    if (Date.now() > until) return [...kept];
  }
}

async function dumpDatabase(
  client: pg.Client,
  { name, folder, leftOut }: { name: string; folder: string; leftOut: readonly string[] },
): Promise<DatabaseContent> {
  await mkdir(path.join(folder, name));
  const tables = [];
  for (const { name: table, columns } of await listTables(client)) {
    const file = `${name}/${table}.copy.gz`;
    const media = COLUMN_OF_MEDIA[`${name}.${table}`];
    const ids = leftOut.map((id) => pg.escapeLiteral(id)).join(', ');
    const where = media !== undefined && ids !== '' ? ` WHERE ${pg.escapeIdentifier(media)} NOT IN (${ids})` : '';
    const list = columns.map((column) => pg.escapeIdentifier(column)).join(', ');
    const stream = client.query(copyTo(`COPY (SELECT ${list} FROM ${pg.escapeIdentifier(table)}${where}) TO STDOUT`));
    await pipeline(stream, createGzip(), createWriteStream(path.join(folder, file), { mode: 0o600 }));
    tables.push({ name: table, columns: [...columns], rows: stream.rowCount, file });
  }
  return { migrations: await listAppliedMigrations(client), tables, sequences: await readSequences(client) };
}
