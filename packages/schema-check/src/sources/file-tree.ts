import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { CheckError } from '../check-error.js';

/** Files of a folder, as they are or as they were. Paths are relative to the folder. */
export interface FileTree {
  /** Null where there is no such file. */
  read(file: string): string | null;
  /** The file itself, or all below a folder that end like one of these, in order. */
  list(folder: string, extensions: readonly string[]): string[];
  isFolder(folder: string): boolean;
}

const MAX_BYTES = 64 * 2 ** 20;

export function filesOnDisk(root: string): FileTree {
  return {
    read(file) {
      try {
        return readFileSync(path.resolve(root, file), 'utf8');
      } catch (error) {
        if (isMissing(error)) return null;
        throw new CheckError(`${file} cannot be read: ${(error as Error).message}`);
      }
    },
    list(folder, extensions) {
      try {
        if (statSync(path.resolve(root, folder)).isFile()) return [folder];
        return readdirSync(path.resolve(root, folder), { recursive: true, encoding: 'utf8' })
          .filter((file) => endsWith(file, extensions) && !file.split(path.sep).includes('node_modules'))
          .map((file) => path.posix.join(folder, file.split(path.sep).join('/')))
          .sort();
      } catch (error) {
        if (isMissing(error)) return [];
        throw error;
      }
    },
    isFolder: (folder) => statSync(path.resolve(root, folder), { throwIfNoEntry: false })?.isDirectory() ?? false,
  };
}

/**
 * The same files as a commit has them.
 *
 * @param root a folder of the work tree
 * @throws CheckError when git knows no such commit
 */
export function filesOfCommit(root: string, commit: string): FileTree {
  return {
    read(file) {
      try {
        return git(root, ['show', `${commit}:./${normal(file)}`]);
      } catch {
        return null;
      }
    },
    list(folder, extensions) {
      return git(root, ['ls-tree', '-r', '-z', '--name-only', commit, '--', `./${normal(folder)}`])
        .split('\0')
        .filter((file) => file !== '' && (file === normal(folder) || endsWith(file, extensions)))
        .sort();
    },
    isFolder: (folder) => git(root, ['ls-tree', '-d', '--name-only', commit, '--', `./${normal(folder)}`]) !== '',
  };
}

/** The commit that a branch, tag or hash means here; null where git knows none, or there is no git. */
export function findCommit(root: string, ref: string): string | null {
  // Whatever begins with a dash would be an option.
  if (ref.startsWith('-')) return null;
  try {
    return git(root, ['rev-parse', '--verify', '--quiet', `${ref}^{commit}`]).trim();
  } catch {
    return null;
  }
}

/** Who commits here, by the settings of git; null where there are none. */
export function findAuthor(root: string): string | null {
  try {
    return git(root, ['config', 'user.email']).trim() || null;
  } catch {
    return null;
  }
}

function git(cwd: string, parameters: readonly string[]): string {
  return execFileSync('git', parameters, {
    cwd,
    encoding: 'utf8',
    maxBuffer: MAX_BYTES,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

function endsWith(file: string, extensions: readonly string[]): boolean {
  return extensions.some((extension) => file.endsWith(extension));
}

/** git knows no `./a/../b`. */
function normal(file: string): string {
  return path.posix.normalize(file);
}

function isMissing(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === 'ENOENT' || code === 'ENOTDIR';
}
