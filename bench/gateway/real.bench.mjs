#!/usr/bin/env node
// The operations of the client contract on the real subgraphs and a real PostgreSQL: `npm run bench -- gateway/real`.
//   --rounds N (4)   --connections N (20)   --only name,name   --rate N (requests/s of the steady run: 200)   --seconds N (20)
//   --steady leaves out the comparison
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chooseFreePorts, postGraphQL, spawnGraph, startTestDatabases, uploadGraphQL } from '@taskgraph/testkit';
import { parse, print } from 'graphql';
import sharp from 'sharp';
import { secureSupergraph } from '../../packages/federation-engine/dist/supergraph/security-requirements.js';
import { loadSteadily } from './load.mjs';
import {
  assertEqualAnswers,
  compare,
  CONTENDERS,
  cpuMs,
  createRig,
  percentiles,
  printComparison,
  rssMib,
} from './rig.mjs';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '20' },
    only: { type: 'string' },
    rate: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '20' },
    steady: { type: 'boolean', default: false },
  },
});
const TASKS = 50;
const MEDIA_PER_TASK = 3;
/** More than there are requests under way: each is of another viewer, so nobody shares their fetches. */
const VIEWERS = 100;
const REQUESTS = { TaskWithMedia: 800, Board: 80 };
const PASSWORD = 'seven green otters juggle';
const GATEWAYS = CONTENDERS.filter(({ only }) => !only).flatMap((contender) =>
  contender.name === 'taskgraph'
    ? [
        contender,
        { ...contender, name: 'uncached', label: 'this gateway, nothing kept', env: { ENTITY_CACHE_MIB: '0' } },
      ]
    : [contender],
);

const contract = readFileSync(new URL('../../gateway/test/contract/operations.graphql', import.meta.url), 'utf8');
const operations = new Map(parse(contract).definitions.map((node) => [node.name.value, print(node)]));

const rig = createRig();
const databases = await startTestDatabases();
let graph;
try {
  graph = await spawnGraph({
    settings: { NODE_ENV: 'production', LOG_LEVEL: 'warn', ACCESS_TOKEN_LIFETIME_SECONDS: '86400' },
  });
  const { tokens, taskIds } = await fill(graph);
  const ports = await chooseFreePorts(GATEWAYS.length);
  const supergraphs = writeSupergraphs(graph.urls);
  const wanted = flags.only?.split(',') ?? (flags.steady ? ['taskgraph'] : null);
  const gateways = await rig.startGateways(
    GATEWAYS.filter(({ name }) => !wanted || wanted.includes(name)),
    {
      env: ({ entry }) => ({
        SUPERGRAPH_PATH: entry === 'taskgraph.mjs' ? supergraphs.own : supergraphs.others,
        AUTH_URL: graph.urls.auth,
        TASK_URL: graph.urls.task,
        MEDIA_URL: graph.urls.media,
      }),
      portOf: (index) => ports[index],
    },
  );
  // The one that was filled through has done its work; a process that idles costs the others nothing then.
  await graph.kill('gateway');
  const viewers = tokens.map((token) => ({
    'content-type': 'application/json',
    accept: 'application/json',
    authorization: `Bearer ${token}`,
  }));
  const bodies = {
    TaskWithMedia: taskIds.map((id) => JSON.stringify({ query: operations.get('TaskWithMedia'), variables: { id } })),
    Board: [JSON.stringify({ query: operations.get('Board'), variables: { first: TASKS } })],
  };
  const requests = Object.entries(bodies).map(([name, texts]) => ({
    name,
    requestOf: (index) => ({ headers: viewers[index % viewers.length], body: texts[index % texts.length] }),
  }));
  for (const { name, requestOf } of requests) {
    const bytes = await assertEqualAnswers(gateways, requestOf(0));
    if (flags.steady) continue;
    const plan = {
      requestOf,
      bytes,
      connections: Number(flags.connections),
      requests: REQUESTS[name],
      rounds: Number(flags.rounds),
    };
    printComparison(name, gateways, await compare(gateways, plan), plan);
  }
  const own = gateways.filter(({ name }) => name === 'taskgraph' || name === 'uncached');
  for (const gateway of own) await runSteadily(gateway, requests);
} finally {
  rig.stop();
  await graph?.stop();
  await databases.stop();
}

