import { describe, expect, it } from '@jest/globals';
import { buildViewer, cloneDatabase, expectData, preferForeignSessions } from '@taskgraph/testkit';
import { startTaskGraph } from './task-graph.js';

const TASKS = `query($filter: TaskFilter, $after: String) {
  tasks(filter: $filter, after: $after, first: 1, orderBy: { field: DUE_AT }) { totalCount edges { cursor node { id dueAt createdAt } } } }`;

describe('a database of another zone', () => {
  // The first is in the hour that Berlin leaves out in spring, the second in one that it has twice in autumn.
  it.each(['2027-03-28T02:30:00.000Z', '2027-10-31T00:30:00.000Z', '2027-07-01T12:00:00.123Z'])(
    'keeps %s as it is',
    async (dueAt) => {
      await using database = await cloneDatabase('task');
      await preferForeignSessions(database);
      await using graph = await startTaskGraph({}, { database, mediaStatus: new Map() });
      const ada = buildViewer();
      const before = Date.now();
      const first = await graph.addTask(ada, { dueAt });
      const second = await graph.addTask(ada, { dueAt });
      const after = Date.now();

      const page = async (variables: Record<string, unknown>) =>
        expectData(await graph.run(ada, TASKS, variables)).tasks;
      const minuteAfter = new Date(Date.parse(dueAt) + 60_000).toISOString();
      expect((await page({ filter: { dueAfter: minuteAfter } })).totalCount).toBe(0);
      const { totalCount, edges } = await page({ filter: { dueAfter: dueAt, dueBefore: minuteAfter } });
      expect(totalCount).toBe(2);
      expect(edges[0].node).toMatchObject({ id: first, dueAt });
      expect(Date.parse(edges[0].node.createdAt)).toBeGreaterThanOrEqual(before);
      expect(Date.parse(edges[0].node.createdAt)).toBeLessThanOrEqual(after);
      expect((await page({ after: edges[0].cursor })).edges[0].node).toMatchObject({ id: second, dueAt });

      const { rows } = await graph.pool.query(
        'SELECT extract(epoch FROM due_at)::float8 AS due, extract(epoch FROM o.time)::float8 AS told FROM tasks t JOIN outbox o ON o.subject = t.id::text WHERE t.id = $1',
        [first],
      );
      expect(rows[0].due * 1000).toBe(Date.parse(dueAt));
      expect(rows[0].told * 1000).toBeGreaterThanOrEqual(before);
      expect(rows[0].told * 1000).toBeLessThanOrEqual(after);
    },
  );
});
