#!/usr/bin/env node
// The operations of the client contract on the real subgraphs and a real PostgreSQL: `npm run bench -- gateway/real`.
//   --rounds N (16)   --warm N (60): rounds before them that do not count   --turn N (1): seconds for which each gateway is loaded in a round
//   --connections N (20)   --only name,name   --rate N (requests/s of the steady run: 200)   --seconds N (20)
//   --operation NAME (both)
//   --against FOLDER also runs the gateway of another checkout that is built
//   --steady leaves out the comparison
//   --profile FOLDER keeps a CPU profile of each process there, of the steady run of each operation: gateway/flame-graph.mjs draws them
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { withClient } from '@taskgraph/databases';
import { chooseFreePorts, postGraphQL, spawnGraph, startTestDatabases, uploadGraphQL } from '@taskgraph/testkit';
import { parse, print } from 'graphql';
import sharp from 'sharp';
import { prepareSupergraph } from '../../packages/federation-engine/dist/supergraph/planner/prepared-supergraph.js';
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
  withCheckout,
} from './rig.mjs';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '16' },
    warm: { type: 'string', default: '60' },
    turn: { type: 'string', default: '1' },
    connections: { type: 'string', default: '20' },
    only: { type: 'string' },
    against: { type: 'string' },
    rate: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '20' },
    steady: { type: 'boolean', default: false },
    operation: { type: 'string' },
    profile: { type: 'string' },
  },
});
/** At 50 requests a second at most: what V8 has not compiled yet costs each of the four processes several times as much. */
const WARM_SECONDS = 20;
const TASKS = 50;
const MEDIA_PER_TASK = 3;
/** More than there are requests under way: each is of another viewer, so nobody shares their fetches. Two of them share each board. */
const VIEWERS = 40;
const PASSWORD = 'seven green otters juggle';
const FLOOR = { name: 'floor', label: 'floor: written by hand', entry: 'real-floor.mjs' };
const GATEWAYS = [
  ...withCheckout(CONTENDERS, flags.against)
    .filter(({ only }) => !only)
    .flatMap((contender) =>
      contender.name === 'taskgraph'
        ? [
            contender,
            { ...contender, name: 'uncached', label: 'this gateway, nothing kept', env: { ENTITY_CACHE_MIB: '0' } },
          ]
        : [contender],
    ),
  FLOOR,
];

/** $1 is the owner of the first board, $2 that of the copy, $3 its assignee, $4 its number. Their statements name all of them. */
const COPY = {
  task: [
    `INSERT INTO tasks (id, owner_id, assignee_id, title, description, status, priority, due_at, labels, version, created_at, updated_at)
     SELECT md5(id::text || $4::int)::uuid, $2::uuid, $3::uuid, title, description, status, priority, due_at, labels, version, created_at, updated_at
     FROM tasks WHERE owner_id = $1::uuid`,
    `INSERT INTO task_media (task_id, media_id, position, attached_by, attached_at, borrowed)
     SELECT md5(task_id::text || $4::int)::uuid, md5(media_id::text || $4::int)::uuid, position, $2::uuid, attached_at, borrowed
     FROM task_media WHERE attached_by = $1::uuid AND $3::uuid IS NOT NULL`,
  ],
  media: [
    `INSERT INTO media_items (id, uploader_id, filename, mime_type, byte_size, sha256, width, height, alt_text, placeholder, thumbnails, status, created_at, updated_at)
     SELECT md5(id::text || $4::int)::uuid, $2::uuid, filename, mime_type, byte_size, sha256, width, height, alt_text, placeholder, thumbnails, status, created_at, updated_at
     FROM media_items WHERE uploader_id = $1::uuid AND $3::uuid IS NOT NULL`,
  ],
};

const contract = readFileSync(new URL('../../gateway/contract/operations.graphql', import.meta.url), 'utf8');
const operations = new Map(parse(contract).definitions.map((node) => [node.name.value, print(node)]));

/** What makes a process ready to be profiled. */
const PROFILED = flags.profile && {
  NODE_OPTIONS: `--import=${new URL('profile.mjs', import.meta.url).href}`,
  PROFILE_FOLDER: path.resolve(flags.profile),
};

