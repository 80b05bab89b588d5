#!/usr/bin/env node
// What a new supergraph costs the requests that come meanwhile: `npm run bench -- gateway/reload`.
//   --rate N (400 requests/s)   --seconds N (20, quiet and with a new supergraph each second)   --types N (200 more in the graph)
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { chooseFreePorts } from '@taskgraph/testkit';
import { composeGraph, OPERATIONS } from './graph.mjs';
import { loadSteadily } from './load.mjs';
import { createRig, CONTENDERS, percentiles } from './rig.mjs';

const { values: flags } = parseArgs({
  options: {
    rate: { type: 'string', default: '400' },
    seconds: { type: 'string', default: '20' },
    types: { type: 'string', default: '200' },
  },
});
const RELOAD_MS = 1_000;
const SETTLE_MS = 1_000;
/** Quiet and not, in turns: the machine may be busier at one time than at another. */
const TURNS = 4;
/** Operations in use, which a new supergraph has compiled before it takes traffic. */
const VARIANTS = 20;

const bodies = Array.from({ length: VARIANTS }, (_, index) =>
  JSON.stringify({ query: OPERATIONS['two-step'].query.replace('name price', `name_${index}: name price`) }),
);
const headers = { 'content-type': 'application/json', accept: 'application/json' };
const requestOf = (index) => ({ headers, body: bodies[index % VARIANTS] });

const rig = createRig();
try {
  const [subgraphsPort, port] = await chooseFreePorts(2);
  const supergraphPath = path.join(rig.folder, 'supergraph.graphql');
  const supergraph = composeGraph((name) => `http://127.0.0.1:${subgraphsPort}/${name}`, Number(flags.types));
  writeFileSync(supergraphPath, supergraph);
  await rig.start('subgraphs.mjs', { PORT: String(subgraphsPort) });
  const [{ origin }] = await rig.startGateways(
    CONTENDERS.filter(({ name }) => name === 'taskgraph'),
    { env: () => ({ SUPERGRAPH_PATH: supergraphPath, SUPERGRAPH_POLL_MS: '50' }), portOf: () => port },
  );
  const perSecond = Number(flags.rate);
  const seconds = Number(flags.seconds) / TURNS;
  await loadSteadily({ origin, requestOf, perSecond, seconds: 5 });

  let version = 0;
  const results = { quiet: newResult(), reloading: newResult() };
  for (let turn = 0; turn < 2 * TURNS; turn += 1) {
    const name = turn % 2 === 0 ? 'quiet' : 'reloading';
    const stop = new AbortController();
    await readMetrics(origin);
    const changing = name === 'reloading' ? replaceEachSecond(stop.signal) : undefined;
    const before = await readMetrics(origin);
    const { latencies, failures } = await loadSteadily({ origin, requestOf, perSecond, seconds });
    stop.abort();
    await changing;
    // The last one is seen at the next look at the file, and is not the quiet turn's.
    if (changing) await delay(SETTLE_MS);
    const after = await readMetrics(origin);
    const result = results[name];
    result.latencies.push(...latencies.map(({ ms }) => ms));
    result.failures.push(...failures);
    result.reloads += after.reloads - before.reloads;
    result.lagMs = Math.max(result.lagMs, after.lagMs);
  }
  console.log(`\n${perSecond} requests/s, a supergraph of ${(supergraph.length / 1024).toFixed(0)} KB`);
  console.log(
    '| | requests | reloads | failed | p50 ms | p95 ms | p99 ms | max ms | longest turn of the event loop, ms |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|');
  for (const [name, { latencies, failures, reloads, lagMs }] of Object.entries(results)) {
    const times = Object.values(percentiles(latencies)).map((ms) => ms.toFixed(1));
    console.log(
      `| ${name} | ${latencies.length} | ${reloads} | ${failures.length} | ${times.join(' | ')} | ${lagMs.toFixed(0)} |`,
    );
    for (const failure of failures.slice(0, 3)) console.log(failure);
  }
  if (results.reloading.reloads < 0.8 * Number(flags.seconds))
    throw new Error('the supergraph was not replaced each second');
  process.exitCode = Object.values(results).some(({ failures }) => failures.length > 0) ? 1 : 0;

  async function replaceEachSecond(signal) {
    while (!signal.aborted) {
      version += 1;
      writeFileSync(supergraphPath, supergraph.replace('\ntype Product', `\n"""Version ${version}."""\ntype Product`));
      await delay(RELOAD_MS, undefined, { signal }).catch(() => undefined);
    }
  }
} finally {
  rig.stop();
}

function newResult() {
  return { latencies: [], failures: [], reloads: 0, lagMs: 0 };
}

/** Reading resets the longest turn. */
async function readMetrics(origin) {
  const metrics = await (await fetch(`${origin}/metrics`)).text();
  return {
    reloads: Number(/supergraph_reloads_total\{[^}]*outcome="ok"[^}]*\} (\d+)/.exec(metrics)?.[1] ?? 0),
    lagMs: 1000 * Number(/nodejs_eventloop_lag_max_seconds\{[^}]*\} (\S+)/.exec(metrics)?.[1] ?? NaN),
  };
}
