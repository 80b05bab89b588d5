#!/usr/bin/env node
// Checks changes of the graph and keeps its versions: `npm run schema -- check | compare | publish | history | diff | rollback`.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
// Compiles what has changed, and nothing else of the repository.
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '-b', path.join(root, 'packages/schema-check')], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) process.exit(2);
process.chdir(root);
await import(path.join(root, 'packages/schema-check/dist/main.js'));
