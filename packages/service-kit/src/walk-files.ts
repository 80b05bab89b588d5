import type { Dirent } from 'node:fs';
import { opendir } from 'node:fs/promises';
import path from 'node:path';

/**
 * The files below a folder that others write to meanwhile, as absolute paths in no order. A folder that vanishes on the way holds none;
 * Node's own `recursive` reading ends with ENOENT there. Of files a part of one folder is in memory, of folders the names at each depth.
 *
 * @throws ENOENT where the root itself is missing
 */
export async function* walkFiles(root: string): AsyncGenerator<string> {
  yield* walk(root, false);
}

async function* walk(folder: string, mayVanish: boolean): AsyncGenerator<string> {
  const entries = await opendir(folder).catch((error: unknown) => {
    if (mayVanish && isGone(error)) return null;
    throw error;
  });
  if (!entries) return;
  const folders: string[] = [];
  for await (const entry of untilGone(entries)) {
    const place = path.join(folder, entry.name);
    if (entry.isDirectory()) folders.push(place);
    else if (entry.isFile()) yield place;
  }
  for (const each of folders) yield* walk(each, true);
}

/** A folder's handle is opened before it is read, so it can vanish between the two. */
async function* untilGone(entries: AsyncIterable<Dirent>): AsyncGenerator<Dirent> {
  try {
    yield* entries;
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
