#!/usr/bin/env node
// Pages of tasks and searches with 100,000 tasks of one person, at the HTTP port of task: `npm run bench -- subgraphs/reads`.
//   --requests N (30) of each
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { withClient } from '@taskgraph/databases';
import { createLog, encodeCursor } from '@taskgraph/service-kit';
import { buildViewer, cloneDatabase, postGraphQL, startTestDatabases, testJwks } from '@taskgraph/testkit';
import { createTaskSubgraph, readTaskConfig } from '../../subgraphs/task/dist/subgraph.js';
import { percentiles } from '../gateway/rig.mjs';

const { values: flags } = parseArgs({ options: { requests: { type: 'string', default: '30' } } });
const PAGE = 50;
const COLUMNS = {
  CREATED_AT: 'created_at',
  UPDATED_AT: 'updated_at',
  DUE_AT: 'due_at',
  PRIORITY: 'priority',
  TITLE: 'title',
};
const LIST = `query($filter: TaskFilter, $orderBy: TaskOrder, $first: Int, $after: String) {
  tasks(filter: $filter, orderBy: $orderBy, first: $first, after: $after) { edges { node { id title status priority } } } }`;
const COUNT = '{ tasks(first: 1) { totalCount } }';
const NEWEST = `query($r: [_Any!]!) { _entities(representations: $r) {
  ... on User { tasks(first: 5) { totalCount edges { node { id title status } } } } } }`;

const owner = buildViewer({ userId: '00000000-0000-7000-8000-00000000000a' });
const databases = await startTestDatabases();
const database = await cloneDatabase('task');
const service = await createTaskSubgraph(
  readTaskConfig({
    TASK_PORT: '0',
    TASK_DATABASE_URL: database.url,
    LOG_LEVEL: 'warn',
    CLIENT_INFO_SECRET: randomBytes(32).toString('hex'),
  }),
  { jwks: testJwks, log: createLog({ service: 'task', level: 'warn' }) },
);
try {
  const { url } = await service.listen();
  await withClient(database.url, async (client) => {
    await client.query(readFileSync(new URL('../../subgraphs/task/test/many-tasks.sql', import.meta.url), 'utf8'));
    await client.query('VACUUM (ANALYZE) tasks');
  });
  console.log('| read | p50 ms | p95 ms | max ms |');
  console.log('|---|---|---|---|');
  for (const [field, column] of Object.entries(COLUMNS))
    for (const direction of ['ASC', 'DESC']) {
      const orderBy = { field, direction };
      await measure(url, `${field} ${direction}, first page`, LIST, { orderBy, first: PAGE });
      const after = await cursorAt(orderBy, column, 499 * PAGE - 1);
      await measure(url, `${field} ${direction}, 500th page`, LIST, { orderBy, first: PAGE, after });
    }
  for (const search of ['task', 'käse', 'no such thing', 'zq'])
    await measure(url, `search for "${search}"`, LIST, { filter: { search }, first: PAGE });
  await measure(url, 'those with a label that few have', LIST, { filter: { label: ['rare'] }, first: PAGE });
  await measure(url, 'totalCount', COUNT, {});
  await measure(url, 'User.tasks(first: 5), counted', NEWEST, { r: [{ __typename: 'User', id: owner.userId }] });
  await measure(url, 'User.tasks(first: 5)', NEWEST.replace(' totalCount', ''), {
    r: [{ __typename: 'User', id: owner.userId }],
  });
} finally {
  await service.close();
  await database.drop();
  await databases.stop();
}

async function measure(url, name, query, variables) {
  const latencies = [];
  for (let index = -5; index < Number(flags.requests); index += 1) {
    const startedAt = performance.now();
    const { body } = await postGraphQL(url, { query, variables, token: owner.token });
    if (body.errors) throw new Error(JSON.stringify(body.errors));
    if (index >= 0) latencies.push(performance.now() - startedAt);
  }
  const { p50, p95, max } = percentiles(latencies);
  console.log(`| ${name} | ${[p50, p95, max].map((ms) => ms.toFixed(1)).join(' | ')} |`);
}

async function cursorAt({ field, direction }, column, offset) {
  const { rows } = await withClient(database.url, (client) =>
    client.query(
      `SELECT ${column} AS value, id FROM tasks WHERE $1 IN (owner_id, assignee_id)
       ORDER BY ${column} ${direction} NULLS LAST, id ${direction} LIMIT 1 OFFSET ${offset}`,
      [owner.userId],
    ),
  );
  const [{ value, id }] = rows;
  return encodeCursor([field, direction.toLowerCase(), value instanceof Date ? value.toISOString() : value, id]);
}
