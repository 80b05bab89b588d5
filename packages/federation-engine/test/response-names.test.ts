import { describe, expect, it } from '@jest/globals';
import { expectData } from '@taskgraph/testkit';
import type { FakeSubgraph } from './fake-subgraphs.js';
import { startEngine } from './start-engine.js';

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
    await using engine = await startEngine(FAKES);
    expect(
      expectData(
        await engine.run(`{ users {
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
    await using engine = await startEngine(FAKES);
    const query =
      '{ users { age id: name } __type(name: "User") { id: name ...T } } fragment T on __Type { size: kind }';
    expect(await engine.runText(query)).toBe(
      '{"data":{"users":[{"age":10,"id":"user 1"},{"age":20,"id":"user 2"}],"__type":{"id":"User","size":"OBJECT"}}}',
    );
  });

  it('is the name in the paths of errors', async () => {
    await using engine = await startEngine(FAKES);
    const { body } = await engine.run('{ users { friend { id: secret age } } }');
    expect(body.data).toEqual({ users: [{ friend: { id: null, age: 20 } }, { friend: null }] });
    expect(body.errors?.map(({ path }) => path)).toEqual([['users', 0, 'friend', 'id']]);
  });

  it('is the name in parts that are deferred', async () => {
    await using engine = await startEngine(FAKES);
    const parts = await engine.runParts('{ users { size: friend { name ... @defer { id: name age } } } }');
    expect(parts[0]?.data).toEqual({ users: [{ size: { name: 'user 2' } }, { size: null }] });
    expect(parts.slice(1).flatMap(({ incremental }) => incremental ?? [])).toEqual([
      { path: ['users', 0, 'size'], data: { id: 'user 2', age: 20 } },
    ]);
  });
});

/** Pieces that stand in posters and banners alike, of which another subgraph has pictures in any size. */
const SLOTS: readonly FakeSubgraph[] = [
  {
    name: 'slots',
    typeDefs: `${LINK}
      type Query { slots: [Slot] framed: [Framed] }
      union Slot = Poster | Banner
      interface Framed { piece: Piece }
      type Poster implements Framed { piece: Piece size: Int }
      type Banner implements Framed { piece: Piece size: Int }
      type Piece @key(fields: "id") { id: ID! title(upper: Boolean): String maker: Maker }
      type Maker @key(fields: "id") { id: ID! }`,
    resolvers: {
      Query: { slots: () => slots(), framed: () => slots() },
      Framed: { __resolveType: ({ __typename }: { __typename: string }) => __typename },
      Piece: {
        title: ({ id }: { id: string }, { upper }: { upper?: boolean }) => (upper ? `TITLE ${id}` : `title ${id}`),
      },
    },
  },
  {
    name: 'pictures',
    typeDefs: `${LINK}
      enum Size { BIG SMALL }
      input Frame { size: Size color: String }
      type Piece @key(fields: "id") { id: ID! art(size: Size!, frame: Frame): String price: Int }
      type Maker @key(fields: "id") { id: ID! photo(size: Size!): String age: Int }`,
    resolvers: {
      Piece: {
        art: ({ id }: { id: string }, { size }: { size: string }) => {
          if (id === 'p2' && size === 'SMALL') throw new Error('fails');
          return `${id} ${size}`;
        },
        price: () => 7,
      },
      Maker: { photo: ({ id }: { id: string }, { size }: { size: string }) => `${id} ${size}`, age: () => 40 },
    },
  },
];

function slots() {
  const piece = (id: string) => ({ id, maker: { id: 'm' } });
  return [
    { __typename: 'Poster', size: 1, piece: piece('p1') },
    { __typename: 'Banner', size: 2, piece: piece('p1') },
    null,
    { __typename: 'Banner', size: 3, piece: piece('p2') },
    { __typename: 'Poster', size: 4, piece: piece('p2') },
  ];
}

describe('a name that stands for several calls, below types that exclude each other', () => {
  it('stands for each in its place, of one entity too', async () => {
    await using engine = await startEngine(SLOTS);
    const { body } = await engine.run(`{ slots {
      ... on Poster { piece { art(size: BIG) } }
      ... on Banner { piece { art(size: SMALL) } }
    } }`);
    expect(body.data).toEqual({
      slots: [
        { piece: { art: 'p1 BIG' } },
        { piece: { art: 'p1 SMALL' } },
        null,
        { piece: { art: null } },
        { piece: { art: 'p2 BIG' } },
      ],
    });
    // The same error is told where the value is wanted, and nowhere under another name.
    expect(body.errors?.map(({ path }) => path)).toContainEqual(['slots', 3, 'piece', 'art']);
    for (const { path } of body.errors ?? []) expect(path?.at(-1)).toBe('art');
  });

  it('stands for other fields, in fragments and further down', async () => {
    await using engine = await startEngine(SLOTS);
    const { framed } = expectData(
      await engine.run(
        `query($big: Size!, $small: Size!) { framed {
          ... on Poster { x: size piece { t: title(upper: true) maker { photo(size: $big) ...M } id: title } }
          ...B
        } }
        fragment B on Banner { x: size piece { t: title maker { photo(size: $small) ...M } id: title(upper: true) } }
        fragment M on Maker { f: age }`,
        { variables: { big: 'BIG', small: 'SMALL' } },
      ),
    );
    expect(framed.slice(0, 2)).toEqual([
      { x: 1, piece: { t: 'TITLE p1', maker: { photo: 'm BIG', f: 40 }, id: 'title p1' } },
      { x: 2, piece: { t: 'title p1', maker: { photo: 'm SMALL', f: 40 }, id: 'TITLE p1' } },
    ]);
  });

  it('is left alone where it stands for one call at each place', async () => {
    await using engine = await startEngine(SLOTS);
    const query = `{ slots { ... on Poster { piece { art(size: BIG, frame: { size: BIG, color: "red" }) } } ... on Banner {
      piece { art(frame: { color: "red", size: BIG }, size: BIG) maker { art: photo(size: SMALL) } } } } }`;
    expectData(await engine.run(query));
    const asked = Object.values(engine.subgraphs).flatMap(({ requests }) => requests.map((request) => request.query));
    expect(asked.join('\n')).not.toContain('apart');
  });

  it('is known again whatever names a client chooses', async () => {
    await using engine = await startEngine(SLOTS);
    const { slots: found } = expectData(
      await engine.run(`{ slots {
        ... on Poster { piece { apart1__art: art(size: BIG) art: price } }
        ... on Banner { size apart1__size: size }
      } }`),
    );
    expect(found.slice(0, 2)).toEqual([{ piece: { apart1__art: 'p1 BIG', art: 7 } }, { size: 2, apart1__size: 2 }]);
  });
});
