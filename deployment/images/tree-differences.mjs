import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readlinkSync, readdirSync } from 'node:fs';
import path from 'node:path';

/**
 * Tells what is not the same in two folders: paths, kinds, modes, what links lead to, and bytes. Times are not compared, and neither is
 * what npm installs.
 *
 * @param {string} one
 * @param {string} other
 * @returns {string[]} a sentence for each difference; none where both are the same
 */
export function treeDifferences(one, other) {
  const [first, second] = [listTree(one), listTree(other)];
  return [...new Set([...first.keys(), ...second.keys()])].sort().flatMap((file) => {
    const [before, after] = [first.get(file) ?? 'missing', second.get(file) ?? 'missing'];
    return before === after ? [] : [`${file}: ${before}, then ${after}`];
  });
}

/** How many files and folders {@link treeDifferences} looks at: a comparison of nothing finds nothing. */
export function sizeOfTree(folder) {
  return listTree(folder).size;
}

function listTree(root) {
  const found = new Map();
  const walk = (folder) => {
    for (const name of readdirSync(path.join(root, folder))) {
      if (name === 'node_modules') continue;
      const file = path.posix.join(folder, name);
      const stats = lstatSync(path.join(root, file));
      found.set(file, describe(path.join(root, file), stats));
      if (stats.isDirectory()) walk(file);
    }
  };
  walk('');
  return found;
}

function describe(place, stats) {
  if (stats.isSymbolicLink()) return `link to ${readlinkSync(place)}`;
  const mode = (stats.mode & 0o7777).toString(8);
  if (stats.isDirectory()) return `folder ${mode}`;
  return `file ${mode} ${createHash('sha256').update(readFileSync(place)).digest('hex')}`;
}
