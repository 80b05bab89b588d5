#!/usr/bin/env node
// The public audit of federation gateways against this one, as it is built: `npm run audit:federation -- FOLDER`, where FOLDER is a clone of
// https://github.com/graphql-hive/federation-gateway-audit whose dependencies are installed (`npm install` there).
//   --suite ID  only one of its suites   --verbose  prints what was answered where a case fails
// Each suite's own subgraphs answer over HTTP, and a gateway of its own runs its supergraph. A case passes by the rule of the audit's own
// test: the data are equal, and errors come where some are expected, and only there. Ends with 1 where a case fails.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { chooseFreePorts } from '@taskgraph/testkit';

const READY_MS = 60_000;
const REQUEST_MS = 10_000;
/** The audit is written for Node 22. */
const WITH_RESOLVERS = `data:text/javascript,${encodeURIComponent(
  'Promise.withResolvers ??= function () { let resolve, reject; const promise = new this((a, b) => { resolve = a; reject = b; }); return { promise, resolve, reject }; };',
)}`;

const { values: flags, positionals } = parseArgs({
  options: { suite: { type: 'string' }, verbose: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const [given] = positionals;
if (!given || !existsSync(path.join(given, 'src/cli.ts')) || !existsSync(path.join(given, 'node_modules/tsx'))) {
  console.error(`Usage: npm run audit:federation -- FOLDER

FOLDER is a clone of the audit with its dependencies:
  git clone https://github.com/graphql-hive/federation-gateway-audit FOLDER
  npm install --prefix FOLDER`);
  process.exit(2);
}
const audit = path.resolve(given);
const main = path.join(import.meta.dirname, '../gateway/dist/main.js');
const folder = mkdtempSync(path.join(tmpdir(), 'taskgraph-audit-'));
const children = [];

function start(args, { cwd, env = {} }) {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.errors = '';
  child.stderr.on('data', (chunk) => (child.errors += chunk));
  children.push(child);
  return child;
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

async function untilReady(url, child, headers = {}) {
  const deadline = Date.now() + READY_MS;
  while (!(await fetch(url, { headers }).catch(() => null))?.ok) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`${url} does not answer:\n${child.errors}`);
    await sleep(50);
  }
}

/** As the audit's own test: where it says nothing of errors, none or any may come. */
function verdict(answer, expected) {
  const tellsErrors = typeof expected.errors === 'boolean';
  const sameErrors = !tellsErrors || expected.errors === Boolean(answer.errors?.length);
  return sameErrors && isDeepStrictEqual(answer.data ?? null, expected.data ?? null);
}

try {
  const [auditPort, gatewayPort, operationsPort] = await chooseFreePorts(3);
  const origin = `http://localhost:${auditPort}`;
  const cli = ['--import', WITH_RESOLVERS, '--import', 'tsx', 'src/cli.ts', 'serve', '--port', String(auditPort)];
  await untilReady(`${origin}/_health`, start(cli, { cwd: audit }));
  const graphql = `http://127.0.0.1:${gatewayPort}/graphql`;
  const ids = await (await fetch(`${origin}/ids`)).json();
  const suites = ids.filter((id) => !flags.suite || id === flags.suite);
  let passed = 0;
  let failed = 0;
  let wholeSuites = 0;
  for (const [index, id] of suites.entries()) {
    const supergraph = path.join(folder, `${id}.graphql`);
    writeFileSync(supergraph, await (await fetch(`${origin}/${id}/supergraph`)).text());
    const gateway = start([main], {
      cwd: folder,
      env: {
        ENV_FILE: '',
        NODE_ENV: 'production',
        LOG_LEVEL: 'error',
        GATEWAY_PORT: String(gatewayPort),
        GATEWAY_OPERATIONS_PORT: String(operationsPort),
        SUPERGRAPH_PATH: supergraph,
      },
    });
    await untilReady(`${graphql}?query=%7B__typename%7D`, gateway, { 'apollo-require-preflight': 'true' });
    const failures = [];
    const tests = await (await fetch(`${origin}/${id}/tests`)).json();
    for (const [number, { query, expected }] of tests.entries()) {
      const response = await fetch(graphql, {
        method: 'POST',
        headers: { accept: 'application/json', 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
        signal: AbortSignal.timeout(REQUEST_MS),
      });
      const answer = await response.json();
      if (!verdict(answer, expected)) failures.push({ number, query, expected, answer });
    }
    await stop(gateway);
    passed += tests.length - failures.length;
    failed += failures.length;
    if (failures.length === 0) wholeSuites += 1;
    const cases = failures.length === 0 ? '' : `, failed: ${failures.map(({ number }) => number).join(', ')}`;
    console.log(`${index + 1}/${suites.length} ${id}: ${tests.length - failures.length} of ${tests.length}${cases}`);
    if (flags.verbose) for (const failure of failures) console.log(JSON.stringify(failure, null, 2));
  }
  console.log(`\n${passed} of ${passed + failed} cases, ${wholeSuites} of ${suites.length} suites`);
  if (failed > 0 || suites.length === 0) process.exitCode = 1;
} finally {
  await Promise.all(children.map(stop));
  rmSync(folder, { recursive: true, force: true });
}
