#!/usr/bin/env node
// What the fetches of `Board` cost task and media: 50 tasks with three pictures each, and the 150 pictures, as the gateway asks for them, by
// the one who owns the board and the one whom its tasks are given to in turn. `npm run bench -- subgraphs/board`.
//   --against FOLDER  another checkout, built, in turns with this one
//   --rounds N (12), --warm N (12) that do not count, --turn S (1) for which each is asked in a round, in an order by lot
//   --profile FOLDER  keeps a profile of each process, its start and the warm rounds in it
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { withClient } from '@taskgraph/databases';
import { buildViewer, cloneDatabase, startTestDatabases, testKeySet } from '@taskgraph/testkit';
import { cpuMs, percentiles, shuffled } from '../gateway/rig.mjs';
import { load } from '../gateway/load.mjs';

const { values: flags } = parseArgs({
  options: {
    against: { type: 'string' },
    rounds: { type: 'string', default: '12' },
    warm: { type: 'string', default: '12' },
    turn: { type: 'string', default: '1' },
    profile: { type: 'string' },
  },
});
const TASKS = 50;
const PICTURES = 3;
const CONNECTIONS = 4;
/** One for all: task would take media's word for a forgery, and say so, each time. */
const CLIENT_INFO_SECRET = randomBytes(32).toString('hex');
const PROCESS = fileURLToPath(new URL('subgraph-process.mjs', import.meta.url));
const FLOOR = fileURLToPath(new URL('apollo-floor.mjs', import.meta.url));
const HERE = fileURLToPath(new URL('../../', import.meta.url));

const BOARD = `query Board__task__0($first: Int = 50) { tasks(first: $first, orderBy: { field: UPDATED_AT, direction: DESC }) {
  edges { node { id title status priority owner { __typename id } assignee { __typename id }
    media(first: 3) { totalCount edges { node { __typename id } } } } } pageInfo { hasNextPage endCursor } } }`;
const PICTURES_OF_BOARD = `query Board__media__1($representations: [_Any!]!) { _entities(representations: $representations) {
  ... on Media { mimeType placeholder thumbnail(size: SMALL) { url width height } uploadedBy { __typename id } } } }`;

