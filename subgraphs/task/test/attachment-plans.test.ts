import { readFileSync } from 'node:fs';
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
  type SentStatement,
  type TestViewer,
} from '@taskgraph/testkit';
import { addManyTasks, MANY_TASKS_OWNER } from './many-tasks.js';
import { startTaskGraph, type TaskGraph } from './task-graph.js';

const FILL = readFileSync(new URL('many-attachments.sql', import.meta.url), 'utf8');
/** What the file attaches to a hundred tasks. */
const OFTEN_ATTACHED = '01990000-0000-7000-8000-000000000000';
const PAGE = 50;

describe('with 80,000 media on 120,000 tasks', () => {
  const owner = buildViewer({ userId: MANY_TASKS_OWNER });
  const admin = buildViewer({ role: 'ADMIN' });
  let graph: TaskGraph;
  let fullTask: string;
  beforeAll(async () => {
    graph = await startTaskGraph();
    await addManyTasks(graph.database.url);
    fullTask = await withClient(graph.database.url, async (client) => {
      await client.query(FILL);
      await client.query('VACUUM (ANALYZE) task_media');
      const { rows } = await client.query<{ id: string }>('SELECT id FROM tasks ORDER BY id LIMIT 1');
      return rows[0]?.id ?? '';
    });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  /**
   * Sends a query, and holds that what it reads of attachments is found by indexes: of them no more than so many rows.
   *
   * @returns the answer
   */
  async function expectIndexedReads(
    who: TestViewer,
    query: string,
    variables: Record<string, unknown>,
    { rows, blocks }: { rows: number; blocks: number },
  ) {
    const { result, statements } = await recordStatements(graph.pool, () => graph.run(who, query, variables));
    const reads = statements.filter(({ text }) => text.includes('task_media'));
    expect(reads).toHaveLength(1);
    const plan = await explainStatement(graph.database.url, reads[0] as SentStatement);
    const nodes = allPlanNodes(plan);
    expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
    expect(nodes.filter((node) => node['Relation Name'] === 'task_media').length).toBeGreaterThan(0);
    expect(rowsRead(plan, 'task_media')).toBeLessThanOrEqual(rows);
    expect(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']).toBeLessThanOrEqual(blocks);
    return expectData(result);
  }

  it('reads the first, a later and the last page of the media of a task alike', async () => {
    const query = `query($id: ID!, $after: String) { task(id: $id) { media(first: ${PAGE}, after: $after) {
      edges { cursor attachedAt node { id } } pageInfo { hasNextPage } } } }`;
    for (const position of [0, 200, 450]) {
      const after = position === 0 ? null : encodeCursor([position]);
      const { task } = await expectIndexedReads(owner, query, { id: fullTask, after }, { rows: PAGE + 1, blocks: 80 });
      expect(task.media.edges).toHaveLength(PAGE);
      expect(task.media.pageInfo.hasNextPage).toBe(position < 450);
    }
  });

  it('counts the media of a task by an index', async () => {
    const query = 'query($id: ID!) { task(id: $id) { media(first: 1) { totalCount } } }';
    const { task } = await expectIndexedReads(owner, query, { id: fullTask }, { rows: 510, blocks: 200 });
    expect(task.media.totalCount).toBe(500);
  });

  it('reads the media of a page of tasks, the oldest and the newest, in one statement', async () => {
    for (const direction of ['ASC', 'DESC']) {
      const query = `{ tasks(first: ${PAGE}, orderBy: { field: CREATED_AT, direction: ${direction} }) {
        edges { node { id media(first: 5) { edges { node { id } } } } } } }`;
      const { tasks } = await expectIndexedReads(owner, query, {}, { rows: 2 * PAGE + 6, blocks: 500 });
      expect(tasks.edges).toHaveLength(PAGE);
      expect(
        tasks.edges.some(({ node }: { node: { media: { edges: unknown[] } } }) => node.media.edges.length > 0),
      ).toBe(direction === 'ASC');
    }
  });

  it('reads the tasks of a medium', async () => {
    const query = `query($representations: [_Any!]!, $after: String) { _entities(representations: $representations) {
      ... on Media { tasks(first: 10, after: $after) { edges { cursor node { id title } } } } } }`;
    const representations = [{ __typename: 'Media', id: OFTEN_ATTACHED }];
    for (const who of [owner, admin]) {
      let after: string | null = null;
      for (let page = 0; page < 3; page += 1) {
        const data = await expectIndexedReads(who, query, { representations, after }, { rows: 110, blocks: 700 });
        const { edges } = data._entities[0].tasks;
        expect(edges).toHaveLength(10);
        after = edges.at(-1).cursor;
      }
    }
  });

  it('tells which media of a page are attached to a task that their viewer sees', async () => {
    const { rows } = await withClient(graph.database.url, (client) =>
      client.query<{ id: string }>(
        'SELECT media_id AS id FROM task_media WHERE position < 1000 ORDER BY media_id OFFSET 30000 LIMIT 50',
      ),
    );
    const ids = [...rows.map(({ id }) => id), OFTEN_ATTACHED];
    const query = 'query($ids: [ID!]!) { mediaOnVisibleTasks(ids: $ids) }';
    for (const who of [owner, admin]) {
      const data = await expectIndexedReads(who, query, { ids }, { rows: 600, blocks: 3_000 });
      expect(new Set(data.mediaOnVisibleTasks)).toEqual(new Set(ids));
    }
  });
});
