import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const ignore = createRequire(import.meta.url)('@balena/dockerignore');

/**
 * Lists the files that a container engine would be given for a build, relative to `root`: all but those that .dockerignore leaves
 * out.
 *
 * @returns {string[]}
 */
export function listContext(root) {
  const left = ignore().add(readFileSync(path.join(root, '.dockerignore'), 'utf8'));
  const files = [];
  const walk = (folder) => {
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const file = path.posix.join(folder, entry.name);
      // Nothing in them is ever let in again, and they are large.
      if (['node_modules', '.git', '.data'].includes(entry.name)) continue;
      if (entry.isDirectory()) walk(file);
      else if (!left.ignores(file)) files.push(file);
    }
  };
  walk('');
  return files.sort();
}

/** The files that a source of COPY names: a file, a folder, or a pattern with `*` for a part of a path. */
export function matching(files, source) {
  if (source === '.' || source === './') return files;
  const parts = path.posix.normalize(source).replace(/\/$/, '').split('/').map(toPattern);
  const pattern = new RegExp(`^${parts.join('/')}(/|$)`);
  return files.filter((file) => pattern.test(file));
}

function toPattern(part) {
  return part.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*');
}