/** A steady rate, as users make it, over all four processes: what their percentiles are, and which process works how much. */
async function runSteadily({ label, origin, child }, requests) {
  const perSecond = Number(flags.rate);
  const seconds = Number(flags.seconds);
  const pids = { gateway: child.pid, auth: graph.pids.auth, task: graph.pids.task, media: graph.pids.media };
  console.log(`\n${label}: ${perSecond} requests/s for ${seconds} s`);
  console.log(
    '| operation | p50 ms | p95 ms | p99 ms | max ms | failed | cpu ms/request: gateway, auth, task, media | RSS MiB |',
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const { name, requestOf } of requests) {
    await loadSteadily({ origin, requestOf, perSecond: Math.min(perSecond, 50), seconds: 3 });
    const before = Object.values(pids).map(cpuMs);
    const { latencies, failures } = await loadSteadily({ origin, requestOf, perSecond, seconds });
    const cpu = Object.values(pids).map((pid, index) => ((cpuMs(pid) - before[index]) / latencies.length).toFixed(2));
    const { p50, p95, p99, max } = percentiles(latencies.map(({ ms }) => ms));
    const times = [p50, p95, p99, max].map((ms) => ms.toFixed(0)).join(' | ');
    console.log(`| ${name} | ${times} | ${failures.length} | ${cpu.join(', ')} | ${rssMib(child.pid).toFixed(0)} |`);
    if (failures.length > 0) console.log(failures.slice(0, 3).join('\n'));
  }
}

/** A board of tasks with owner, assignee and pictures, made through the gateway as its users would; its viewers see all of it. */
async function fill({ urls: { gateway }, runSql }) {
  const run = async (name, variables, token) => {
    const { body } = await postGraphQL(gateway, { query: operations.get(name), variables, token });
    if (!body.data || body.errors) throw new Error(`${name}: ${JSON.stringify(body)}`);
    return body.data;
  };
  const people = [];
  for (let index = 0; index < VIEWERS; index += 1) {
    const input = { email: `person.${index}@example.com`, password: PASSWORD, displayName: `Person ${index}` };
    people.push((await run('Register', { input })).register.user);
  }
  await runSql('auth', "UPDATE users SET role = 'ADMIN'");
  const tokens = [];
  for (const index of people.keys()) {
    const input = { email: `person.${index}@example.com`, password: PASSWORD };
    tokens.push((await run('Login', { input })).login.accessToken);
  }
  const taskIds = [];
  for (let index = 0; index < TASKS; index += 1) {
    const owner = tokens[index % 10];
    const assigneeId = people[10 + (index % 10)].id;
    const input = { title: `Task ${index}`, description: 'What is to be done.', labels: ['home', 'bench'], assigneeId };
    const { id } = (await run('CreateTask', { input }, owner)).createTask.task;
    const mediaIds = [];
    for (let picture = 0; picture < MEDIA_PER_TASK; picture += 1)
      mediaIds.push(await upload(gateway, owner, index * MEDIA_PER_TASK + picture));
    await run('AttachMedia', { input: { taskId: id, mediaIds } }, owner);
    taskIds.push(id);
  }
  return { tokens, taskIds };
}

async function upload(gateway, token, number) {
  const background = { r: (number * 37) % 256, g: (number * 59) % 256, b: (number * 83) % 256 };
  const content = await sharp({ create: { width: 320, height: 200, channels: 3, background } })
    .jpeg()
    .toBuffer();
  const { body } = await uploadGraphQL(gateway, {
    query: operations.get('UploadMedia'),
    variables: { file: null },
    files: { 'variables.file': { filename: `picture-${number}.jpg`, content, contentType: 'image/jpeg' } },
    token,
  });
  const media = body.data?.uploadMedia.media;
  if (!media) throw new Error(`no picture: ${JSON.stringify(body)}`);
  return media.id;
}

/** Contenders take the addresses of subgraphs from the file, and stock refuses one that asks for authorization. */
function writeSupergraphs(urls) {
  let sdl = readFileSync(new URL('../../gateway/supergraph.graphql', import.meta.url), 'utf8');
  for (const name of ['auth', 'task', 'media']) {
    const pattern = new RegExp(`(@join__graph\\(name: "${name}", url: ")[^"]*`);
    if (!pattern.test(sdl)) throw new Error(`the supergraph has no subgraph ${name}`);
    sdl = sdl.replace(pattern, `$1${urls[name]}/graphql`);
  }
  const own = path.join(rig.folder, 'supergraph.graphql');
  const others = path.join(rig.folder, 'supergraph-without-security.graphql');
  writeFileSync(own, sdl);
  writeFileSync(others, secureSupergraph(sdl).supergraphSdl);
  return { own, others };
}
