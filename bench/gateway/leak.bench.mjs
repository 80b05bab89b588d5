#!/usr/bin/env node
// Whether memory grows: 200,000 requests and 200 reloads on one gateway process: `npm run bench -- gateway/leak`.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { composeGraph, OPERATIONS } from './graph.mjs';
import { load } from './load.mjs';
import { HIGH_RATES } from './high-rates.mjs';

const REQUESTS = 200_000;
const RELOADS = 200;
const STEPS = 10;
const PORTS = { subgraphs: 24_200, gateway: 24_201 };
const origin = `http://127.0.0.1:${PORTS.gateway}`;
const here = import.meta.dirname;
const folder = mkdtempSync(path.join(tmpdir(), 'taskgraph-bench-'));
const supergraphPath = path.join(folder, 'supergraph.graphql');
const supergraph = composeGraph((name) => `http://127.0.0.1:${PORTS.subgraphs}/${name}`);
writeFileSync(supergraphPath, supergraph);

const { PATH, HOME } = process.env;
const options = { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] };
const subgraphs = spawn(process.execPath, [path.join(here, 'subgraphs.mjs')], {
  ...options,
  env: { PATH, HOME, PORT: String(PORTS.subgraphs) },
});
const gateway = spawn(process.execPath, [path.join(here, '../../gateway/dist/main.js')], {
  ...options,
  env: {
    PATH,
    HOME,
    ...HIGH_RATES,
    GATEWAY_PORT: String(PORTS.gateway),
    SUPERGRAPH_PATH: supergraphPath,
    SUPERGRAPH_POLL_MS: '20',
  },
});
try {
  while (
    !(await fetch(`${origin}/health/live`).then(
      ({ ok }) => ok,
      () => false,
    ))
  )
    await new Promise((resolve) => setTimeout(resolve, 50));
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify(OPERATIONS['two-step']);
  console.log('| requests | reloads | heap used MiB | RSS MiB |\n|---|---|---|---|');
  let version = 0;
  for (let step = 1; step <= STEPS; step += 1) {
    let running = true;
    const reloading = (async () => {
      for (let reload = 0; reload < RELOADS / STEPS; reload += 1) {
        version += 1;
        writeFileSync(
          supergraphPath,
          supergraph.replace('\ntype Product', `\n"""Version ${version}."""\ntype Product`),
        );
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      running = false;
    })();
    await load({
      origin,
      requestOf: () => ({ headers, body }),
      connections: 50,
      requests: REQUESTS / STEPS,
      expected: 100,
    });
    await reloading;
    if (running) throw new Error('reloads are not done');
    await report(step);
  }
} finally {
  gateway.kill('SIGTERM');
  await new Promise((resolve) => gateway.once('exit', resolve));
  subgraphs.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}

async function report(step) {
  // The collector has caught up when the heap no longer shrinks.
  let heap = Infinity;
  for (let look = 0; look < 10; look += 1) {
    const metrics = await (await fetch(`${origin}/metrics`)).text();
    heap = Math.min(heap, Number(/nodejs_heap_size_used_bytes\{[^}]*\} (\S+)/.exec(metrics)[1]));
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const metrics = await (await fetch(`${origin}/metrics`)).text();
  const reloads = /supergraph_reloads_total\{[^}]*outcome="ok"[^}]*\} (\d+)/.exec(metrics)?.[1] ?? 0;
  if (Number(reloads) < ((RELOADS / STEPS) * step) / 2) throw new Error(`only ${reloads} versions were loaded`);
  const rss = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))[1]) / 1024;
  console.log(`| ${(REQUESTS / STEPS) * step} | ${reloads} | ${(heap / 1024 / 1024).toFixed(0)} | ${rss.toFixed(0)} |`);
}
