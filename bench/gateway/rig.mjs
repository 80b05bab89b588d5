// What the benchmarks that compare gateways share: the contenders, their processes, the interleaved run and its table.
import { spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Pool } from 'undici';
import { load } from './load.mjs';

const here = import.meta.dirname;
const CLOCK_TICKS = 100;
const READY_MS = 60_000;

/** As in the start script of gateway/package.json. */
export const GATEWAY_FLAGS = ['--max-semi-space-size=64', '--no-allocation-site-pretenuring'];

export const CONTENDERS = [
  { name: 'stock', label: '@apollo/gateway + @apollo/server', entry: 'stock.mjs', needs: 'express' },
  { name: 'taskgraph', label: 'this gateway', entry: 'taskgraph.mjs', nodeFlags: GATEWAY_FLAGS },
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

/** How many rounds come before those that count: what V8 has not compiled yet costs a process several times as much. */
export const WARM_ROUNDS = '4';

/** With the gateway of another checkout that is built, where one is named: what a change brings is seen beside it. */
export function withCheckout(contenders, checkout) {
  if (checkout === undefined) return contenders;
  const own = contenders.find(({ name }) => name === 'taskgraph');
  const other = {
    ...own,
    name: 'against',
    label: `the gateway of ${checkout}`,
    env: { ...own.env, CHECKOUT: path.resolve(checkout) },
  };
  return [...contenders, other];
}

/** The processes of one benchmark, and their logs. */
export function createRig() {
  const folder = mkdtempSync(path.join(tmpdir(), 'taskgraph-bench-'));
  const children = [];

  async function start(entry, env, { origin, nodeFlags = [], answersTo = { query: '{__typename}' } } = {}) {
    const child = spawn(process.execPath, [...nodeFlags, path.join(here, entry)], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    children.push(child);
    let output = '';
    // A file for the log, as in production: what reads it is not the benchmark.
    child.stdout.pipe(createWriteStream(path.join(folder, `${children.length}.log`)));
    child.stderr.on('data', (chunk) => (output += chunk));
    let ended = false;
    child.once('exit', () => (ended = true));
    if (!origin) {
      await new Promise((resolve) => child.once('message', resolve));
      return child;
    }
    const deadline = Date.now() + READY_MS;
    while (!(await answers(origin, answersTo))) {
      if (ended || Date.now() > deadline) throw new Error(`${entry} does not start:\n${output}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return child;
  }

  return {
    folder,
    start,
    /** Starts those that are installed; `env(contender)` is the environment, `portOf(index)` where each listens. */
    async startGateways(contenders, { env, portOf, sameHeap = false, answersTo }) {
      const gateways = [];
      for (const [index, contender] of contenders.entries()) {
        if (contender.needs && !isInstalled(contender.needs)) {
          console.log(`${contender.label} is left out: npm install --prefix bench/gateway/contenders installs it.`);
          continue;
        }
        const port = String(portOf(index));
        const origin = `http://127.0.0.1:${port}`;
        const child = await start(
          `contenders/${contender.entry}`,
          { NODE_ENV: 'production', ...env(contender), PORT: port, GATEWAY_PORT: port, ...contender.env },
          { origin, nodeFlags: sameHeap ? GATEWAY_FLAGS : contender.nodeFlags, answersTo },
        );
        gateways.push({ ...contender, origin, child });
      }
      return gateways;
    },
    stop() {
      for (const child of children) child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answers(origin, request) {
  const response = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  }).catch(() => null);
  return response?.ok === true;
}

function isInstalled(name) {
  try {
    createRequire(path.join(here, 'contenders/package.json')).resolve(`${name}/package.json`);
    return true;
  } catch (error) {
    return error.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED';
  }
}

/** @returns the length of the answer, which is the same from all */
export async function assertEqualAnswers(gateways, { headers, body }) {
  let expected;
  let bytes = 0;
  for (const { label, origin } of gateways) {
    const response = await fetch(`${origin}/graphql`, { method: 'POST', headers, body });
    const text = await response.text();
    const answer = JSON.parse(text);
    if (answer.errors) throw new Error(`${label} answers with errors: ${text.slice(0, 500)}`);
    if (expected === undefined) {
      expected = answer.data;
      bytes = text.length;
    } else if (!isDeepStrictEqual(answer.data, expected)) {
      throw new Error(`${label} answers otherwise than ${gateways[0].label}`);
    }
  }
  return bytes;
}

/**
 * Loads one gateway after the other, each for the same time, in turns whose order is drawn by lot each round: none runs always behind
 * the same neighbour, and none has less time than another to become warm after its pause. A turn is short: after 8 s without work V8
 * gives memory back and forgets code, and a gateway under load never waits for so long.
 *
 * @param turn seconds for which a gateway is loaded in each round
 */
export async function compare(gateways, { requestOf, connections, turn, rounds, warm, bytes }) {
  const results = new Map(
    gateways.map(({ name }) => [name, { cpuMs: 0, requests: 0, seconds: 0, latencies: [], rss: 0 }]),
  );
  const pools = new Map(gateways.map(({ origin }) => [origin, new Pool(origin, { connections })]));
  const run = (origin) =>
    load({ origin, pool: pools.get(origin), requestOf, connections, seconds: turn, expected: bytes / 2 });
  for (let round = 0; round < warm; round += 1) for (const { origin } of gateways) await run(origin);
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, origin, child } of shuffled(gateways)) {
      const before = cpuMs(child.pid);
      const { latencies, seconds } = await run(origin);
      const result = results.get(name);
      result.cpuMs += cpuMs(child.pid) - before;
      result.requests += latencies.length;
      result.seconds += seconds;
      result.latencies.push(...latencies);
      result.rss = rssMib(child.pid);
    }
  }
  for (const pool of pools.values()) await pool.close();
  return results;
}

