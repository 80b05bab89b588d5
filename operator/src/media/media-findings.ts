import { readdir } from 'node:fs/promises';
import { withClient } from '@taskgraph/databases';
import type { Places } from '../places.js';
import { FILES_COLUMNS, filesOf, type MediaItemFiles } from './media-files.js';

/** What is wrong between the files of media and the rows that name them. */
export interface Findings {
  readonly items: number;
  /** Items of which a file is not there. */
  readonly damaged: ReadonlyArray<{ readonly id: string; readonly missing: readonly string[] }>;
  /** Folders of items that no row names; null where the store cannot list them. */
  readonly strays: readonly string[] | null;
}

/** Goes through all rows and, where the store is a folder, all files. */
export async function findInMedia({ urls, store, objects }: Places): Promise<Findings> {
  // Folders first: an item that is uploaded meanwhile has a row by then.
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
  return { items: rows.length, damaged, strays: folders?.filter((id) => !known.has(id)) ?? null };
}

async function isKept(url: string, id: string): Promise<boolean> {
  const { rowCount } = await withClient(url, (client) => client.query('SELECT 1 FROM media_items WHERE id = $1', [id]));
  return rowCount === 1;
}
