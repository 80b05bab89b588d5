import { describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode } from '@taskgraph/testkit';
import { startGateway, type FakeSubgraph } from './fake-subgraphs.js';
import { openSocket, subscribe } from './subscriptions/raw-socket.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])';

/** A graph in which one can go round and round, with values of any form. */
const ROUND: readonly FakeSubgraph[] = [
  {
    name: 'round',
    typeDefs: `${LINK}
      scalar Any
      input Nested { inner: Nested list: [Nested] }
      type Query { tasks(first: Int): Connection any(value: Any): String nested(value: Nested): String word(length: Int): String }
      type Mutation { add: String }
      type Connection { edges: [Edge] }
      type Edge { node: Task }
      type Task { owner: Owner title: String }
      type Owner { tasks(first: Int): Connection name: String }`,
    resolvers: { Query: { word: () => 'word', any: (_: unknown, { value }: { value: unknown }) => typeof value } },
  },
];

function nest(open: string, levels: number, inner: string, close: string): string {
  return open.repeat(levels) + inner + close.repeat(levels);
}

const levelsOfTasks = (levels: number) =>
  nest('tasks(first: 2147483647) { edges { node { owner { ', levels, 'name', ' } } } }');

/** Documents of any depth. */
const DEEP: ReadonlyArray<readonly [name: string, write: (levels: number) => string]> = [
  ['inline fragments', (levels: number) => nest('{ ... ', levels, '{ word }', ' }')],
  [
    'fields',
    (levels: number) =>
      `{ tasks { edges { node { ${nest('owner { tasks { edges { node { ', levels, 'title', ' } } } }')} } } } }`,
  ],
  ['lists in arguments', (levels: number) => `{ any(value: ${nest('[', levels, '1', ']')}) }`],
  ['objects in arguments', (levels: number) => `{ nested(value: ${nest('{ inner: ', levels, 'null', ' }')}) }`],
  [
    'lists in defaults of variables',
    (levels: number) => `query($v: Any = ${nest('[', levels, '1', ']')}) { any(value: $v) }`,
  ],
  ['types of variables', (levels: number) => `query($v: ${nest('[', levels, 'Int', ']')}) { any(value: $v) }`],
  ['what never ends', (levels: number) => '{ a '.repeat(levels)],
  [
    'fragments that spread each other',
    (levels: number) =>
      `{ ...F0 } ${Array.from({ length: levels }, (_, index) => `fragment F${index} on Query { word ...F${index + 1} }`).join(' ')} fragment F${levels} on Query { word }`,
  ],
];

describe('a document', () => {
  it('that is deep is refused, however deep it is, and by what', async () => {
    await using gateway = await startGateway(ROUND, {
      MAX_OPERATION_TOKENS: '1000000',
      MAX_OPERATION_DEFINITIONS: '100000',
    });
    for (const [name, write] of DEEP)
      for (const levels of [101, 900, 1_400, 7_000, 20_000]) {
        const { extensions } = expectErrorCode(await gateway.run(write(levels)), 'OPERATION_REJECTED');
        expect([name, levels, extensions?.['reason']]).toEqual([name, levels, 'TOO_DEEP']);
      }
    expect(expectData(await gateway.run('{ word }'))).toEqual({ word: 'word' });
  });

  it('may be as deep as the setting says', async () => {
    await using gateway = await startGateway(ROUND, { MAX_OPERATION_DEPTH: '5' });
    expect(expectData(await gateway.run(nest('{ ... ', 4, '{ word }', ' }')))).toEqual({ word: 'word' });
    expectErrorCode(await gateway.run(nest('{ ... ', 5, '{ word }', ' }')), 'OPERATION_REJECTED');
  });

  it.each([
    ['TOO_MANY_TOKENS', { MAX_OPERATION_TOKENS: '5' }, '{ word a: word }'],
    ['TOO_MANY_DEFINITIONS', { MAX_OPERATION_DEFINITIONS: '1' }, 'query A { word } query B { word }'],
    ['TOO_MANY_DIRECTIVES', { MAX_OPERATION_DIRECTIVES: '1' }, '{ word @skip(if: false) @include(if: true) }'],
    ['TOO_MANY_SELECTIONS', { MAX_OPERATION_SELECTIONS: '3' }, '{ ...F ... { ...F } } fragment F on Query { word }'],
    ['TOO_MANY_ALIASES', { MAX_OPERATION_ALIASES: '1' }, '{ a: word ...F } fragment F on Query { b: word }'],
    ['TOO_MANY_ROOT_FIELDS', { MAX_OPERATION_ROOT_FIELDS: '1' }, '{ word ...F } fragment F on Query { a: word }'],
    ['TOO_MUCH_OVERLAP', { MAX_OPERATION_OVERLAP: '2' }, '{ word word word }'],
  ])('over a limit is refused with %s', async (reason, settings, query) => {
    await using gateway = await startGateway(ROUND, settings);
    const error = expectErrorCode(await gateway.run(query), 'OPERATION_REJECTED');
    expect(error.extensions).toMatchObject({ reason });
    expect(expectData(await gateway.run('{ word }'))).toEqual({ word: 'word' });
  });

  it('whose fragments spread themselves is told so', async () => {
    await using gateway = await startGateway(ROUND);
    const { message } = expectErrorCode(
      await gateway.run('{ ...F } fragment F on Query { tasks { ...G } } fragment G on Connection { ...F }'),
      'GRAPHQL_VALIDATION_FAILED',
    );
    expect(message).toContain('within itself');
  });
});

describe('an operation of any size', () => {
  it('has a cost that is a number, and is answered', async () => {
    await using gateway = await startGateway(ROUND, { MAX_OPERATION_DEPTH: '1000' });
    const query = `query($x: Boolean!) { __typename ... @include(if: $x) { ${levelsOfTasks(34)} } }`;
    expect(expectData(await gateway.run(query, { variables: { x: false } }))).toEqual({ __typename: 'Query' });
    await using socket = await openSocket(gateway);
    socket.send({ type: 'subscribe', id: 'big', payload: { query, variables: { x: false } } });
    expect(await socket.next()).toMatchObject({ type: 'next', payload: { data: { __typename: 'Query' } } });
  });

  it('is refused over WebSocket too when it is deep, and the connection goes on', async () => {
    await using gateway = await startGateway(ROUND);
    await using socket = await openSocket(gateway);
    socket.send(subscribe('d', nest('{ ... ', 20_000, '{ word }', ' }')));
    expect(await socket.next()).toMatchObject({
      id: 'd',
      type: 'error',
      payload: [{ extensions: { reason: 'TOO_DEEP' } }],
    });
    socket.send(subscribe('w', '{ word }'));
    expect(await socket.next()).toMatchObject({ id: 'w', type: 'next' });
  });
});
