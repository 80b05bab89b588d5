import { describe, expect, it } from '@jest/globals';
import { expectData } from '@taskgraph/testkit';
import type { FakeSubgraph } from './fake-subgraphs.js';
import { startEngine } from './start-engine.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const user = (id: string) => ({ __typename: 'User', id });

/** Tasks with an owner, an assignee and watchers, whose names and homes another subgraph knows, and what is beside a home a third. */
const FAKES: readonly FakeSubgraph[] = [
  {
    name: 'tasks',
    typeDefs: `${LINK}
      type Query { tasks: [Task!]! }
      type Task @key(fields: "id") { id: ID! owner: User! assignee: User watchers: [User!]! }
      type User @key(fields: "id") { id: ID! }`,
    resolvers: {
      Query: {
        tasks: () => [
          { id: '1', owner: user('ada'), assignee: user('grace'), watchers: [user('ada'), user('nobody')] },
          { id: '2', owner: user('ada'), assignee: null, watchers: [] },
          { id: '3', owner: user('grace'), assignee: user('ada'), watchers: [user('broken')] },
        ],
      },
    },
  },
  {
    name: 'users',
    typeDefs: `${LINK}
      type User @key(fields: "id") { id: ID! name: String home: Home trouble: String }
      type Home @key(fields: "place") { place: ID! }`,
    resolvers: {
      User: {
        __resolveReference: ({ id }: { id: string }) => (id === 'nobody' ? null : user(id)),
        name: ({ id }: { id: string }) => `name of ${id}`,
        home: ({ id }: { id: string }) => ({ __typename: 'Home', place: `home of ${id}` }),
        trouble: ({ id }: { id: string }) => {
          if (id === 'ada') throw new Error(`no ${id}`);
          return `none of ${id}`;
        },
      },
    },
  },
  {
    name: 'homes',
    typeDefs: `${LINK} type Home @key(fields: "place") { place: ID! street: String rooms: Int }`,
    resolvers: {
      Home: {
        __resolveReference: (home: { place: string }) => home,
        street: ({ place }: { place: string }) => `street of ${place}`,
        rooms: () => 3,
      },
    },
  },
];

const asked = (request: { variables: Record<string, unknown> }) =>
  (request.variables['representations'] as Array<{ id?: string; place?: string }>).map(({ id, place }) => id ?? place);

describe('entities at several places, of which the same is asked', () => {
  it('are fetched at once, each once', async () => {
    await using engine = await startEngine(FAKES);
    const { tasks } = expectData(
      await engine.run('query Names { tasks { owner { name } assignee { name } watchers { name } } }'),
    ) as { tasks: unknown[] };
    expect(tasks).toEqual([
      {
        owner: { name: 'name of ada' },
        assignee: { name: 'name of grace' },
        watchers: [{ name: 'name of ada' }, { name: null }],
      },
      { owner: { name: 'name of ada' }, assignee: null, watchers: [] },
      { owner: { name: 'name of grace' }, assignee: { name: 'name of ada' }, watchers: [{ name: 'name of broken' }] },
    ]);
    const requests = engine.subgraphs['users']?.requests ?? [];
    expect(requests).toHaveLength(1);
    expect(asked(requests[0]!).sort()).toEqual(['ada', 'broken', 'grace', 'nobody']);
  });

  it('are asked for apart where not the same is selected, or by other conditions', async () => {
    await using engine = await startEngine(FAKES);
    await engine.run('{ tasks { owner { name } assignee { home { place } } } }');
    expect(engine.subgraphs['users']?.requests).toHaveLength(2);
    const query = 'query($no: Boolean!) { tasks { owner { name } assignee @skip(if: $no) { name } } }';
    const { tasks } = expectData(await engine.run(query, { variables: { no: true } })) as { tasks: unknown[] };
    expect(tasks[2]).toEqual({ owner: { name: 'name of grace' } });
  });

  it('have what is brought to one place at no other', async () => {
    await using engine = await startEngine(FAKES);
    const query = `{ tasks {
      owner { home { place street } } assignee { home { place rooms } } watchers { id home { place } } } }`;
    const { tasks } = expectData(await engine.run(query)) as { tasks: unknown[] };
    const home = (id: string) => ({ place: `home of ${id}` });
    expect(tasks[0]).toEqual({
      owner: { home: { ...home('ada'), street: 'street of home of ada' } },
      assignee: { home: { ...home('grace'), rooms: 3 } },
      watchers: [
        { id: 'ada', home: home('ada') },
        { id: 'nobody', home: null },
      ],
    });
  });

  it('have each their error', async () => {
    await using engine = await startEngine(FAKES);
    const { body } = await engine.run('{ tasks { owner { trouble } assignee { trouble } } }');
    expect(body.data).toEqual({
      tasks: [
        { owner: { trouble: null }, assignee: { trouble: 'none of grace' } },
        { owner: { trouble: null }, assignee: null },
        { owner: { trouble: 'none of grace' }, assignee: { trouble: null } },
      ],
    });
    expect(body.errors?.map(({ path }) => path?.join('.')).sort()).toEqual([
      'tasks.0.owner.trouble',
      'tasks.1.owner.trouble',
      'tasks.2.assignee.trouble',
    ]);
  });

  it('are lost together, and each place is told of', async () => {
    await using engine = await startEngine(FAKES);
    await engine.subgraphs['users']?.stop();
    const { body } = await engine.run('{ tasks { owner { id name } assignee { name } } }');
    expect(body.data?.['tasks']).toEqual([
      { owner: { id: 'ada', name: null }, assignee: { name: null } },
      { owner: { id: 'ada', name: null }, assignee: null },
      { owner: { id: 'grace', name: null }, assignee: { name: null } },
    ]);
    expect(body.errors?.map(({ path }) => path?.slice(0, 3).join('.')).sort()).toEqual([
      'tasks.0.assignee',
      'tasks.0.owner',
      'tasks.1.owner',
      'tasks.2.assignee',
      'tasks.2.owner',
    ]);
  });
});