const owner = buildViewer();
const assignee = buildViewer();
const databases = await startTestDatabases();
const tasks = await cloneDatabase('task');
const media = await cloneDatabase('media');
const folder = mkdtempSync(path.join(tmpdir(), 'taskgraph-board-'));
const children = [];
try {
  const ids = await fill();
  const checkouts = [{ name: 'here', root: HERE }];
  if (flags.against) checkouts.unshift({ name: 'against', root: path.resolve(flags.against) });
  for (const checkout of checkouts) {
    const task = await start(checkout.root, 'task', {});
    checkout.task = task;
    checkout.media = await start(checkout.root, 'media', { TASK_URL: new URL(task.url).origin });
  }
  // Two services whose answers are made of nothing: no row, no token, no rule.
  checkouts.push({ name: 'floor', task: await startFloor('task'), media: await startFloor('media') });
  const post = (token, body) => ({
    headers: { 'content-type': 'application/json', accept: 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
  const representations = ids.map((id) => ({ __typename: 'Media', id }));
  const kinds = [
    { name: 'tasks of a board', of: 'task', body: { query: BOARD, variables: { first: TASKS } } },
    { name: 'pictures of a board', of: 'media', body: { query: PICTURES_OF_BOARD, variables: { representations } } },
  ];
  const figures = new Map();
  const turns = kinds.flatMap((kind) => checkouts.map((checkout) => ({ ...kind, checkout })));
  const warm = Number(flags.warm);
  for (let round = 0; round < warm + Number(flags.rounds); round += 1)
    for (const { name, of, body, checkout } of shuffled(turns)) {
      const requests = [owner, assignee].map(({ token }) => post(token, body));
      const { task, media: pictures } = checkout;
      const before = [cpuMs(task.pid), cpuMs(pictures.pid)];
      const { latencies } = await load({
        origin: new URL(checkout[of].url).origin,
        requestOf: (index) => requests[index % 2],
        connections: CONNECTIONS,
        // Of equal time and not of equal number: the faster one would wait, and begin each of its turns cold.
        seconds: Number(flags.turn),
        expected: 5_000,
      });
      if (round < warm) continue; // a process needs some seconds to become warm
      const key = `${name} ${checkout.name}`;
      const row = figures.get(key) ?? { name, checkout: checkout.name, task: 0, media: 0, latencies: [] };
      row.task += cpuMs(task.pid) - before[0];
      row.media += cpuMs(pictures.pid) - before[1];
      row.latencies.push(...latencies);
      figures.set(key, row);
    }
  console.log('| fetch | build | task, cpu ms/request | media, cpu ms/request | p50 ms | p99 ms |');
  console.log('|---|---|---|---|---|---|');
  const inOrder = turns.map(({ name, checkout }) => figures.get(`${name} ${checkout.name}`));
  for (const { name, checkout, task, media: pictures, latencies } of inOrder) {
    const { p50, p99 } = percentiles(latencies);
    const each = [task, pictures].map((cpu) => (cpu / latencies.length).toFixed(2));
    console.log(`| ${name} | ${checkout} | ${each.join(' | ')} | ${p50.toFixed(1)} | ${p99.toFixed(1)} |`);
  }
} finally {
  await Promise.all(children.map(stop));
  rmSync(folder, { recursive: true, force: true });
  await tasks.drop();
  await media.drop();
  await databases.stop();
}

async function startFloor(name) {
  const child = fork(FLOOR, [HERE, name], { env: { ...process.env, NODE_ENV: 'production' } });
  return reached(child, name);
}

async function start(root, name, env) {
  const port = `${name.toUpperCase()}_PORT`;
  const child = fork(PROCESS, [root, name, JSON.stringify(testKeySet().keys[0])], {
    execArgv: flags.profile ? ['--cpu-prof', `--cpu-prof-dir=${flags.profile}`] : [],
    env: {
      ...process.env,
      ENV_FILE: '',
      NODE_ENV: 'production',
      LOG_LEVEL: 'warn',
      [port]: '0',
      TASK_DATABASE_URL: tasks.url,
      MEDIA_DATABASE_URL: media.url,
      MEDIA_PUBLIC_URL: 'http://media.test',
      MEDIA_URL_SECRET: randomBytes(32).toString('hex'),
      CLIENT_INFO_SECRET,
      TASKGRAPH_DATA_DIR: folder,
      ...env,
    },
  });
  return reached(child, name);
}

async function reached(child, name) {
  children.push(child);
  const url = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`${name} has exited with ${code}`)));
  });
  return { url, pid: child.pid };
}

async function stop(child) {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.disconnect();
  await gone;
}

/** One board; returns the ids of its pictures, in its order. */
async function fill() {
  const values = [owner.userId, assignee.userId];
  await withClient(tasks.url, async (client) => {
    await client.query(
      `INSERT INTO tasks (id, owner_id, assignee_id, title, labels, created_at, updated_at)
       SELECT md5('task' || n)::uuid, $1, $2, 'Task ' || n, ARRAY['home'], now(), now() + n * interval '1 second'
       FROM generate_series(1, ${TASKS}) AS n`,
      values,
    );
    await client.query(
      `INSERT INTO task_media (task_id, media_id, position, attached_by)
       SELECT md5('task' || n)::uuid, md5('media' || n || '-' || m)::uuid, m, $1
       FROM generate_series(1, ${TASKS}) AS n, generate_series(1, ${PICTURES}) AS m`,
      [owner.userId],
    );
    await client.query('VACUUM ANALYZE');
  });
  return withClient(media.url, async (client) => {
    const { rows } = await client.query(
      `INSERT INTO media_items (id, uploader_id, filename, mime_type, byte_size, sha256, width, height, placeholder, thumbnails, status, updated_at)
       SELECT md5('media' || n || '-' || m)::uuid, $1, 'picture.jpg', 'image/jpeg', 12345, repeat('a', 64), 320, 200, 'x8cFDIJ3d4eIh4iPd3eIdwAAAAAA',
         '[{"size":"SMALL","width":160,"height":100,"byteSize":1234},{"size":"MEDIUM","width":320,"height":200,"byteSize":4321}]', 'READY', now()
       FROM generate_series(1, ${TASKS}) AS n, generate_series(1, ${PICTURES}) AS m RETURNING id`,
      [owner.userId],
    );
    await client.query('VACUUM ANALYZE');
    return rows.map(({ id }) => id);
  });
}
