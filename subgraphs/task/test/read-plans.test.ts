import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withClient } from '@taskgraph/databases';
import { encodeCursor } from '@taskgraph/service-kit';
import {
  allPlanNodes,
  buildViewer,
  expectData,
  explainStatement,
  recordStatements,
  rowsRead,
  type PlanNode,
  type SentStatement,
} from '@taskgraph/testkit';
import { addManyTasks, MANY_TASKS_OWNER } from './many-tasks.js';
import { startTaskGraph, type TaskGraph } from './task-graph.js';

const PAGE = 50;
/** Where the 500th page begins. */
const FAR = 499 * PAGE;

const ORDERS = (
  [
    ['CREATED_AT', 'created_at'],
    ['UPDATED_AT', 'updated_at'],
    ['DUE_AT', 'due_at'],
    ['PRIORITY', 'priority'],
    ['TITLE', 'title'],
  ] as const
).flatMap(([field, column]) => (['ASC', 'DESC'] as const).map((direction) => ({ field, column, direction })));

describe('with 100,000 tasks of one person', () => {
  const owner = buildViewer({ userId: MANY_TASKS_OWNER });
  const admin = buildViewer({ role: 'ADMIN' });
  let graph: TaskGraph;
  beforeAll(async () => {
    graph = await startTaskGraph();
    await addManyTasks(graph.database.url);
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  /** The reads of tasks that the service sends for a query. What an administrator reads is written down besides. */
  async function statementsOf(who: typeof owner, query: string, variables: Record<string, unknown>) {
    const { result, statements } = await recordStatements(graph.pool, () => graph.run(who, query, variables));
    expectData(result);
    return statements.filter(({ text }) => text.includes('FROM tasks'));
  }

  const explain = (statement: SentStatement) => explainStatement(graph.database.url, statement);

  /** What has to be true wherever in a list a page lies. */
  function expectBounded(plan: PlanNode, { rows = 400, blocks = 600 } = {}) {
    const nodes = allPlanNodes(plan);
    const scans = nodes.filter((node) => node['Relation Name'] === 'tasks');
    expect(scans.length).toBeGreaterThan(0);
    expect(scans.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
    expect(rowsRead(plan, 'tasks')).toBeLessThanOrEqual(rows);
    const sorted = nodes
      .filter((node) => node['Node Type'] === 'Sort')
      .flatMap((node) => (node.Plans ?? []).map((input) => input['Actual Loops'] * input['Actual Rows']));
    expect(sorted.filter((count) => count > rows)).toEqual([]);
    expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).toBeLessThanOrEqual(blocks);
  }

  async function expectBoundedReads(
    who: typeof owner,
    query: string,
    variables: Record<string, unknown>,
    bounds?: { rows?: number; blocks?: number },
  ) {
    const statements = await statementsOf(who, query, variables);
    for (const statement of statements) expectBounded(await explain(statement), bounds);
    return statements;
  }

  const LIST = `query($filter: TaskFilter, $orderBy: TaskOrder, $first: Int, $after: String, $last: Int, $before: String) {
    tasks(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { id title status priority owner { id } assignee { id } } } pageInfo { hasNextPage } } }`;

  async function cursorAt(who: typeof owner, { field, column, direction }: (typeof ORDERS)[number], offset: number) {
    const visible = who === admin ? 'TRUE' : `'${MANY_TASKS_OWNER}' IN (owner_id, assignee_id)`;
    const { rows } = await withClient(graph.database.url, (client) =>
      client.query(
        `SELECT ${column} AS value, id FROM tasks WHERE ${visible} ORDER BY ${column} ${direction} NULLS LAST, id ${direction} LIMIT 1 OFFSET ${offset}`,
      ),
    );
    const { value, id } = rows[0];
    return encodeCursor([field, direction.toLowerCase(), value instanceof Date ? value.toISOString() : value, id]);
  }

  describe.each([
    ['whoever owns them or is given them', owner],
    ['an administrator', admin],
  ])('%s', (_who, who) => {
    it.each(ORDERS)('reads the first, the 500th and the last page by $field $direction alike', async (order) => {
      const { field, direction } = order;
      const orderBy = { field, direction };
      await expectBoundedReads(who, LIST, { orderBy, first: PAGE });
      await expectBoundedReads(who, LIST, { orderBy, last: PAGE });
      const [middle, late] = [await cursorAt(who, order, FAR - 1), await cursorAt(who, order, 90_000)];
      for (const cursor of [middle, late]) {
        await expectBoundedReads(who, LIST, { orderBy, first: PAGE, after: cursor });
        await expectBoundedReads(who, LIST, { orderBy, last: PAGE, before: cursor });
      }
    });
  });

  it.each([
    ['much that has a status', { status: ['IN_PROGRESS', 'DONE'] }, {}],
    [
      'much that has a status and a priority',
      { status: ['TODO'], priority: ['URGENT'] },
      { rows: 8_000, blocks: 12_000 },
    ],
    ['few that have a label', { label: ['rare'] }, { rows: 2_000, blocks: 2_000 }],
    [
      'few that are due',
      { dueAfter: '2026-02-01T00:00:00Z', dueBefore: '2026-02-01T02:00:00Z' },
      { rows: 1_000, blocks: 1_000 },
    ],
    ['few of one owner', { ownerId: '00000000-0000-7000-8000-000000000103' }, { rows: 3_000, blocks: 3_000 }],
    ['much that holds a text', { search: 'task' }, {}],
    ['few that hold a text', { search: 'KÄSE' }, { rows: 1_000, blocks: 1_000 }],
    ['none that holds a text', { search: 'no such thing' }, { rows: 0, blocks: 200 }],
  ])('reads %s without reading all', async (_what, filter, bounds) => {
    for (const { field, direction } of ORDERS)
      await expectBoundedReads(owner, LIST, { filter, orderBy: { field, direction }, first: PAGE }, bounds);
  });

  it.each([
    ['much that holds a text', { search: 'task' }],
    ['much that has a status', { status: ['IN_PROGRESS', 'DONE'] }],
  ])('reads the 500th page of %s as the first', async (_what, filter) => {
    for (const order of ORDERS) {
      const { field, direction } = order;
      const after = await cursorAt(owner, order, FAR - 1);
      await expectBoundedReads(owner, LIST, { filter, orderBy: { field, direction }, first: PAGE, after });
      await expectBoundedReads(owner, LIST, { filter, orderBy: { field, direction }, last: PAGE, before: after });
    }
  });

  it('counts them by an index alone, and only when asked', async () => {
    const query = '{ tasks(first: 1) { totalCount } }';
    expect(expectData(await graph.run(owner, query)).tasks.totalCount).toBe(100_000);
    const statements = await statementsOf(owner, query, {});
    expect(statements).toHaveLength(2);
    const counting = statements.find(({ text }) => text.includes('count(*)'));
    const plan = await explain(counting as SentStatement);
    const scans = allPlanNodes(plan).filter((node) => node['Relation Name'] === 'tasks');
    expect(new Set(scans.map((node) => node['Node Type']))).toEqual(new Set(['Index Only Scan']));
    expect(scans.map((node) => node['Heap Fetches'])).toEqual(scans.map(() => 0));
    expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).toBeLessThan(2_000);
  });

  it('reads the newest of a user, of oneself and of others, and what they have in common', async () => {
    const query = `query($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on User { tasks(first: 5) { edges { node { id title status } } } } } }`;
    const other = '00000000-0000-7000-8000-000000000103';
    const representations = [MANY_TASKS_OWNER, other].map((id) => ({ __typename: 'User', id }));
    for (const who of [owner, admin, buildViewer({ userId: other })]) {
      const [statement, ...others] = await expectBoundedReads(
        who,
        query,
        { representations },
        { rows: 60, blocks: 200 },
      );
      expect(others).toEqual([]);
      expect(statement?.text).not.toContain('count(*)');
    }
  });

  it('plans once what is best for any value, and what a filter lets through each time', async () => {
    expect((await statementsOf(owner, LIST, { first: 1 })).map(({ name }) => typeof name)).toEqual(['string']);
    const filtered = await statementsOf(owner, LIST, { first: 1, filter: { search: 'x' } });
    expect(filtered.map(({ name }) => name)).toEqual([undefined]);
  });
});
