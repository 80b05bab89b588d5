import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * Makes a folder and those above it that are missing, for this user alone: what people upload, and what is told of them, is nothing for
 * the other accounts of the machine. Node's own `recursive` never ends where a file system takes no folders and says
 * that the one above is missing, as /proc does: it goes up and down between the two.
 *
 * @param mode of what is made, where others have to pass
 * @throws the error of the first folder that cannot be made, ENOTDIR where a file is in the way
 */
export async function makeFolder(folder: string, mode = 0o700): Promise<void> {
  const missing: string[] = [];
  for (let at = path.resolve(folder); !(await isFolder(at)); at = path.dirname(at)) missing.unshift(at);
  for (const each of missing) {
    try {
      await mkdir(each, { mode });
    } catch (error) {
      // Somebody else has made it at the same time.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await isFolder(each))) throw error;
    }
  }
}

async function isFolder(place: string): Promise<boolean> {
  try {
    const status = await stat(place);
    if (status.isDirectory()) return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
  throw Object.assign(new Error(`ENOTDIR: not a directory, mkdir '${place}'`), {
    code: 'ENOTDIR',
    syscall: 'mkdir',
    path: place,
  });
}
