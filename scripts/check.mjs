#!/usr/bin/env node
// Checks everything that a change must pass: `npm run check`, `npm run check -- --no-tests`. One step's failure does not
// keep the others from being told.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { prepareOrExit, root } from './prepare.mjs';

const NO_TESTS = '--no-tests';
const unknown = process.argv.slice(2).filter((argument) => argument !== NO_TESTS);
if (unknown.length > 0) {
  console.error(`npm run check does not know ${unknown.join(' ')}; it knows ${NO_TESTS}.`);
  process.exit(2);
}
const withTests = !process.argv.includes(NO_TESTS);

const bin = (file) => [process.execPath, path.join(root, 'node_modules', file)];

/** A tool that npm does not bring; where it cannot be installed, the step is skipped, but never in CI. */
const tool = (...parameters) => [process.execPath, 'scripts/run-tool.mjs', ...parameters];
const SKIPPED = 77;
/** Of a step that asks somebody who cannot answer: nothing has failed, and nothing is known. */
const UNANSWERED = 75;

/** Name, what it holds, command, and what to do when it fails. */
const steps = [
  [
    'format',
    'Prettier',
    [...bin('prettier/bin/prettier.cjs'), '--check', '--cache', '--log-level=warn', '.'],
    'npm run format',
  ],
  [
    'lint',
    'ESLint, code and SDL',
    [...bin('eslint/bin/eslint.js'), '.', '--cache', '--cache-location', 'node_modules/.cache/eslint/'],
    'npm run lint -- --fix',
  ],
  ['types', 'TypeScript, tests included', [...bin('typescript/bin/tsc'), '-p', 'tsconfig.tests.json'], null],
  [
    'imports',
    'dependency-cruiser',
    [
      ...bin('dependency-cruiser/bin/dependency-cruise.mjs'),
      '--config',
      '.dependency-cruiser.cjs',
      'packages',
      'subgraphs',
      'gateway',
      'embedded',
      'operator',
      'e2e',
      'deployment',
      'examples',
    ],
    null,
  ],
  [
    'supergraph',
    'gateway/supergraph.graphql matches the SDL',
    [process.execPath, 'scripts/compose.mjs', '--check'],
    'npm run compose',
  ],
  [
    'schema',
    'what the graph is to its clients',
    [process.execPath, 'scripts/schema.mjs', 'check', ...(process.env.GITHUB_ACTIONS ? ['--format', 'github'] : [])],
    null,
  ],
  ['licences', 'those of all dependencies', [process.execPath, 'scripts/licenses.mjs'], null],
  ['audit', 'known vulnerabilities', [process.execPath, 'scripts/audit.mjs'], 'npm audit fix'],
  ['dockerfile', 'hadolint', tool('hadolint', 'Dockerfile'), null],
  ['workflows', 'actionlint', tool('actionlint', '-shellcheck=', '-pyflakes='), null],
  ['terraform', 'terraform fmt', tool('terraform-fmt', 'terraform'), 'terraform fmt -recursive terraform'],
  ...(withTests ? [['tests', 'every test', [process.execPath, 'scripts/test.mjs'], null]] : []),
];

await prepareOrExit();

/** Steps that run at once, but for the tests, which are alone: they take every processor by themselves. */
const AT_ONCE = 2;

const outcomes = await runAll(steps);

console.log('\n');
for (const { name, what, passed, skipped, unanswered, seconds, remedy } of outcomes) {
  const hint = passed || !remedy ? '' : `   try: ${remedy}`;
  console.log(
    `${unanswered ? '  ??  ' : skipped ? ' skip ' : passed ? '  ok  ' : ' FAIL '} ${name.padEnd(11)} ${what.padEnd(44)} ${seconds.toFixed(1).padStart(6)} s${hint}`,
  );
}
const failed = outcomes.filter(({ passed }) => !passed);
const skips = outcomes.filter(({ skipped }) => skipped);
if (skips.length > 0)
  console.log(`\nSkipped: ${skips.map(({ name }) => name).join(', ')}; the output above says what is missing.`);
const unanswered = outcomes.filter((outcome) => outcome.unanswered);
if (unanswered.length > 0)
  console.log(`\nNothing is known of: ${unanswered.map(({ name }) => name).join(', ')}; the output above says why.`);
console.log(failed.length === 0 ? '\nEverything passes.' : `\nFailed: ${failed.map(({ name }) => name).join(', ')}`);
const tests = outcomes.find(({ name }) => name === 'tests');
// A reader of the last line alone sees the counts.
if (tests) console.log(tests.lastLine);
process.exit(failed.length === 0 ? 0 : 1);

/** Runs the steps, of which each is printed whole: the first that is not done as it goes, those beside it when their turn has come. */
async function runAll(all) {
  const waiting = all.filter(([name]) => name !== 'tests');
  const started = new Map();
  const next = () => {
    const step = waiting.shift();
    if (!step) return;
    const printer = createPrinter(`\n── ${step[0]}: ${step[1]}\n`);
    started.set(step, { printer, outcome: runStep(step, printer).finally(next) });
  };
  for (let index = 0; index < AT_ONCE; index += 1) next();
  const outcomes = [];
  for (const step of all) {
    if (step[0] === 'tests') {
      const printer = createPrinter(`\n── ${step[0]}: ${step[1]}\n`);
      started.set(step, { printer, outcome: runStep(step, printer) });
    }
    const { printer, outcome } = started.get(step);
    printer.open();
    outcomes.push(await outcome);
  }
  return outcomes;
}

/** Keeps what is written until it is opened, then writes it through. */
function createPrinter(heading) {
  let kept = [Buffer.from(heading)];
  return {
    write(chunk) {
      if (kept) kept.push(chunk);
      else process.stdout.write(chunk);
    },
    open() {
      for (const chunk of kept) process.stdout.write(chunk);
      kept = null;
    },
  };
}

async function runStep([name, what, command, remedy], printer) {
  const startedAt = Date.now();
  const { status, lastLine } = await run(command, printer);
  const skipped = status === SKIPPED && process.env.CI !== 'true';
  const unanswered = status === UNANSWERED;
  const seconds = (Date.now() - startedAt) / 1000;
  return { name, what, passed: status === 0 || skipped || unanswered, skipped, unanswered, seconds, remedy, lastLine };
}

function run([command, ...parameters], printer) {
  return new Promise((resolve) => {
    const child = spawn(command, parameters, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let lastLine = '';
    const decoder = new StringDecoder('utf8');
    child.stdout.on('data', (chunk) => {
      printer.write(chunk);
      lastLine = (lastLine + decoder.write(chunk)).trimEnd().split('\n').at(-1);
    });
    child.stderr.on('data', (chunk) => printer.write(chunk));
    child.once('error', (error) => {
      printer.write(Buffer.from(`${error.message}\n`));
      resolve({ status: 127, lastLine });
    });
    child.once('close', (status) => resolve({ status: status ?? 1, lastLine }));
  });
}
