#!/usr/bin/env node
// How fast one event reaches many WebSocket subscribers of one gateway process, and what memory each takes:
// `npm run bench -- gateway/subscribers`.
//   --sockets N (10000)   --users N (100)   --events N (10)   --bytes N (200, of an event's text)   --semi-space MiB (64)
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { signTestToken, testKeySet } from '@taskgraph/testkit';
import { composeFeed } from './feed-graph.mjs';
import { HIGH_RATES } from './high-rates.mjs';

const { values: flags } = parseArgs({
  options: {
    sockets: { type: 'string', default: '10000' },
    users: { type: 'string', default: '100' },
    events: { type: 'string', default: '10' },
    bytes: { type: 'string', default: '200' },
    'semi-space': { type: 'string', default: '64' },
  },
});
const SOCKETS = Number(flags.sockets);
const CLIENTS = 2;
/** Ports of one source address. */
const PER_ADDRESS = 20_000;
const PORTS = { subgraphs: 24_300, gateway: 24_301 };
const LIMIT = 2 * SOCKETS + 1_000;
const origin = `http://127.0.0.1:${PORTS.gateway}`;
const here = import.meta.dirname;
const folder = mkdtempSync(path.join(tmpdir(), 'taskgraph-bench-'));
const supergraphPath = path.join(folder, 'supergraph.graphql');
const subgraphsUrl = `http://127.0.0.1:${PORTS.subgraphs}`;
writeFileSync(
  supergraphPath,
  composeFeed((name) => `${subgraphsUrl}/${name}`),
);
const children = [];
let stopping = false;

/** As many open files as it takes, where the system allows it. */
function start(file, env, nodeFlags = []) {
  const { PATH, HOME } = process.env;
  const command = `ulimit -n ${LIMIT} 2>/dev/null || ulimit -n $(ulimit -Hn); exec "$@"`;
  const child = spawn('/bin/sh', ['-c', command, 'sh', process.execPath, ...nodeFlags, path.join(here, file)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { PATH, HOME, NODE_ENV: 'production', ...HIGH_RATES, ...env },
  });
  child.once('exit', (code) => {
    if (code) console.error(`${file} ended with ${code}`);
  });
  children.push(child);
  return child;
}
const said = (child, wanted) =>
  new Promise((resolve, reject) => {
    const listen = (message) => {
      if (message.closed && !stopping) reject(new Error(`a socket was closed: ${message.closed}`));
      if (!wanted(message)) return;
      child.off('message', listen);
      resolve(message);
    };
    child.on('message', listen);
  });

try {
  const users = Array.from({ length: Number(flags.users) }, () =>
    signTestToken({ role: 'ADMIN', expiresInSeconds: 7200 }),
  );
  const subgraphs = start('feed-subgraph.mjs', {
    PORT: String(PORTS.subgraphs),
    BENCH_KEY_SET: JSON.stringify(testKeySet()),
  });
  await said(subgraphs, (message) => message === 'ready');
  const gateway = start(
    '../../gateway/dist/main.js',
    {
      GATEWAY_PORT: String(PORTS.gateway),
      SUPERGRAPH_PATH: supergraphPath,
      JWKS_URL: `${subgraphsUrl}/.well-known/jwks.json`,
      SUBSCRIPTION_MAX: String(2 * SOCKETS),
      SUBSCRIPTION_MAX_PER_USER: String(2 * SOCKETS),
      WEBSOCKET_MAX_CONNECTIONS: String(2 * SOCKETS),
    },
    [`--max-semi-space-size=${flags['semi-space']}`],
  );
  const isUp = () =>
    fetch(`${origin}/health/live`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isUp())) await new Promise((resolve) => setTimeout(resolve, 50));

  const connect = async (count, index) => {
    const client = start('subscriber-clients.mjs', {
      URL: `${origin.replace('http', 'ws')}/graphql`,
      COUNT: String(count),
      SOURCE: `127.0.0.${2 + Math.floor((index * count) / PER_ADDRESS)}`,
    });
    client.send(users);
    await said(client, (message) => message === 'ready');
    return client;
  };
  const publish = async (id, clients) => {
    const had = clients.map((client) => said(client, (message) => message.times !== undefined));
    const answered = said(subgraphs, (message) => message.upstreams !== undefined);
    const at = performance.timeOrigin + performance.now();
    subgraphs.send({ publish: `event-${id}`, text: 'x'.repeat(Number(flags.bytes)) });
    const { upstreams } = await answered;
    const times = (await Promise.all(had)).flatMap(({ times: each }) => each.map((time) => time - at));
    return { upstreams, times: times.sort((one, other) => one - other) };
  };

  // What the first of everything takes is no cost of a subscriber.
  const warm = await connect(users.length, 0);
  for (let upstreams = 0; upstreams === 0;) {
    subgraphs.send({});
    ({ upstreams } = await said(subgraphs, (message) => message.upstreams !== undefined));
  }
  for (let event = 0; event < 20; event += 1) await publish(`warm-${event}`, [warm]);
  const before = await memory(gateway.pid);
  const connectingSince = performance.now();
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, (_, index) => connect(Math.floor(SOCKETS / CLIENTS), index)),
  );
  const seconds = (performance.now() - connectingSince) / 1000;
  const idle = await memory(gateway.pid);
  console.log(`${SOCKETS} sockets of ${users.length} users, connected in ${seconds.toFixed(1)} s.\n`);
  console.log(
    '| event | subscriptions at the subgraph | first ms | p50 ms | p99 ms | last ms |\n|---|---|---|---|---|---|',
  );
  for (let event = 1; event <= Number(flags.events); event += 1) {
    const { upstreams, times } = await publish(event, [warm, ...clients]);
    const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(0);
    console.log(`| ${event} | ${upstreams} | ${at(0)} | ${at(0.5)} | ${at(0.99)} | ${at(1)} |`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const after = await memory(gateway.pid);
  const each = (name, now) => ((now[name] - before[name]) / SOCKETS / 1024).toFixed(1);
  console.log('\n| KiB for each subscriber | resident | heap and buffers |\n|---|---|---|');
  console.log(`| idle | ${each('rss', idle)} | ${each('heap', idle)} |`);
  console.log(`| after the events | ${each('rss', after)} | ${each('heap', after)} |`);
  stopping = true;
  const stoppingSince = performance.now();
  gateway.kill('SIGTERM');
  const code = await new Promise((resolve) => gateway.once('exit', resolve));
  const stopSeconds = ((performance.now() - stoppingSince) / 1000).toFixed(1);
  console.log(`\nSIGTERM with all of them connected: exit ${code} after ${stopSeconds} s.`);
} finally {
  for (const child of children.reverse()) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

/** Bytes: of the process, and of what its collector knows of after it has caught up. */
async function memory(pid) {
  let heap = Infinity;
  for (let look = 0; look < 10; look += 1) {
    const metrics = await (await fetch(`${origin}/metrics`)).text();
    const of = (name) => Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)`, 'm').exec(metrics)[1]);
    heap = Math.min(heap, of('nodejs_heap_size_used_bytes') + of('nodejs_external_memory_bytes'));
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const rss = 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
  return { rss, heap };
}
