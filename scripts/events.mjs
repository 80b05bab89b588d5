#!/usr/bin/env node
// Dead letters and the topology of events: `npm run events -- list-dead | replay <id|all> | discard <id> | topology apply`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import './env-file.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const cli = path.join(root, 'packages/service-kit/dist/events/cli/run.js');
const clusters = path.join(root, 'packages/databases/dist/running-cluster.js');

if (!existsSync(cli) || !existsSync(clusters)) {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const packages = ['service-kit', 'databases'].map((name) => path.join(root, 'packages', name));
  const { status } = spawnSync(process.execPath, [tsc, '-b', ...packages], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
const { runEventsCli } = await import(cli);
const { findEmbedded } = await import('./embedded-database.mjs');

process.exitCode = await runEventsCli({
  args: process.argv.slice(2),
  env: process.env,
  findEmbedded,
  print: (line) => process.stdout.write(`${line}\n`),
  printError: (line) => process.stderr.write(`${line}\n`),
});
