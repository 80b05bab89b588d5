import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withClient } from '@taskgraph/databases';
import { buildViewer, expectData, uuid7, type TestViewer } from '@taskgraph/testkit';
import { startTaskGraph, type TaskGraph } from './task-graph.js';

const LIST = `query($filter: TaskFilter, $orderBy: TaskOrder, $first: Int, $after: String, $last: Int, $before: String) {
  tasks(filter: $filter, orderBy: $orderBy, first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } }`;
const LEAN = LIST.replace(' totalCount', '');

interface Row {
  readonly id: string;
  readonly ownerId: string;
  readonly assigneeId: string | null;
  readonly title: string;
  readonly description: string | null;
  readonly status: string;
  readonly priority: string;
  readonly dueAt: string | null;
  readonly labels: readonly string[];
  readonly createdAt: string;
  readonly updatedAt: string;
}

interface Page {
  readonly edges: ReadonlyArray<{ readonly cursor: string; readonly node: { readonly id: string } }>;
  readonly pageInfo: { readonly hasNextPage: boolean; readonly hasPreviousPage: boolean };
  readonly totalCount?: number;
}

const STATUSES = ['TODO', 'IN_PROGRESS', 'DONE', 'CANCELLED'];
const PRIORITIES = ['LOW', 'MEDIUM', 'HIGH', 'URGENT'];
/** Few, so that ids decide. */
const INSTANTS = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.001Z', '2026-06-01T12:00:00.000Z'];
const TITLES = ['a', 'A', 'a b', 'Zo\u00eb', 'zo\u00eb', '\u{1f600}', '\uffee', '100%', 'a_b'];
const DESCRIPTIONS = [null, 'a', 'Caf\u00e9', 'ends with a\n\\', '\u001ea'];
const FIELDS = ['CREATED_AT', 'UPDATED_AT', 'DUE_AT', 'PRIORITY', 'TITLE'] as const;

const FILTERS: ReadonlyArray<readonly [Record<string, unknown>, (row: Row) => boolean]> = [
  [{}, () => true],
  [{ status: ['DONE', 'TODO'] }, ({ status }) => status === 'DONE' || status === 'TODO'],
  [{ priority: ['URGENT'], label: ['x'] }, ({ priority, labels }) => priority === 'URGENT' && labels.includes('x')],
  [{ label: ['x', 'y'] }, ({ labels }) => labels.includes('x') && labels.includes('y')],
  [{ assigneeId: null }, ({ assigneeId }) => assigneeId === null],
  [{ dueAfter: INSTANTS[1] }, ({ dueAt }) => dueAt !== null && dueAt >= (INSTANTS[1] as string)],
  [{ dueBefore: INSTANTS[2] }, ({ dueAt }) => dueAt !== null && dueAt < (INSTANTS[2] as string)],
  ...['A', 'ZO\u00cb', 'CAF\u00c9', '%', '_', '\\', '\u{1f600}', '\u001ea', 'a\u001e'].map(
    (search) =>
      [
        { search },
        ({ title, description }: Row) =>
          [title, description ?? ''].some((text) => text.toLowerCase().includes(search.toLowerCase())),
      ] as const,
  ),
];

/** Numbers that look random and are the same each time. */
function dice(seed: number) {
  let state = seed;
  return <Item>(items: readonly Item[]): Item => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return items[Math.floor((state / 2 ** 31) * items.length)] as Item;
  };
}

const compare = (left: string | number, right: string | number) => (left < right ? -1 : left > right ? 1 : 0);
/** As the database sorts text: by bytes, and not by the halves of surrogate pairs. */
const bytes = (text: string) => Buffer.from(text, 'utf8').toString('hex');

/** The whole list, by the obvious way. */
function sorted(rows: readonly Row[], field: (typeof FIELDS)[number], direction: 'ASC' | 'DESC'): Row[] {
  const valueOf = (row: Row): string | number | null =>
    ({
      CREATED_AT: row.createdAt,
      UPDATED_AT: row.updatedAt,
      DUE_AT: row.dueAt,
      PRIORITY: PRIORITIES.indexOf(row.priority),
      TITLE: bytes(row.title),
    })[field];
  const sign = direction === 'ASC' ? 1 : -1;
  return [...rows].sort((left, right) => {
    const [one, other] = [valueOf(left), valueOf(right)];
    if ((one === null) !== (other === null)) return one === null ? 1 : -1;
    return sign * ((one === null || other === null ? 0 : compare(one, other)) || compare(left.id, right.id));
  });
}

