import { readdir } from 'node:fs/promises';
import path from 'node:path';

/** The files below a folder, relative to it and sorted. What is deleted while it reads is not among them. */
export async function storedFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  const read = async (place: string): Promise<void> => {
    const entries = await readdir(place, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' && place !== folder) return [];
      throw error;
    });
    for (const entry of entries) {
      const each = path.join(place, entry.name);
      if (entry.isDirectory()) await read(each);
      else if (entry.isFile()) found.push(path.relative(folder, each));
    }
  };
  await read(folder);
  return found.sort();
}
