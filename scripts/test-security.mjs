#!/usr/bin/env node
// Runs the tests that are about security, and tells of each attack of docs/security.md what its client gets: `npm run test:security`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readSecurityPage, TAGGED } from './security-page.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const rows = readSecurityPage();
const named = [...new Set(rows.map(({ file }) => file))];
const folder = mkdtempSync(path.join(tmpdir(), 'taskgraph-security-'));
const resultsFile = path.join(folder, 'results.json');
try {
  const { status } = spawnSync(process.execPath, [path.join(root, 'scripts/test.mjs'), ...TAGGED, ...named], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, TEST_RESULTS_FILE: resultsFile },
  });
  const outcomes = outcomesOf(JSON.parse(readFileSync(resultsFile, 'utf8')));
  console.log('\nAttack → what a client gets\n');
  let failed = 0;
  const untried = [];
  for (const { what, answer, file, title } of rows.filter(({ section }) => section === 'Attacks')) {
    const outcome = outcomes(file, title);
    if (outcome === 'FAIL') failed += 1;
    if (outcome === 'skip') untried.push({ what, file, title });
    console.log(`  ${outcome.padEnd(5)} ${what} → ${answer}`);
  }
  if (untried.length > 0) {
    console.log(`\nNot tried, or not wholly, since tests are skipped on this machine: ${untried.length}\n`);
    for (const { what, file, title } of untried) console.log(`  ${what} (${file}: ${title})`);
  }
  const ofThose = untried.length > 0 ? 'Every attack that was tried' : 'Every attack';
  console.log(`\n${failed === 0 ? `${ofThose} gets what it should.` : `${failed} attacks get something else.`}`);
  process.exitCode = status !== 0 || failed > 0 ? 1 : 0;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** What has come of the tests of one title; those of a table have values in the place of %s and $names. */
function outcomesOf({ testResults }) {
  return (file, title) => {
    const escaped = title.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
    const pattern = new RegExp(`^${escaped.replaceAll(/%(?:\d\\\$)?\w|\\\$\w+/g, '.*')}$`, 's');
    const results = testResults
      .filter(({ name }) => name.endsWith(file))
      .flatMap(({ assertionResults }) => assertionResults)
      .filter((result) => pattern.test(result.title));
    if (results.length === 0 || results.some(({ status }) => status === 'failed')) return 'FAIL';
    return results.every(({ status }) => status === 'passed') ? 'ok' : 'skip';
  };
}
