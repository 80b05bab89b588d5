#!/usr/bin/env node
// Asks the registry for known vulnerabilities of what runs in production: `npm run audit`. Ends with 1 where there are grave ones, and
// with 75 (EX_TEMPFAIL) where the registry cannot answer: then nothing is known, which is not the same as that there are none.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const GRAVE = ['high', 'critical'];
const UNANSWERED = 75;
const TIMEOUT_MS = 30_000;

const { stdout, error } = spawnSync(
  'npm',
  ['audit', '--omit=dev', '--json', '--fetch-retries=0', `--fetch-timeout=${TIMEOUT_MS / 2}`],
  { cwd: root, encoding: 'utf8', timeout: TIMEOUT_MS, maxBuffer: 2 ** 28 },
);
const report = parse(stdout);
if (!report?.vulnerabilities) {
  const reason = report?.message ?? report?.error?.summary ?? error?.message ?? 'no answer';
  console.error(`The registry cannot say whether there are vulnerabilities, so nothing is known of them: ${reason}`);
  process.exit(UNANSWERED);
}

const found = Object.values(report.vulnerabilities);
const grave = found.filter(({ severity }) => GRAVE.includes(severity));
for (const { name, severity, range, via } of grave) {
  const told = via.flatMap((cause) => (typeof cause === 'string' ? [] : `${cause.title} (${cause.url})`));
  console.error(`${severity}: ${name} ${range} ${told.join('; ')}`);
}
console.log(
  `${found.length} packages of production have known vulnerabilities, ${grave.length} of them ${GRAVE.join(' or ')}.`,
);
process.exit(grave.length > 0 ? 1 : 0);

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
