#!/usr/bin/env node
// Puts the system under load: `npm run test:load -- [--scenario board] [--duration 30] [--rate 40] [--url http://…] [--html file] [--json|--markdown]`.
// Without --url it starts one of its own: PostgreSQL and the four processes as built.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ALLOCATOR } from '../../scripts/allocator.mjs';
import { prepareOrExit } from '../../scripts/prepare.mjs';

const USAGE = `npm run test:load -- [options]

  --scenario <name>   board (default), writes, uploads, subscriptions, soak; several with commas, or all
  --duration <s>      of each scenario (30)
  --rate <n>          requests a second; each scenario has its own
  --url <url>         the gateway of a system that runs; else one is started, whose processes are watched too.
                      It needs RATE_LIMITS=0, or all come from one address and are refused
  --html <file>       where the report goes; {scenario} in it is replaced (.data/load/{scenario}.html)
  --json              print the result as JSON in the place of tables
  --markdown          print one table of all scenarios, as docs/capacity.md has it
  --max-failed <n>    exit 1 when more requests have failed (0)`;

let values;
try {
  ({ values } = parseArgs({
    options: {
      scenario: { type: 'string', default: 'board' },
      duration: { type: 'string', default: '30' },
      rate: { type: 'string' },
      url: { type: 'string' },
      html: { type: 'string' },
      json: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
      'max-failed': { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  }));
} catch (error) {
  console.error(`${error.message}\n\n${USAGE}`);
  process.exit(2);
}
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
await prepareOrExit();
const { SCENARIOS } = await import('./scenarios.mjs');
const { runLoad } = await import('./load.mjs');
const { markdownLines, tableLines, toHtml } = await import('./report.mjs');
const names = values.scenario === 'all' ? Object.keys(SCENARIOS) : values.scenario.split(',');
const seconds = Number(values.duration);
const wrong = names.filter((name) => !(name in SCENARIOS));
const numbers = [seconds, Number(values.rate ?? 1), Number(values['max-failed']) + 1];
if (wrong.length > 0 || !numbers.every((value) => Number.isFinite(value) && value > 0)) {
  console.error(
    `${wrong.length > 0 ? `There is no scenario ${wrong.join(', ')}.` : 'Numbers are positive.'}\n\n${USAGE}`,
  );
  process.exit(2);
}

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const html = values.html ?? path.join(root, '.data/load/{scenario}.html');
const tell = (line) => void process.stderr.write(process.stderr.isTTY ? `\r\u001b[K${line}` : `${line}\n`);
const system =
  values.url === undefined
    ? await startSystem()
    : { url: values.url.replace(/\/(graphql)?$/, ''), pids: () => ({}), close: async () => undefined };
let failed = 0;
try {
  const results = [];
  for (const name of names) {
    const rate = Number(values.rate ?? SCENARIOS[name].rate);
    tell(`${name}: ${SCENARIOS[name].about}, ${rate} requests a second for ${seconds} s`);
    const result = await runLoad({
      url: system.url,
      scenario: name,
      rate,
      seconds,
      pids: system.pids,
      onProgress: (line) => tell(`${name}: ${line}`),
    });
    const file = path.resolve(html.replaceAll('{scenario}', name));
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, toHtml(result));
    results.push(result);
    failed += result.rows.at(-1).failed + result.events.failed;
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    if (!values.json && !values.markdown) {
      console.log(`\n${name}: ${result.about}\n`);
      for (const line of tableLines(result.rows)) console.log(line);
      const { subscribers, seen, p50, p99 } = result.events;
      if (subscribers > 0) console.log(`${subscribers} subscribers saw ${seen} events, p50 ${p50} ms, p99 ${p99} ms`);
      console.log(`→ ${file}`);
    }
  }
  if (values.markdown) for (const line of markdownLines(results)) console.log(line);
  if (values.json) console.log(JSON.stringify(results, null, 2));
} finally {
  await system.close();
}
process.exit(failed > Number(values['max-failed']) ? 1 : 0);

async function startSystem() {
  const { spawnGraph, startTestDatabases } = await import('@taskgraph/testkit');
  tell('starting PostgreSQL and four processes …');
  const databases = await startTestDatabases();
  try {
    const graph = await spawnGraph({
      settings: { ...ALLOCATOR, ACCESS_TOKEN_LIFETIME_SECONDS: '86400', LOG_LEVEL: 'warn' },
    });
    return {
      url: graph.urls.gateway,
      pids: () => graph.pids,
      async close() {
        await graph.stop();
        await databases.stop();
      },
    };
  } catch (error) {
    await databases.stop();
    throw error;
  }
}
