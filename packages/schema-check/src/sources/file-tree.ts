import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
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
const MAX_LINKS = 8;

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
          .filter((file) => endsWith(file, extensions) && !file.split(path.sep).some(isForeign))
          .filter((file) => statSync(path.resolve(root, folder, file)).isFile())
          .map((file) => path.posix.join(folder, file.split(path.sep).join('/')))
          .sort();
      } catch (error) {
        if (isMissing(error) && !existsSync(path.resolve(root, folder))) return [];
        // A link to nothing is a file that is missing: what it would have said must not be left out in silence.
        throw new CheckError(`${folder} cannot be read: ${(error as Error).message}`);
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
      let name = normal(file);
      for (let links = 0; links <= MAX_LINKS; links += 1) {
        let text: string;
        try {
          text = git(root, ['show', `${commit}:./${name}`]);
        } catch {
          return null;
        }
        // git keeps of a link what it points to, in one line without an end.
        if (text.includes('\n') || !isLink(root, commit, name)) return text;
        name = path.posix.join(path.posix.dirname(name), text);
      }
      throw new CheckError(`${file} cannot be read of ${commit}: it is a link to a link to a link.`);
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

function isLink(root: string, commit: string, file: string): boolean {
  return git(root, ['ls-tree', commit, '--', `./${file}`]).startsWith('120000 ');
}

/** Of others, or of an editor that holds a file open. */
function isForeign(name: string): boolean {
  return name === 'node_modules' || name.startsWith('.#');
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
