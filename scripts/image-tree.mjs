#!/usr/bin/env node
// Lays out what the image of a workspace holds, in .images/<name>/: `manifests`, from which npm installs what it needs at run
// time, and `files`, its built code: `node scripts/image-tree.mjs gateway auth`. The Dockerfile runs it after the build.
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Of development: sources that are compiled, types, tests, and what tools leave or read. */
const LEFT_OUT =
  /(^|\/)(node_modules|test|\.turbo)(\/|$)|\.tsx?$|\.d\.ts\.map$|\.test\.|\.tsbuildinfo$|tsconfig.*\.json$|\.md$/;
/** Beside its workspaces. */
const SHARED_FILES = { databases: ['prisma'] };

const names = process.argv.slice(2);
if (names.length === 0) {
  console.error('Usage: node scripts/image-tree.mjs <workspace>…, e.g. gateway auth');
  process.exit(2);
}
for (const name of names) layOut(name);

function layOut(name) {
  const target = path.join(root, '.images', name);
  const pruned = path.join(root, '.images', `${name}.pruned`);
  for (const folder of [target, pruned]) rmSync(folder, { recursive: true, force: true });
  execFileSync(
    process.execPath,
    [
      path.join(root, 'node_modules/turbo/bin/turbo'),
      'prune',
      `@taskgraph/${name}`,
      '--docker',
      '--production',
      `--out-dir=${path.relative(root, pruned)}`,
    ],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' } },
  );
  const manifests = path.join(target, 'manifests');
  cpSync(path.join(pruned, 'json'), manifests, { recursive: true });
  rmSync(pruned, { recursive: true, force: true });
  const workspaces = JSON.parse(readFileSync(path.join(manifests, 'package.json'), 'utf8')).workspaces;
  for (const folder of ['.', ...workspaces]) forProduction(path.join(manifests, folder, 'package.json'));
  for (const folder of [...workspaces, ...(SHARED_FILES[name] ?? [])]) {
    cpSync(path.join(root, folder), path.join(target, 'files', folder), {
      recursive: true,
      filter: (source) => !LEFT_OUT.test(path.relative(root, source)),
    });
    // npm has installed from the other one.
    rmSync(path.join(target, 'files', folder, 'package.json'), { force: true });
  }
  console.log(`${name}: ${workspaces.join(', ')} (${readdirSync(target).join(' and ')} in .images/${name})`);
}

/** The pruned lock file has no dependencies of development, and npm refuses a manifest that asks for what it has not. */
function forProduction(file) {
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  delete manifest.devDependencies;
  delete manifest.scripts;
  writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
}
