#!/usr/bin/env node
// How long everything else waits while new passwords are judged, on the event loop and in a thread: `npm run bench -- subgraphs/passwords`.
//   --passwords N (50), of 128 characters each
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createLog } from '@taskgraph/service-kit';
import { estimatePassword } from '../../subgraphs/auth/dist/modules/passwords/password-strength.js';
import { createStrengthChecks } from '../../subgraphs/auth/dist/modules/passwords/strength-checks.js';

const { values: flags } = parseArgs({ options: { passwords: { type: 'string', default: '50' } } });
const count = Number(flags.passwords);

/** Patterns in patterns, each time others. */
const SHAPES = {
  'leet words': (index) => `p4$$w0rd1!${index}`,
  'one character': (index) => String.fromCodePoint(97 + (index % 26)),
  'keyboard walks': (index) => `qwertyuiop${index}asdfghjkl`,
  'dates and digits': (index) => `19${10 + (index % 80)}-0${1 + (index % 9)}-11`,
  'random letters': (index) =>
    Math.sin(index + 1)
      .toString(36)
      .slice(2),
};
const passwordsOf = (shape) => Array.from({ length: count }, (_, index) => shape(index).repeat(128).slice(0, 128));

async function measure(judge, passwords) {
  const turns = monitorEventLoopDelay({ resolution: 1 });
  turns.enable();
  const started = performance.now();
  await Promise.all(passwords.map((password) => delay(0).then(() => judge(password))));
  const totalMs = performance.now() - started;
  await delay(5);
  turns.disable();
  return { perPasswordMs: totalMs / passwords.length, p99: turns.percentile(99) / 1e6, max: turns.max / 1e6 };
}

const checks = createStrengthChecks({
  threads: 1,
  maxWaiting: count,
  timeoutMs: 120_000,
  log: createLog({ service: 'bench', level: 'silent' }),
});
const calm = new AbortController().signal;
await estimatePassword('the dictionaries are there', []);
await checks.estimate('the dictionaries are there', [], calm);
console.log(
  `| ${count} passwords of 128 characters at once | ms each | loop p99 ms | loop max ms | thread: ms each | loop p99 ms | loop max ms |`,
);
console.log('|---|---|---|---|---|---|---|');
for (const [name, shape] of Object.entries(SHAPES)) {
  const passwords = passwordsOf(shape);
  const before = await measure((password) => estimatePassword(password, []), passwords);
  const after = await measure((password) => checks.estimate(password, [], calm), passwords);
  const cells = [before, after].flatMap(({ perPasswordMs, p99, max }) => [perPasswordMs, p99, max]);
  console.log(`| ${name} | ${cells.map((cell) => cell.toFixed(1)).join(' | ')} |`);
}
await checks.close();