const rig = createRig();
const databases = await startTestDatabases();
let graph;
try {
  graph = await spawnGraph({
    settings: {
      NODE_ENV: 'production',
      LOG_LEVEL: 'warn',
      ACCESS_TOKEN_LIFETIME_SECONDS: '86400',
      ...PROFILED,
    },
  });
  const { tokens, boards } = await fill(graph);
  const ports = await chooseFreePorts(GATEWAYS.length);
  const supergraphs = writeSupergraphs(graph.urls);
  const wanted = flags.only?.split(',') ?? (flags.steady ? ['taskgraph'] : null);
  const gateways = await rig.startGateways(
    GATEWAYS.filter(({ name }) => !wanted || wanted.includes(name)),
    {
      env: ({ entry }) => ({
        SUPERGRAPH_PATH: entry === 'taskgraph.mjs' ? supergraphs.own : supergraphs.others,
        ...PROFILED,
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
    TaskWithMedia: boards.map((taskIds) =>
      taskIds.map((id) => JSON.stringify({ query: operations.get('TaskWithMedia'), variables: { id } })),
    ),
    Board: boards.map(() => [JSON.stringify({ query: operations.get('Board'), variables: { first: TASKS } })]),
  };
  const requests = Object.entries(bodies)
    .filter(([name]) => !flags.operation || name === flags.operation)
    .map(([name, texts]) => ({
      name,
      requestOf(index) {
        const viewer = index % viewers.length;
        const own = texts[viewer % boards.length];
        return { headers: viewers[viewer], body: own[Math.floor(index / viewers.length) % own.length] };
      },
    }));
  for (const { name, requestOf } of requests) {
    const bytes = await assertEqualAnswers(gateways, requestOf(0));
    if (flags.steady) continue;
    const plan = {
      requestOf,
      bytes,
      connections: Number(flags.connections),
      turn: Number(flags.turn),
      rounds: Number(flags.rounds),
      warm: Number(flags.warm),
    };
    printComparison(name, gateways, await compare(gateways, plan), plan);
  }
  const own = gateways.filter(({ name }) => name === 'taskgraph' || name === 'uncached' || name === 'against');
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
  const counted = [...Object.values(pids), await findPostmaster()];
  console.log(`\n${label}: ${perSecond} requests/s for ${seconds} s`);
  console.log(
    '| operation | p50 ms | p95 ms | p99 ms | max ms | failed | cpu ms/request: gateway, auth, task, media, PostgreSQL | RSS MiB |',
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const { name, requestOf } of requests) {
    await loadSteadily({ origin, requestOf, perSecond: Math.min(perSecond, 50), seconds: WARM_SECONDS });
    for (const pid of PROFILED ? Object.values(pids) : []) process.kill(pid, 'SIGUSR1');
    const before = counted.map(cpuMs);
    const { latencies, failures } = await loadSteadily({ origin, requestOf, perSecond, seconds });
    const cpu = counted.map((pid, index) => ((cpuMs(pid) - before[index]) / latencies.length).toFixed(2));
    if (PROFILED) await keepProfiles(pids, name);
    const { p50, p95, p99, max } = percentiles(latencies.map(({ ms }) => ms));
    const times = [p50, p95, p99, max].map((ms) => ms.toFixed(0)).join(' | ');
    console.log(`| ${name} | ${times} | ${failures.length} | ${cpu.join(', ')} | ${rssMib(child.pid).toFixed(0)} |`);
    if (failures.length > 0) console.log(failures.slice(0, 3).join('\n'));
  }
}

/** Of the server that the subgraphs' databases are on; its connections are its children. */
async function findPostmaster() {
  const { rows } = await withClient(process.env.TASKGRAPH_TEST_POSTGRES_URL, (client) =>
    client.query('SHOW data_directory'),
  );
  const [pid] = readFileSync(path.join(rows[0].data_directory, 'postmaster.pid'), 'utf8').split('\n');
  return Number(pid);
}

/** Ends the profiles of processes, and names each by its process and the operation. Their CPU is told before: writing costs some. */
async function keepProfiles(pids, operation) {
  for (const [name, pid] of Object.entries(pids)) {
    const file = path.join(PROFILED.PROFILE_FOLDER, `${pid}.cpuprofile`);
    const kept = path.join(PROFILED.PROFILE_FOLDER, `${operation}.${name}.cpuprofile`);
    process.kill(pid, 'SIGUSR1');
    while (!existsSync(file)) await sleep(50);
    rmSync(kept, { force: true });
    renameSync(file, kept);
  }
}

/**
 * Boards of tasks with owner, assignee and pictures, as ordinary users see them: the owner of one has uploaded its pictures, and of its
 * assignee media asks task. The first is made through the gateway as its users would, the others are copies of it.
 */
async function fill({ urls: { gateway }, runSql }) {
  const run = async (name, variables, token) => {
    const { body } = await postGraphQL(gateway, { query: operations.get(name), variables, token });
    if (!body.data || body.errors) throw new Error(`${name}: ${JSON.stringify(body)}`);
    return body.data;
  };
  const people = [];
  for (let index = 0; index < VIEWERS; index += 1) {
    const input = { email: `person.${index}@example.com`, password: PASSWORD, displayName: `Person ${index}` };
    const { user, accessToken } = (await run('Register', { input })).register;
    people.push({ id: user.id, token: accessToken });
  }
  const count = VIEWERS / 2;
  const [owner, assignee] = [people[0], people[count]];
  const taskIds = [];
  for (let index = 0; index < TASKS; index += 1) {
    const input = {
      title: `Task ${index}`,
      description: 'What is to be done.',
      labels: ['home', 'bench'],
      assigneeId: assignee.id,
    };
    const { id } = (await run('CreateTask', { input }, owner.token)).createTask.task;
    const mediaIds = [];
    for (let picture = 0; picture < MEDIA_PER_TASK; picture += 1)
      mediaIds.push(await upload(gateway, owner.token, index * MEDIA_PER_TASK + picture));
    await run('AttachMedia', { input: { taskId: id, mediaIds } }, owner.token);
    taskIds.push(id);
  }
  const boards = [taskIds];
  for (let board = 1; board < count; board += 1) {
    const values = [owner.id, people[board].id, people[count + board].id, board];
    for (const [database, statements] of Object.entries(COPY)) {
      for (const statement of statements) await runSql(database, statement, values);
    }
    boards.push(taskIds.map((id) => copyOf(id, board)));
  }
  for (const [database, table] of [
    ['task', 'tasks'],
    ['task', 'task_media'],
    ['media', 'media_items'],
  ])
    await runSql(database, `VACUUM ANALYZE ${table}`);
  return { tokens: people.map(({ token }) => token), boards };
}

/** The id of the copy of something on another board, as the database makes it. */
function copyOf(id, board) {
  return createHash('md5')
    .update(`${id}${board}`)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
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
  writeFileSync(others, prepareSupergraph(sdl).plannerSdl);
  return { own, others };
}
