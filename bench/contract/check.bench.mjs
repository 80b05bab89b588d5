#!/usr/bin/env node
// How long this repository's own schema check takes, from the command to its end: `npm run bench -- contract/check`. Ends with 1 where a run takes 20 s or more.
//   --runs N (5)
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const MOST_SECONDS = 20;
const { values: flags } = parseArgs({ options: { runs: { type: 'string', default: '5' } } });
const root = fileURLToPath(new URL('../..', import.meta.url));
const command = [path.join(root, 'scripts/schema.mjs'), 'check', '--format', 'json'];

const runs = [];
// The first one may compile.
for (let run = 0; run <= Number(flags.runs); run += 1) {
  const startedAt = performance.now();
  const { status, stdout } = spawnSync(process.execPath, command, { cwd: root, maxBuffer: 64 * 2 ** 20 });
  const seconds = (performance.now() - startedAt) / 1_000;
  // With 2 nothing was checked.
  if (status === 2) throw new Error(`the check ended with 2: ${stdout}`);
  const report = JSON.parse(stdout);
  if (run > 0) runs.push({ seconds, report });
}
const sorted = runs.map(({ seconds }) => seconds).sort((one, other) => one - other);
const [{ report }] = runs;
const told = (seconds) => seconds.toFixed(1);
console.log('| compared with | operations planned | fastest, s | median, s | slowest, s |');
console.log('|---|---|---|---|---|');
console.log(
  `| ${report.against ?? 'nothing'} | ${report.operations.length} | ${told(sorted[0])} | ${told(sorted[Math.floor(sorted.length / 2)])} | ${told(sorted.at(-1))} |`,
);
process.exitCode = sorted.at(-1) < MOST_SECONDS ? 0 : 1;
