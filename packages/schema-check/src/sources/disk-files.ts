import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { CheckError } from '../check-error.js';
import { endsWith, isForeign, leadsOut, type FileTree } from './file-tree.js';
import { findTopLevel } from './git.js';

/** The files of a folder as they are now. */
export function filesOnDisk(root: string): FileTree {
  const at = (file: string) => path.resolve(root, file);
  let known: string | null = null;
  const repository = () => (known ??= realpathSync(findTopLevel(root) ?? root));

  /** What somebody names outside of the repository is meant; what a link inside of it leads to may be anybody's. */
  function assertInside(file: string, real: string, bound: string | null): void {
    if (isWithin(real, realpathSync(root)) || isWithin(real, repository())) return;
    if (bound === null || !isWithin(real, bound)) throw new CheckError(leadsOut(file, real));
  }

  /** Whether a path is outside of the repository before any link is followed. */
  function isNamedOutside(file: string): boolean {
    return !isWithin(at(file), path.resolve(root)) && !isWithin(path.resolve(realpathSync(root), file), repository());
  }

  function listFolder(folder: string, extensions: readonly string[]): string[] {
    const bound = isNamedOutside(folder) ? realpathSync(at(folder)) : null;
    /** The way to each, by where it really is. */
    const files = new Map<string, string>();
    const folders = new Set<string>();
    const links: string[] = [];
    const walk = (inner: string): void => {
      const real = realpathSync(at(inner));
      assertInside(inner, real, bound);
      if (folders.has(real)) return;
      folders.add(real);
      for (const entry of readdirSync(real, { withFileTypes: true })) {
        const file = path.posix.join(inner, entry.name);
        if (isForeign(entry.name)) continue;
        if (entry.isDirectory()) walk(file);
        else if (entry.isSymbolicLink()) links.push(file);
        else if (entry.isFile() && endsWith(entry.name, extensions)) files.set(path.join(real, entry.name), file);
      }
    };
    walk(folder);
    // Last, so that a file has the name of its own and not that of a link.
    for (let link = links.shift(); link !== undefined; link = links.shift()) {
      const target = statSync(at(link));
      if (target.isDirectory()) {
        walk(link);
        continue;
      }
      if (!target.isFile() || !endsWith(link, extensions)) continue;
      const real = realpathSync(at(link));
      assertInside(link, real, bound);
      if (!files.has(real)) files.set(real, link);
    }
    return [...files.values()].sort();
  }

  return {
    read(file) {
      try {
        if (!isNamedOutside(file)) assertInside(file, realpathSync(at(file)), null);
        return readFileSync(at(file), 'utf8');
      } catch (error) {
        if (error instanceof CheckError) throw error;
        if (isMissing(error)) return null;
        throw new CheckError(`${file} cannot be read: ${(error as Error).message}`);
      }
    },
    list(folder, extensions) {
      try {
        return statSync(at(folder)).isFile() ? [folder] : listFolder(folder, extensions);
      } catch (error) {
        if (error instanceof CheckError) throw error;
        if (isMissing(error) && !existsSync(at(folder))) return [];
        throw new CheckError(`${folder} cannot be read: ${(error as Error).message}`);
      }
    },
    isFolder: (folder) => statSync(at(folder), { throwIfNoEntry: false })?.isDirectory() ?? false,
  };
}

function isWithin(file: string, folder: string): boolean {
  const way = path.relative(folder, file);
  return way !== '..' && !way.startsWith(`..${path.sep}`) && !path.isAbsolute(way);
}

function isMissing(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'ENOENT' || code === 'ENOTDIR';
}
