#!/usr/bin/env node
// Runs the benchmarks: `npm run bench -- gateway`, `npm run bench -- gateway --rounds 3`. bench/README.md tells of each.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { prepareOrExit, root } from './prepare.mjs';

const known = readdirSync(path.join(root, 'bench'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.bench.mjs') && !file.includes('node_modules'))
  .map((file) => file.replace(/\.bench\.mjs$/, ''))
  .sort();
const [name, ...parameters] = process.argv.slice(2);
if (!name || !existsSync(path.join(root, 'bench', `${name}.bench.mjs`))) {
  console.error(`npm run bench -- <${known.join('|')}>`);
  process.exit(2);
}
await prepareOrExit();
const child = spawn(process.execPath, [path.join(root, 'bench', `${name}.bench.mjs`), ...parameters], {
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
process.exitCode = await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
