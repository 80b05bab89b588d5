import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildViewer, countStatements, expectData, expectErrorCode, type TestViewer } from '@taskgraph/testkit';
import { startTaskGraph, type TaskGraph } from './task-graph.js';

const LIST = `query($filter: TaskFilter, $orderBy: TaskOrder, $first: Int, $after: String, $last: Int, $before: String) {
  tasks(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { title } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } }`;

interface Page {
  readonly edges: ReadonlyArray<{ readonly cursor: string; readonly node: { readonly title: string } }>;
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
  readonly totalCount: number;
}

describe('the list of tasks', () => {
  let graph: TaskGraph;
  let ada: TestViewer;
  beforeAll(async () => {
    graph = await startTaskGraph();
    ada = buildViewer();
    const rows: ReadonlyArray<Record<string, unknown>> = [
      { title: 'alpha', priority: 'LOW', dueAt: '2030-01-02T00:00:00.000Z', labels: ['x', 'y'] },
      { title: 'bravo', priority: 'URGENT', dueAt: '2030-01-01T00:00:00.000Z', labels: ['x'] },
      { title: 'charlie', priority: 'LOW', status: 'DONE' },
      { title: 'delta', priority: 'HIGH', dueAt: '2030-01-01T00:00:00.000Z' },
      { title: 'echo 100%', priority: 'MEDIUM', description: 'a_b' },
      { title: 'foxtrot', priority: 'LOW', description: 'ab', assigneeId: ada.userId },
      { title: 'golf', priority: 'MEDIUM', dueAt: '2030-01-03T00:00:00.000Z' },
    ];
    for (const row of rows) await graph.addTask(ada, row);
    await graph.addTask(buildViewer(), { title: 'of somebody else' });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const list = async (variables: Record<string, unknown>): Promise<Page> =>
    expectData(await graph.run(ada, LIST, variables)).tasks as Page;
  it('is searched in letters that are composed in any way', async () => {
    const grace = buildViewer();
    await graph.addTask(grace, { title: 'Zoe\u0308', description: 'Caf\u00e9' });
    for (const search of ['Zo\u00eb', 'ZOE\u0308', 'cafe\u0301', 'CAF\u00c9']) {
      const { tasks } = expectData(await graph.run(grace, LIST, { filter: { search } }));
      expect([search, tasks.totalCount]).toEqual([search, 1]);
    }
  });

  const titles = ({ edges }: Page) => edges.map(({ node }) => node.title);

  it.each([
    [{ status: ['DONE'] }, ['charlie']],
    [{ status: ['DONE', 'TODO'], priority: ['URGENT', 'HIGH'] }, ['bravo', 'delta']],
    [{ label: ['x'] }, ['alpha', 'bravo']],
    [{ label: ['x', 'y'] }, ['alpha']],
    [{ label: 'y' }, ['alpha']],
    [{ search: 'RAV' }, ['bravo']],
    [{ search: '100%' }, ['echo 100%']],
    [{ search: '%' }, ['echo 100%']],
    [{ search: 'a_b' }, ['echo 100%']],
    [{ search: '  ' }, ['alpha', 'bravo', 'charlie', 'delta', 'echo 100%', 'foxtrot', 'golf']],
    [{ dueAfter: '2030-01-02T00:00:00.000Z' }, ['alpha', 'golf']],
    [{ dueBefore: '2030-01-02T00:00:00.000Z' }, ['bravo', 'delta']],
    [{ dueAfter: '2030-01-02T00:00:00.000Z', dueBefore: '2030-01-03T00:00:00.000Z' }, ['alpha']],
    [{ status: [] }, []],
  ])('filtered by %j holds %j', async (filter, expected) => {
    const page = await list({ filter, orderBy: { field: 'TITLE', direction: 'ASC' } });
    expect(titles(page)).toEqual(expected);
    expect(page.totalCount).toBe(expected.length);
  });

  it('is filtered by assignee, and by having none', async () => {
    expect(titles(await list({ filter: { assigneeId: ada.userId } }))).toEqual(['foxtrot']);
    expect((await list({ filter: { assigneeId: null } })).totalCount).toBe(6);
  });

  it('sorts priorities by rank and tasks without a due date last, both ways', async () => {
    expect(titles(await list({ orderBy: { field: 'PRIORITY', direction: 'DESC' } })).slice(0, 2)).toEqual([
      'bravo',
      'delta',
    ]);
    expect(titles(await list({ orderBy: { field: 'DUE_AT', direction: 'ASC' } })).slice(0, 4)).toEqual([
      'bravo',
      'delta',
      'alpha',
      'golf',
    ]);
    expect(titles(await list({ orderBy: { field: 'DUE_AT', direction: 'DESC' } })).slice(0, 4)).toEqual([
      'golf',
      'alpha',
      'delta',
      'bravo',
    ]);
  });

  const orders = ['CREATED_AT', 'UPDATED_AT', 'DUE_AT', 'PRIORITY', 'TITLE'].flatMap((field) =>
    ['ASC', 'DESC'].map((direction) => ({ field, direction })),
  );

  it.each(orders)(
    'pages by %j forwards and backwards through ties and nulls, losing and repeating nothing',
    async (orderBy) => {
      const whole = titles(await list({ orderBy, first: 100 }));
      expect(whole).toHaveLength(7);

      const forwards: string[] = [];
      for (let after: string | null = null, more = true; more;) {
        const page: Page = await list({ orderBy, first: 2, after });
        forwards.push(...titles(page));
        expect(page.pageInfo.hasPreviousPage).toBe(after !== null);
        ({ endCursor: after, hasNextPage: more } = page.pageInfo);
      }
      expect(forwards).toEqual(whole);

      const backwards: string[] = [];
      for (let before: string | null = null, more = true; more;) {
        const page: Page = await list({ orderBy, last: 3, before });
        backwards.unshift(...titles(page));
        expect(page.pageInfo.hasNextPage).toBe(before !== null);
        ({ startCursor: before, hasPreviousPage: more } = page.pageInfo);
      }
      expect(backwards).toEqual(whole);
    },
  );

  it('refuses cursors of another order, garbage, and pages that make no sense', async () => {
    const { edges } = await list({ orderBy: { field: 'TITLE', direction: 'ASC' } });
    const refused: ReadonlyArray<Record<string, unknown>> = [
      { after: edges[0]?.cursor, orderBy: { field: 'PRIORITY', direction: 'ASC' } },
      { after: edges[0]?.cursor, orderBy: { field: 'TITLE', direction: 'DESC' } },
      { after: 'garbage' },
      { after: Buffer.from('["UPDATED_AT","desc","yesterday","x"]').toString('base64url') },
      { after: Buffer.from(`["UPDATED_AT","desc","2020","${ada.userId}"]`).toString('base64url') },
      { first: -1 },
      { first: 101 },
      { first: 1, last: 1 },
      { filter: { search: 'x'.repeat(201) } },
      { filter: { assigneeId: 'me' } },
    ];
    for (const variables of refused) expectErrorCode(await graph.run(ada, LIST, variables), 'BAD_USER_INPUT');
  });

  it('costs one statement, and one more when the total is asked for', async () => {
    const lean = await countStatements(graph.pool, () =>
      graph.run(ada, '{ tasks { edges { node { id owner { id } assignee { id } } } } }'),
    );
    expect(lean.statements).toHaveLength(1);
    const counted = await countStatements(graph.pool, () =>
      graph.run(ada, '{ tasks { totalCount edges { node { id } } } }'),
    );
    expect(counted.statements).toHaveLength(2);
  });
});
