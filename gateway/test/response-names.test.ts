import { describe, expect, it } from '@jest/globals';
import { expectData, postIncremental, type AnswerPart } from '@taskgraph/testkit';
import { startGateway, type FakeSubgraph } from './fake-subgraphs.js';

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@external", "@requires"])';

const user = (id: string) => ({
  __typename: 'User',
  id,
  name: `user ${id}`,
  size: ({ unit }: { unit: string }) => (unit === 'm' ? 2 : 200),
  secret: () => {
    throw new Error('not told');
  },
});

/** Users whose ages and weights another subgraph knows: it is asked by `id`, and `weight` requires `size`. */
const FAKES: readonly FakeSubgraph[] = [
  {
    name: 'users',
    typeDefs: `${LINK}
      type Query { users: [User!]! }
      type Mutation { rename(id: ID!): User }
      type User @key(fields: "id") { id: ID! name: String size(unit: String! = "m"): Int secret: String friend: User }`,
    resolvers: {
      Query: { users: () => [user('1'), user('2')] },
      Mutation: { rename: (_: unknown, { id }: { id: string }) => user(id) },
      User: {
        __resolveReference: ({ id }: { id: string }) => user(id),
        friend: ({ id }: { id: string }) => (id === '1' ? user('2') : null),
      },
    },
  },
  {
    name: 'ages',
    typeDefs: `${LINK}
      type User @key(fields: "id") { id: ID! age: Int size(unit: String! = "m"): Int @external weight: Int @requires(fields: "size") }`,
    resolvers: {
      User: {
        __resolveReference: (reference: { id: string }) => ({ ...reference, age: Number(reference.id) * 10 }),
        weight: ({ size }: { size: number }) => size * 40,
      },
    },
  },
];

describe('a name in the answer that the planner uses for something else', () => {
  it('stands for what the client selected: another field, or other arguments', async () => {
    await using gateway = await startGateway(FAKES);
    expect(
      expectData(
        await gateway.run(`{ users {
          id: name age size(unit: "cm") weight __typename: size friend { ...F } again: id
        } } fragment F on User { id: age name: id apart__id: age }`),
      ),
    ).toEqual({
      users: [
        {
          id: 'user 1',
          age: 10,
          size: 200,
          weight: 80,
          __typename: 2,
          friend: { id: 20, name: '2', apart__id: 20 },
          again: '1',
        },
        { id: 'user 2', age: 20, size: 200, weight: 80, __typename: 2, friend: null, again: '2' },
      ],
    });
  });

  it('keeps its place in the order of the answer, and in what introspection answers', async () => {
    await using gateway = await startGateway(FAKES);
    const query =
      '{ users { age id: name } __type(name: "User") { id: name ...T } } fragment T on __Type { size: kind }';
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    expect(await response.text()).toBe(
      '{"data":{"users":[{"age":10,"id":"user 1"},{"age":20,"id":"user 2"}],"__type":{"id":"User","size":"OBJECT"}}}',
    );
  });

  it('is the name in the paths of errors', async () => {
    await using gateway = await startGateway(FAKES);
    const { body } = await gateway.run('{ users { friend { id: secret age } } }');
    expect(body.data).toEqual({ users: [{ friend: { id: null, age: 20 } }, { friend: null }] });
    expect(body.errors?.map(({ path }) => path)).toEqual([['users', 0, 'friend', 'id']]);
  });

  it('is the name in parts that are deferred', async () => {
    await using gateway = await startGateway(FAKES);
    const parts: AnswerPart[] = [];
    for await (const part of postIncremental(gateway.url, {
      query: '{ users { size: friend { name ... @defer { id: name age } } } }',
    }))
      parts.push(part);
    expect(parts[0]?.data).toEqual({ users: [{ size: { name: 'user 2' } }, { size: null }] });
    expect(parts.slice(1).flatMap(({ incremental }) => incremental ?? [])).toEqual([
      { path: ['users', 0, 'size'], data: { id: 'user 2', age: 20 } },
    ]);
  });
});
