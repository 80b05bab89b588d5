#!/usr/bin/env node
// Runs the tests: `npm test`, `npm test -- subgraphs/task`, `npm test -- --selectProjects unit`. Installs and builds
// first, and ends with one line of counts.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { prepareOrExit, root } from './prepare.mjs';

/** From the last test result to the end of the process; what takes longer was left running. */
const EXIT_GRACE_MS = 60_000;

/**
 * Each file of tests loads its modules anew and leaves them soon: with the budget that the V8 of Node 20 gives a function before it
 * optimizes it, a fifth of all the time of the processors goes into machine code that hardly runs. Later ones know better, and have no such flag.
 */
const LATE_OPTIMIZATION = '--interrupt-budget=600000';

await prepareOrExit();

const folder = mkdtempSync(path.join(tmpdir(), 'taskgraph-results-'));
/** A caller that reads the results itself says where. */
const resultsFile = process.env.TEST_RESULTS_FILE ?? path.join(folder, 'results.json');
const child = spawn(
  process.execPath,
  [
    ...(process.versions.v8.startsWith('11.') ? [LATE_OPTIMIZATION] : []),
    path.join(root, 'node_modules/jest/bin/jest.js'),
    '--json',
    `--outputFile=${resultsFile}`,
    ...process.argv.slice(2),
  ],
  {
    cwd: root,
    // With --json the results go to standard output as well; the report is on standard error.
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      // Tests say themselves what is set; the developer's settings are not theirs.
      ENV_FILE: '',
      NODE_OPTIONS:
        `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`.trim(),
      FORCE_COLOR: process.env.FORCE_COLOR ?? (process.stderr.isTTY ? '1' : '0'),
    },
  },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));

let hangs = false;
const watch = setInterval(() => {
  if (!readResults()) return;
  clearInterval(watch);
  setTimeout(() => {
    hangs = true;
    child.kill('SIGKILL');
  }, EXIT_GRACE_MS).unref();
}, 1_000);

const status = await new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ? 1 : code)));
clearInterval(watch);
process.exitCode = report(readResults());
rmSync(folder, { recursive: true, force: true });

/** Null while the tests run: jest writes the file when the last one has ended. */
function readResults() {
  try {
    return JSON.parse(readFileSync(resultsFile, 'utf8'));
  } catch {
    return null;
  }
}

function report(results) {
  if (!results) {
    console.log('The tests did not run to their end.\n0 passed, 1 failed, 0 skipped');
    return 1;
  }
  const skipped = results.numPendingTests + results.numTodoTests;
  // A file that cannot be loaded, or leaves something running, has failed whatever its tests did.
  const failed = results.numFailedTests + results.numRuntimeErrorTestSuites + (hangs ? 1 : 0);
  if (hangs)
    console.log(
      `Jest did not end by itself within ${EXIT_GRACE_MS / 1000} s of the last test: something was left running.`,
    );
  const skippedInCi = skipped > 0 && process.env.CI === 'true';
  if (skippedInCi) console.log('Skipped tests fail in CI.');
  console.log(`${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped`);
  return status !== 0 || failed > 0 || skippedInCi ? 1 : 0;
}
