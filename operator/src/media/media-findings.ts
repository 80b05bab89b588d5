import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { withClient } from '@taskgraph/databases';
import type { Places } from '../places.js';
import { FILES_COLUMNS, filesOf, type MediaItemFiles } from './media-files.js';

/** What is wrong between the files of media and the rows that name them. */
export interface Findings {
  readonly items: number;
  /** Items of which a file is not there. */
  readonly damaged: ReadonlyArray<{ readonly id: string; readonly missing: readonly string[] }>;
  /** Folders of items that no row names, and that nobody writes to; null where the store cannot list them. */
  readonly strays: readonly string[] | null;
}

/** What is younger may be under way: an upload writes its file while it comes, and its row at its end. The sweep of media waits as long. */
const MIN_AGE_MS = 60 * 60_000;

/** Goes through all rows and, where the store is a folder, all files. */
export async function findInMedia({ urls, store, objects }: Places): Promise<Findings> {
  const folders = objects === null ? null : (await readdir(objects)).filter((name) => /^[0-9a-f-]{36}$/.test(name));
  const { rows } = await withClient(urls.media, (client) =>
    client.query<MediaItemFiles & { id: string }>(`SELECT id, ${FILES_COLUMNS} FROM media_items`),
  );
  const damaged = [];
  for (const { id, contentId, ...item } of rows) {
    const files = filesOf(item);
    const there = await Promise.all(files.map((file) => store.stat(`${contentId}/${file}`)));
    const missing = files.filter((_, index) => there[index] === null);
    // Deleted since the rows were read, it has lost nothing.
    if (missing.length > 0 && (await isKept(urls.media, id))) damaged.push({ id, missing });
  }
  const known = new Set(rows.map(({ contentId }) => contentId));
  if (objects === null || folders === null) return { items: rows.length, damaged, strays: null };
  const strays: string[] = [];
  for (const id of folders) if (!known.has(id) && (await isStray(urls.media, objects, id))) strays.push(id);
  return { items: rows.length, damaged, strays };
}

/** Deletes folders that no row names, those of which that is still so: the operator who was asked may have thought for a while. Returns which. */
export async function removeStrays({ urls, store, objects }: Places, ids: readonly string[]): Promise<string[]> {
  const removed: string[] = [];
  if (objects === null) return removed;
  for (const id of ids) {
    if (!(await isStray(urls.media, objects, id))) continue;
    await store.deleteAll(`${id}/`);
    removed.push(id);
  }
  return removed;
}

/** Whether nobody has written to a folder for an hour, and no row names it. */
async function isStray(url: string, objects: string, id: string): Promise<boolean> {
  const folder = path.join(objects, id);
  const names = await readdir(folder).catch(() => null);
  if (names === null) return false;
  const times = await Promise.all(
    ['.', ...names].map(async (name) => (await stat(path.join(folder, name)).catch(() => null))?.mtimeMs ?? Date.now()),
  );
  if (Math.max(...times) > Date.now() - MIN_AGE_MS) return false;
  // Rows after files: what is completed meanwhile has one by then.
  const { rowCount } = await withClient(url, (client) =>
    client.query(
      `SELECT 1 FROM media_items WHERE coalesce(content_id, id) = $1 UNION ALL SELECT 1 FROM upload_sessions WHERE id = $1`,
      [id],
    ),
  );
  return rowCount === 0;
}

async function isKept(url: string, id: string): Promise<boolean> {
  const { rowCount } = await withClient(url, (client) => client.query('SELECT 1 FROM media_items WHERE id = $1', [id]));
  return rowCount === 1;
}
