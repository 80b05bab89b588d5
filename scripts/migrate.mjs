#!/usr/bin/env node
// Migrates the databases: `npm run migrate -- <auth|task|media|all> create <name> | up | down [n] | status | reset`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import './env-file.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const cli = path.join(root, 'packages/databases/dist/cli.js');

function run(args) {
  const { status, signal, error } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (error) throw error;
  return signal ? 1 : (status ?? 1);
}

if (!existsSync(cli)) {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const status = run([tsc, '-b', path.join(root, 'packages/databases')]);
  if (status !== 0) process.exit(status);
}
process.exit(run([cli, ...process.argv.slice(2)]));