describe('pages of tasks', () => {
  let graph: TaskGraph;
  const people = [buildViewer(), buildViewer(), buildViewer()] as const;
  const [ada] = people;
  const stranger = buildViewer();
  const admin = buildViewer({ role: 'ADMIN' });
  const rows: Row[] = [];

  beforeAll(async () => {
    graph = await startTaskGraph();
    const pick = dice(7);
    for (let index = 0; index < 150; index += 1)
      rows.push({
        id: uuid7(),
        ownerId: pick(people).userId,
        assigneeId: pick([null, ...people.map(({ userId }) => userId)]),
        title: pick(TITLES),
        description: pick(DESCRIPTIONS),
        status: pick(STATUSES),
        priority: pick(PRIORITIES),
        dueAt: pick([null, ...INSTANTS]),
        labels: pick([[], ['x'], ['y', 'x']]),
        createdAt: pick(INSTANTS),
        updatedAt: pick(INSTANTS),
      });
    await withClient(graph.database.url, (client) =>
      client.query(
        `INSERT INTO tasks (id, owner_id, assignee_id, title, description, status, priority, due_at, labels, created_at, updated_at)
         SELECT id, "ownerId", "assigneeId", title, description, status, priority, "dueAt", labels, "createdAt", "updatedAt"
         FROM jsonb_to_recordset($1) AS given(id uuid, "ownerId" uuid, "assigneeId" uuid, title text, description text, status task_status,
           priority task_priority, "dueAt" timestamptz, labels text[], "createdAt" timestamptz, "updatedAt" timestamptz)`,
        [JSON.stringify(rows)],
      ),
    );
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const visibleTo = (who: TestViewer) =>
    rows.filter(({ ownerId, assigneeId }) => who === admin || ownerId === who.userId || assigneeId === who.userId);
  const read = async (who: TestViewer, query: string, variables: Record<string, unknown>): Promise<Page> =>
    expectData(await graph.run(who, query, variables)).tasks as Page;

  const orders = FIELDS.flatMap((field) => (['ASC', 'DESC'] as const).map((direction) => ({ field, direction })));

  it.each(orders)('by $field $direction are the slices of a list that was sorted as a whole', async (orderBy) => {
    const pick = dice(11);
    for (const who of [...people, admin, stranger]) {
      const whole = sorted(visibleTo(who), orderBy.field, orderBy.direction).map(({ id }) => id);
      const cursors: string[] = [];
      for (let after: string | null = null, more = true; more;) {
        const size: number = pick([1, 7, 20, 100]);
        const page: Page = await read(who, LIST, { orderBy, first: size, after });
        const from = cursors.length;
        expect(page.edges.map(({ node }) => node.id)).toEqual(whole.slice(from, from + size));
        expect(page.totalCount).toBe(whole.length);
        expect(page.pageInfo.hasNextPage).toBe(from + size < whole.length);
        cursors.push(...page.edges.map(({ cursor }) => cursor));
        ({ hasNextPage: more } = page.pageInfo);
        after = cursors.at(-1) ?? null;
      }
      expect(cursors).toHaveLength(whole.length);
      if (cursors.length === 0) continue;
      const places = [...cursors.keys()];
      for (let round = 0; round < 12; round += 1) {
        const [after, before] = [pick(places), pick(places)];
        const size = pick([1, 5, 30]);
        const between = whole.slice(after + 1, Math.max(after + 1, before));
        const bounds = { orderBy, after: cursors[after], before: cursors[before] };
        const first = await read(who, LEAN, { ...bounds, first: size });
        expect(first.edges.map(({ node }) => node.id)).toEqual(between.slice(0, size));
        const last = await read(who, LEAN, { ...bounds, last: size });
        expect(last.edges.map(({ node }) => node.id)).toEqual(between.slice(-size));
        expect(last.pageInfo.hasPreviousPage).toBe(between.length > size);
        const backwards = await read(who, LEAN, { orderBy, last: size, before: cursors[before] });
        expect(backwards.edges.map(({ node }) => node.id)).toEqual(whole.slice(Math.max(0, before - size), before));
      }
    }
  });

  it.each(FILTERS.map(([filter, matches]) => ({ filter, matches })))(
    'filtered by $filter are those of the tasks that match',
    async ({ filter, matches }) => {
      for (const who of [ada, admin, stranger]) {
        for (const orderBy of [orders[3], orders[5], orders[8]] as ReadonlyArray<(typeof orders)[number]>) {
          const whole = sorted(visibleTo(who).filter(matches), orderBy.field, orderBy.direction).map(({ id }) => id);
          const page = await read(who, LIST, { filter, orderBy, first: 100 });
          expect(page.edges.map(({ node }) => node.id)).toEqual(whole.slice(0, 100));
          expect(page.totalCount).toBe(whole.length);
          const [cursor] = page.edges.slice(4, 5).map((edge) => edge.cursor);
          if (cursor === undefined) continue;
          const next = await read(who, LEAN, { filter, orderBy, first: 5, after: cursor });
          expect(next.edges.map(({ node }) => node.id)).toEqual(whole.slice(5, 10));
        }
      }
    },
  );

  it('of one person are those of them that the viewer may see, the newest first', async () => {
    const query = `query($r: [_Any!]!, $first: Int, $after: String) { _entities(representations: $r) { ... on User { id
      tasks(first: $first, after: $after) { totalCount edges { cursor node { id } } pageInfo { hasNextPage } } } } }`;
    const r = [...people, stranger].map(({ userId: id }) => ({ __typename: 'User', id }));
    for (const who of [...people, admin, stranger]) {
      const { _entities } = expectData(await graph.run(who, query, { r, first: 9 }));
      for (const { id: userId, tasks } of _entities) {
        const whole = visibleTo(who)
          .filter(({ ownerId, assigneeId }) => ownerId === userId || assigneeId === userId)
          .map(({ id }) => id)
          .sort()
          .reverse();
        expect(tasks.totalCount).toBe(whole.length);
        const ids = (page: typeof tasks) => page.edges.map(({ node }: { node: { id: string } }) => node.id);
        expect(ids(tasks)).toEqual(whole.slice(0, 9));
        if (whole.length <= 9) continue;
        const after = tasks.edges[8].cursor as string;
        const next = expectData(
          await graph.run(who, query, { r: [{ __typename: 'User', id: userId }], first: 5, after }),
        )._entities[0].tasks;
        expect(ids(next)).toEqual(whole.slice(9, 14));
        expect(next.pageInfo.hasNextPage).toBe(whole.length > 14);
      }
    }
  });
});
