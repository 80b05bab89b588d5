import path from 'node:path';
import { CheckError } from '../check-error.js';
import { endsWith, isForeign, leadsOut, type FileTree } from './file-tree.js';
import { git } from './git.js';

/** What a path leads to, with git following links. */
type Found = { readonly kind: 'blob' | 'tree'; readonly hash: string; readonly text: string } | null;

/**
 * The same files as a commit has them.
 *
 * @param root a folder of the work tree
 */
export function filesOfCommit(root: string, commit: string): FileTree {
  /** @throws CheckError where a link leads nowhere that the commit knows */
  function find(file: string, form: '--batch' | '--batch-check'): Found {
    // It takes one name a line.
    if (file.includes('\n')) throw new CheckError(`${JSON.stringify(file)} cannot be read of ${commit}.`);
    // git knows no `./a/../b`.
    const told = git(root, ['cat-file', form, '--follow-symlinks'], `${commit}:./${path.posix.normalize(file)}\n`);
    const end = told.indexOf('\n');
    const head = told.slice(0, end);
    const [, hash = '', kind = ''] = /^([0-9a-f]+) (blob|tree) \d+$/.exec(head) ?? [];
    if (kind === 'blob' || kind === 'tree') return { kind, hash, text: told.slice(end + 1, -1) };
    if (/^symlink \d+$/.test(head)) throw new CheckError(`${leadsOut(file, told.slice(end + 1, -1))} (${commit})`);
    if (/^(?:dangling|loop) \d+$/.test(head)) throw toNothing(file);
    return null;
  }

  function toNothing(file: string): CheckError {
    return new CheckError(`${file} cannot be read of ${commit}: it is a link to nothing.`);
  }

  function listFolder(folder: string, tree: string, extensions: readonly string[]): string[] {
    const files = new Map<string, string>();
    const seen = new Set<string>();
    const links: string[] = [];
    const walk = (inner: string, hash: string): void => {
      // A folder above one that was listed has that one in it.
      const before = new Set(seen.add(hash));
      let skipped: string | null = null;
      const entries = git(root, ['ls-tree', '-r', '-t', '-z', '--full-tree', hash]).split('\0').filter(Boolean);
      for (const entry of entries) {
        const [, mode = '', kind = '', own = '', name = ''] = /^(\d+) (\w+) ([0-9a-f]+)\t([\s\S]*)$/.exec(entry) ?? [];
        if (name.split('/').some(isForeign) || (skipped !== null && name.startsWith(skipped))) continue;
        const file = path.posix.join(inner, name);
        if (kind === 'tree') {
          if (before.has(own)) skipped = `${name}/`;
          seen.add(own);
        } else if (mode === '120000') links.push(file);
        else if (kind === 'blob' && endsWith(name, extensions)) files.set(file, own);
      }
    };
    walk(folder, tree);
    for (let link = links.shift(); link !== undefined; link = links.shift()) {
      const found = find(link, '--batch-check');
      if (found === null) throw toNothing(link);
      const { kind, hash } = found;
      if (kind === 'tree' && !seen.has(hash)) walk(link, hash);
      const isNew = kind === 'blob' && endsWith(link, extensions) && ![...files.values()].includes(hash);
      if (isNew) files.set(link, hash);
    }
    return [...files.keys()].sort();
  }

  return {
    read(file) {
      const found = find(file, '--batch');
      return found?.kind === 'blob' ? found.text : null;
    },
    list(folder, extensions) {
      const found = find(folder, '--batch-check');
      if (found === null) return [];
      return found.kind === 'blob' ? [folder] : listFolder(folder, found.hash, extensions);
    },
    isFolder: (folder) => find(folder, '--batch-check')?.kind === 'tree',
  };
}
