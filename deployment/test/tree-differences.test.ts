import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { sizeOfTree, treeDifferences } from '../images/tree-differences.mjs';

let scratch = '';
beforeEach(() => {
  scratch = mkdtempSync(path.join(tmpdir(), 'taskgraph-trees-'));
});
afterEach(() => rmSync(scratch, { recursive: true }));

function makeTree(name: string): string {
  const root = path.join(scratch, name);
  mkdirSync(path.join(root, 'dist/node_modules/left-out'), { recursive: true });
  writeFileSync(path.join(root, 'dist/main.js'), 'export {};');
  writeFileSync(path.join(root, 'dist/node_modules/left-out/index.js'), name);
  symlinkSync('main.js', path.join(root, 'dist/link.js'));
  return root;
}

it('finds two trees the same whatever their times are, and what npm has installed', () => {
  const [one, other] = [makeTree('one'), makeTree('other')];
  utimesSync(path.join(other, 'dist/main.js'), 1, 1);
  expect(treeDifferences(one, other)).toEqual([]);
  expect(sizeOfTree(one)).toBe(3);
});

it.each<[string, (dist: string) => void, string]>([
  ['a byte', (dist) => writeFileSync(path.join(dist, 'main.js'), 'export {} '), 'dist/main.js: file 644 '],
  ['a mode', (dist) => chmodSync(path.join(dist, 'main.js'), 0o755), 'dist/main.js: file 644 '],
  ['a mode of a folder', (dist) => chmodSync(dist, 0o700), 'dist: folder 755, then folder 700'],
  ['a file more', (dist) => writeFileSync(path.join(dist, 'stray.js'), ''), 'dist/stray.js: missing, then file 644 '],
  ['a file less', (dist) => rmSync(path.join(dist, 'link.js')), 'dist/link.js: link to main.js, then missing'],
  [
    'where a link leads',
    (dist) => {
      rmSync(path.join(dist, 'link.js'));
      symlinkSync('/main.js', path.join(dist, 'link.js'));
    },
    'dist/link.js: link to main.js, then link to /main.js',
  ],
])('tells of %s', (_what, change, told) => {
  const before = process.umask(0o022);
  const [one, other] = [makeTree('one'), makeTree('other')];
  change(path.join(other, 'dist'));
  process.umask(before);
  const differences = treeDifferences(one, other);
  expect(differences).toEqual([expect.stringContaining(told)]);
});
