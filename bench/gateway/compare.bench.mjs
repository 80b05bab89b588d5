#!/usr/bin/env node
// Compares gateways on the same graph in one interleaved run: `npm run bench -- gateway/compare`.
//   --rounds N (6)   --requests N (per round: 1500 two-step, 80 heavy)   --only name,name   --connections N (50)
//   --same-heap gives every gateway the young generation that this one starts with
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { signTestToken, testKeySet } from '@taskgraph/testkit';
import { composeGraph, OPERATIONS } from './graph.mjs';
import { load } from './load.mjs';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '6' },
    requests: { type: 'string' },
    connections: { type: 'string', default: '50' },
    only: { type: 'string' },
    'same-heap': { type: 'boolean', default: false },
  },
});
const REQUESTS = { 'two-step': 1_500, heavy: 80 };
const BASE_PORT = 24_100;
const here = import.meta.dirname;
const CLOCK_TICKS = 100;

/** As in the start script of gateway/package.json. */
const LARGE_YOUNG_GENERATION = '--max-semi-space-size=64';

const CONTENDERS = [
  { name: 'stock', label: '@apollo/gateway + @apollo/server', entry: 'stock.mjs' },
  { name: 'taskgraph', label: 'this gateway', entry: 'taskgraph.mjs', nodeFlags: [LARGE_YOUNG_GENERATION] },
  { name: 'hive', label: 'Hive Gateway', entry: 'hive.mjs', needs: '@graphql-hive/gateway' },
  {
    name: 'hive-rust',
    label: 'Hive Gateway, Rust planner',
    entry: 'hive.mjs',
    env: { RUST: '1' },
    needs: '@graphql-hive/router-runtime',
  },
  { name: 'floor', label: 'floor: written by hand', entry: 'floor.mjs', only: 'two-step' },
];

