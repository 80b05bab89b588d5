#!/usr/bin/env node
// What a read with a token costs task where nobody asks what it may cost, and with the bound on costs, in turns: pages in pages of one person's
// 100 tasks with 100 attachments each, by aliases, at the subgraph's own port. `npm run bench -- subgraphs/dear-reads`.
//   --aliases N (100), of `first: 100` in `first: 100`
//   --rounds N (3)
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { withClient } from '@taskgraph/databases';
import { buildViewer, cloneDatabase, postGraphQL, startTestDatabases, testKeySet } from '@taskgraph/testkit';
import { cpuMs } from '../gateway/rig.mjs';

const { values: flags } = parseArgs({
  options: { aliases: { type: 'string', default: '100' }, rounds: { type: 'string', default: '3' } },
});
const PAGE = 100;
const PROCESS = fileURLToPath(new URL('subgraph-process.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const READ = `tasks(first: ${PAGE}) { edges { node { id title media(first: ${PAGE}) { edges { attachedAt node { id } } } } } }`;
const query = `{ ${Array.from({ length: Number(flags.aliases) }, (_, index) => `a${index}: ${READ}`).join(' ')} }`;

const owner = buildViewer();
const databases = await startTestDatabases();
const database = await cloneDatabase('task');
const children = [];
try {
  await fill();
  const sides = [
    { name: 'without a bound (`DEMAND_CONTROL=off`)', demandControl: 'off' },
    { name: 'as shipped', demandControl: 'enforce' },
  ];
  for (const side of sides) Object.assign(side, await start(side.demandControl), { rounds: [] });
  for (let round = 0; round < Number(flags.rounds); round += 1)
    for (const side of sides) side.rounds.push(await measure(side));
  console.log(`${flags.aliases} aliases, ${query.length} bytes\n`);
  console.log('| task | answer | ms | cpu ms | answer, MB | another request waits, ms | RSS at most, MiB |');
  console.log('|---|---|---|---|---|---|---|');
  for (const { name, rounds, pid } of sides) {
    const of = (member) => rounds.map((round) => round[member]).sort((one, other) => one - other);
    const middle = (member) => of(member)[Math.floor(rounds.length / 2)];
    const answers = [...new Set(rounds.map(({ answer }) => answer))].join(', ');
    console.log(
      `| ${name} | ${answers} | ${middle('ms').toFixed(0)} | ${middle('cpu').toFixed(0)} | ${(middle('bytes') / 1e6).toFixed(1)} | ${middle('waitMs').toFixed(0)} | ${peakRssMib(pid).toFixed(0)} |`,
    );
  }
  const cpu = sides.map(({ rounds }) => rounds.reduce((sum, round) => sum + round.cpu, 0));
  console.log(`\nThe bound saves ${((1 - cpu[1] / cpu[0]) * 100).toFixed(1)} % of the CPU.`);
} finally {
  for (const child of children) await stop(child);
  await database.drop();
  await databases.stop();
}

async function measure({ url, pid }) {
  let waitMs = 0;
  let isDone = false;
  const before = cpuMs(pid);
  const startedAt = performance.now();
  const others = (async () => {
    while (!isDone) {
      const askedAt = performance.now();
      await (await fetch(new URL('/health/live', url))).arrayBuffer();
      waitMs = Math.max(waitMs, performance.now() - askedAt);
    }
  })();
  const { status, body } = await postGraphQL(url, { query, token: owner.token });
  const ms = performance.now() - startedAt;
  isDone = true;
  await others;
  const code = body.errors?.[0]?.extensions?.code;
  return {
    answer: code === undefined ? String(status) : `${status} \`${code}\``,
    ms,
    cpu: cpuMs(pid) - before,
    bytes: JSON.stringify(body).length,
    waitMs,
  };
}

/** proc(5): the most that was ever resident. */
function peakRssMib(pid) {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}

async function start(demandControl) {
  const child = fork(PROCESS, [ROOT, 'task', JSON.stringify(testKeySet().keys[0])], {
    env: {
      ...process.env,
      ENV_FILE: '',
      NODE_ENV: 'production',
      LOG_LEVEL: 'warn',
      TASK_PORT: '0',
      TASK_DATABASE_URL: database.url,
      CLIENT_INFO_SECRET: randomBytes(32).toString('hex'),
      DEMAND_CONTROL: demandControl,
      // What is asked of it is to be seen to its end, on a slow machine too.
      DB_STATEMENT_TIMEOUT_MS: '600000',
      DB_CONNECT_TIMEOUT_MS: '600000',
    },
  });
  children.push(child);
  const url = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`task has exited with ${code}`)));
  });
  return { url, pid: child.pid };
}

async function stop(child) {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.disconnect();
  await gone;
}

async function fill() {
  await withClient(database.url, async (client) => {
    await client.query(
      `INSERT INTO tasks (id, owner_id, title, created_at, updated_at)
       SELECT md5('task' || n)::uuid, $1, 'Task ' || n, now(), now() FROM generate_series(1, ${PAGE}) AS n`,
      [owner.userId],
    );
    await client.query(
      `INSERT INTO task_media (task_id, media_id, position, attached_by)
       SELECT md5('task' || n)::uuid, md5('media' || n || '-' || m)::uuid, m, $1
       FROM generate_series(1, ${PAGE}) AS n, generate_series(1, ${PAGE}) AS m`,
      [owner.userId],
    );
    await client.query('VACUUM ANALYZE');
  });
}