/** Fisher and Yates. */
export function shuffled(values) {
  const order = [...values];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

export function printComparison(title, gateways, results, { bytes, connections, turn, rounds }) {
  const base = results.get('stock') ?? results.get(gateways[0].name);
  const baseCpu = base.cpuMs / base.requests;
  console.log(
    `\n${title}: answer of ${(bytes / 1024).toFixed(0)} KB, ${connections} connections, ${rounds} turns of ${turn} s each`,
  );
  console.log('| gateway | requests | cpu ms/request | cpu, stock = 1 | requests/s | p50 ms | p99 ms | RSS MiB |');
  console.log('|---|---|---|---|---|---|---|---|');
  for (const { name, label } of gateways) {
    const { cpuMs: cpu, requests, seconds, latencies, rss } = results.get(name);
    const { p50, p99 } = percentiles(latencies);
    const each = cpu / requests;
    console.log(
      `| ${label} | ${requests} | ${each.toFixed(2)} | ${(baseCpu / each).toFixed(2)}× | ${(requests / seconds).toFixed(0)} | ${p50.toFixed(0)} | ${p99.toFixed(0)} | ${rss.toFixed(0)} |`,
    );
  }
}

export function percentiles(latencies) {
  const sorted = [...latencies].sort((left, right) => left - right);
  const at = (share) => sorted[Math.floor(share * (sorted.length - 1))] ?? NaN;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}

/** A process and what it has forked (proc(5), `children`). */
export function processesOf(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const children = threads.flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' '));
  return [pid, ...children.filter((child) => child !== '').flatMap((child) => processesOf(Number(child)))];
}

/** Of a process and what it has forked. */
export function cpuMs(pid) {
  return processesOf(pid).reduce((sum, each) => sum + ownCpuMs(each), 0);
}

/** proc(5): utime and stime are the 14th and 15th field. */
function ownCpuMs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / CLOCK_TICKS;
}

/** Of a process and what it has forked. */
export function rssMib(pid) {
  return processesOf(pid).reduce((sum, each) => sum + ownRssMib(each), 0);
}

function ownRssMib(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}