const folder = mkdtempSync(path.join(tmpdir(), 'taskgraph-bench-'));
const children = [];
try {
  await main();
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

async function main() {
  const subgraphsUrl = `http://127.0.0.1:${BASE_PORT}`;
  const supergraphPath = path.join(folder, 'supergraph.graphql');
  writeFileSync(
    supergraphPath,
    composeGraph((name) => `${subgraphsUrl}/${name}`),
  );
  const token = signTestToken({ expiresInSeconds: 7200 });
  await start('subgraphs.mjs', { PORT: String(BASE_PORT), BENCH_KEY_SET: JSON.stringify(testKeySet()) });

  const wanted = flags.only?.split(',');
  const gateways = [];
  for (const [index, contender] of CONTENDERS.entries()) {
    if (wanted && !wanted.includes(contender.name)) continue;
    if (contender.needs && !isInstalled(contender.needs)) {
      console.log(`${contender.label} is left out: npm install --prefix bench/gateway/contenders installs it.`);
      continue;
    }
    const port = BASE_PORT + 1 + index;
    const child = await start(
      `contenders/${contender.entry}`,
      {
        PORT: String(port),
        GATEWAY_PORT: String(port),
        SUPERGRAPH_PATH: supergraphPath,
        SUBGRAPHS_URL: subgraphsUrl,
        JWKS_URL: `${subgraphsUrl}/.well-known/jwks.json`,
        NODE_ENV: 'production',
        ...contender.env,
      },
      `http://127.0.0.1:${port}`,
      flags['same-heap'] ? [LARGE_YOUNG_GENERATION] : contender.nodeFlags,
    );
    gateways.push({ ...contender, origin: `http://127.0.0.1:${port}`, child });
  }

  const headers = { 'content-type': 'application/json', accept: 'application/json', authorization: `Bearer ${token}` };
  for (const [name, operation] of Object.entries(OPERATIONS)) {
    const body = JSON.stringify(operation);
    const runners = gateways.filter(({ only }) => !only || only === name);
    const bytes = await assertEqualAnswers(runners, headers, body);
    const requests = Number(flags.requests ?? REQUESTS[name]);
    const connections = Number(flags.connections);
    const results = new Map(
      runners.map((runner) => [runner.name, { cpuMs: 0, requests: 0, seconds: 0, latencies: [], rss: 0 }]),
    );
    for (const { origin } of runners) await load({ origin, headers, body, connections, requests, expected: bytes / 2 });
    for (let round = 0; round < Number(flags.rounds); round += 1) {
      // Another order each time: nobody runs always behind the same neighbour.
      const order = runners.map((_, index) => runners[(index + round) % runners.length]);
      for (const { name: id, origin, child } of order) {
        const before = cpuMs(child.pid);
        const { latencies, seconds } = await load({
          origin,
          headers,
          body,
          connections,
          requests,
          expected: bytes / 2,
        });
        const result = results.get(id);
        result.cpuMs += cpuMs(child.pid) - before;
        result.requests += requests;
        result.seconds += seconds;
        result.latencies.push(...latencies);
        result.rss = rssMib(child.pid);
      }
    }
    print(name, bytes, runners, results);
  }
}

function print(name, bytes, runners, results) {
  const base = results.get('stock') ?? results.get(runners[0].name);
  const baseCpu = base.cpuMs / base.requests;
  console.log(
    `\n${name}: answer of ${(bytes / 1024).toFixed(0)} KB, ${flags.connections} connections, ${base.requests} requests each`,
  );
  console.log(
    '| gateway | cpu ms/request | cpu, stock = 1 | requests/s | p50 ms | p99 ms | RSS MiB |\n|---|---|---|---|---|---|---|',
  );
  for (const { name: id, label } of runners) {
    const { cpuMs: cpu, requests, seconds, latencies, rss } = results.get(id);
    const sorted = latencies.sort((left, right) => left - right);
    const at = (share) => sorted[Math.floor(share * (sorted.length - 1))].toFixed(0);
    const each = cpu / requests;
    console.log(
      `| ${label} | ${each.toFixed(2)} | ${(baseCpu / each).toFixed(2)}× | ${(requests / seconds).toFixed(0)} | ${at(0.5)} | ${at(0.99)} | ${rss.toFixed(0)} |`,
    );
  }
}

async function assertEqualAnswers(runners, headers, body) {
  let expected;
  let bytes = 0;
  for (const { label, origin } of runners) {
    const response = await fetch(`${origin}/graphql`, { method: 'POST', headers, body });
    const text = await response.text();
    const answer = JSON.parse(text);
    if (answer.errors) throw new Error(`${label} answers with errors: ${text.slice(0, 500)}`);
    if (expected === undefined) {
      expected = answer.data;
      bytes = text.length;
    } else if (!isDeepStrictEqual(answer.data, expected)) {
      throw new Error(`${label} answers otherwise than ${runners[0].label}`);
    }
  }
  return bytes;
}

function isInstalled(name) {
  try {
    createRequire(path.join(here, 'contenders/package.json')).resolve(`${name}/package.json`);
    return true;
  } catch (error) {
    return error.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED';
  }
}

async function start(entry, env, origin, nodeFlags = []) {
  const log = path.join(folder, `${entry.replace('/', '-')}-${children.length}.log`);
  const child = spawn(process.execPath, [...nodeFlags, path.join(here, entry)], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  children.push(child);
  let output = '';
  const { createWriteStream } = await import('node:fs');
  const file = createWriteStream(log);
  child.stdout.pipe(file);
  child.stderr.on('data', (chunk) => (output += chunk));
  let ended = false;
  child.once('exit', () => (ended = true));
  if (!origin) {
    await new Promise((resolve) => child.once('message', resolve));
    return child;
  }
  const deadline = Date.now() + 60_000;
  for (;;) {
    const ok = await fetch(`${origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"query":"{__typename}"}',
    }).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return child;
    if (ended || Date.now() > deadline) throw new Error(`${entry} does not start:\n${output}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** proc(5): utime and stime are the 14th and 15th field. */
function cpuMs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / CLOCK_TICKS;
}

function rssMib(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}
