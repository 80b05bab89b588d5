import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { expectData, signTestToken } from '@taskgraph/testkit';
import { parse } from 'graphql';
import { WebSocket } from 'ws';
import { createOverrideLabels } from '../src/admission/held-labels.js';
import type { Identity } from '@taskgraph/federation-engine/internal/request/context.js';
import { readOverrideDirectives } from '@taskgraph/federation-engine/internal/supergraph/planner/override-directives.js';
import { startGateway, type FakeSubgraph, type GatewayUnderTest } from './fake-subgraphs.js';
import { connectClient } from './subscriptions/newsroom.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@override"])';

const told = (subgraph: string, name: string) => (parent: { id?: string } | undefined) =>
  `${subgraph} ${name} ${parent?.id ?? ''}`.trim();

/** Fields on their way from one subgraph to another. */
function moving(percent = 50): FakeSubgraph[] {
  return [
    {
      name: 'old',
      typeDefs: `${LINK}
        type Query { half: String mine: String still: String book: Book node: Node }
        type Subscription { opened: Page }
        type Page @key(fields: "id") { id: ID! length: Int }
        interface Node @key(fields: "id") { id: ID! }
        type Book implements Node @key(fields: "id") { id: ID! title: String length: Int }`,
      resolvers: {
        Query: {
          half: told('old', 'half'),
          mine: told('old', 'mine'),
          still: told('old', 'still'),
          book: () => ({ id: '1' }),
          node: () => ({ __typename: 'Book', id: '1' }),
        },
        Node: { __resolveType: () => 'Book' },
        Book: {
          __resolveReference: ({ id }: { id: string }) => ({ id }),
          title: told('old', 'title'),
          length: () => 1,
        },
      },
    },
    {
      name: 'new',
      typeDefs: `${LINK}
        type Query {
          half: String @override(from: "old", label: "percent(${percent})")
          mine: String @override(from: "old", label: "mine")
        }
        type Book @key(fields: "id") {
          id: ID!
          title: String @override(from: "old", label: "titles")
          length: Int @override(from: "old", label: "lengths")
        }
        type Page @key(fields: "id") { id: ID! length: Int @override(from: "old", label: "lengths") }`,
      resolvers: {
        Query: { half: told('new', 'half'), mine: told('new', 'mine') },
        Book: { title: told('new', 'title'), length: () => 2 },
        Page: { length: () => 2 },
      },
    },
  ];
}

const labels = (text: string) => ({ headers: { 'x-labels': text } });
const WITH_HEADER = { OVERRIDE_LABELS_HEADER: 'X-Labels' };

describe('a field on its way from one subgraph to another', () => {
  it('is asked of the new one where its label holds: by a header, a setting or a hook', async () => {
    await using gateway = await startGateway(
      moving(),
      { ...WITH_HEADER, OVERRIDE_LABELS: 'lengths, unused' },
      { overrideLabelsOf: ({ authorization }) => (authorization === undefined ? [] : ['titles']) },
    );
    const query = '{ mine still book { title length } node { ... on Book { title } } }';
    const ask = async (options: Parameters<GatewayUnderTest['run']>[1]) =>
      expectData(await gateway.run(query, options));
    const before = { mine: 'old mine', still: 'old still', book: { title: 'old title 1', length: 2 } };
    expect(await ask({})).toEqual({ ...before, node: { title: 'old title 1' } });
    expect(await ask(labels('mine, nobody knows this'))).toEqual({
      ...before,
      mine: 'new mine',
      node: { title: 'old title 1' },
    });
    expect(await ask({ ...labels('mine'), token: signTestToken() })).toEqual({
      mine: 'new mine',
      still: 'old still',
      book: { title: 'new title 1', length: 2 },
      node: { title: 'new title 1' },
    });
    // What has been planned for one request is not what the next one gets.
    expect(await ask({})).toEqual({ ...before, node: { title: 'old title 1' } });
  });

  it('heeds no header that no setting names', async () => {
    await using gateway = await startGateway(moving());
    expect(expectData(await gateway.run('{ mine }', labels('mine')))).toEqual({ mine: 'old mine' });
  });

  it('is asked of the new one for a share of the viewers, and of each viewer always the same', async () => {
    await using gateway = await startGateway(moving(50), WITH_HEADER);
    const half = async (userId: string) =>
      expectData(await gateway.run('{ half }', { token: signTestToken({ userId }) })).half as string;
    const users = Array.from(
      { length: 24 },
      (_, index) => `0190a0a0-0000-7000-8000-${String(index).padStart(12, '0')}`,
    );
    const first = await Promise.all(users.map(half));
    expect(await Promise.all(users.map(half))).toEqual(first);
    expect(new Set(first)).toEqual(new Set(['old half', 'new half']));
    // Any label may be named, that of a share too.
    expect(expectData(await gateway.run('{ half }', labels('percent(50)')))).toEqual({ half: 'new half' });
  });

  it('is asked of the right one for events, by the header of the handshake', async () => {
    await using gateway = await startGateway(moving(), WITH_HEADER);
    const { feed } = gateway.subgraphs['old']!;
    class Labelled extends WebSocket {
      constructor(url: string, protocols: string) {
        super(url, protocols, { headers: { 'x-labels': 'lengths' } });
      }
    }
    await using client = connectClient(gateway);
    await using labelled = connectClient(gateway, { webSocketImpl: Labelled });
    const query = 'subscription { opened { length } }';
    const results = [client.subscribe(query), labelled.subscribe(query)];
    await feed.untilActive(2);
    feed.publish({ root: { opened: { id: '1', length: 1 } } });
    expect(await Promise.all(results.map((each) => each.next()))).toEqual([
      { data: { opened: { length: 1 } } },
      { data: { opened: { length: 2 } } },
    ]);
    for (const each of results) each.stop();
  });
});

describe('labels, beside other things that change what is asked for', () => {
  class Labelled extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols, { headers: { 'x-labels': 'lengths' } });
    }
  }

  it('hold for a subscription also after the graph has been loaded again', async () => {
    const { lines, log } = collectLines();
    await using gateway = await startGateway(moving(), WITH_HEADER, { log });
    const { feed } = gateway.subgraphs['old']!;
    await using client = connectClient(gateway);
    await using labelled = connectClient(gateway, { webSocketImpl: Labelled });
    const results = [client, labelled].map((each) => each.subscribe('subscription { opened { length } }'));
    await feed.untilActive(2);
    const tell = async () => {
      feed.publish({ root: { opened: { id: '1', length: 1 } } });
      return Promise.all(results.map(async (each) => (await each.next()).data));
    };
    const right = [{ opened: { length: 1 } }, { opened: { length: 2 } }];
    expect(await tell()).toEqual(right);
    const sdl = await readFile(gateway.supergraphPath, 'utf8');
    // A label that nobody has any more, and one that is new: what was planned for the old one is planned anew.
    await writeFile(gateway.supergraphPath, sdl.replaceAll('"titles"', '"names"'));
    while (!lines.some(({ msg }) => msg === 'supergraph reloaded')) await new Promise((r) => setTimeout(r, 5));
    expect(await tell()).toEqual(right);
    expect(expectData(await gateway.run('{ book { title length } }', labels('names,lengths')))).toEqual({
      book: { title: 'new title 1', length: 2 },
    });
    expect(expectData(await gateway.run('{ book { title length } }', labels('titles')))).toEqual({
      book: { title: 'old title 1', length: 1 },
    });
    for (const each of results) each.stop();
    await feed.untilActive(0);
  });

  it('hold for what is left where fields are withheld', async () => {
    const [old, recent] = moving() as [FakeSubgraph, FakeSubgraph];
    const imports = (fake: FakeSubgraph) => fake.typeDefs.replace('"@override"]', '"@override", "@authenticated"]');
    const guarded = [
      { ...old, typeDefs: imports(old).replace('still: String', 'still: String @authenticated') },
      {
        ...recent,
        typeDefs: imports(recent).replace('title: String @override', 'title: String @authenticated @override'),
      },
    ];
    await using gateway = await startGateway(guarded, WITH_HEADER);
    const query = '{ mine still book { title length } }';
    const paths = [['still'], ['book', 'title']];
    for (const [named, left] of [
      ['', { mine: 'old mine', still: null, book: { title: null, length: 1 } }],
      ['mine, lengths', { mine: 'new mine', still: null, book: { title: null, length: 2 } }],
      ['titles', { mine: 'old mine', still: null, book: { title: null, length: 1 } }],
    ] as const) {
      const { body } = await gateway.run(query, labels(named));
      expect(body.data).toEqual(left);
      expect(body.errors).toHaveLength(2);
      expect(body.errors).toEqual(
        expect.arrayContaining(
          paths.map((path) =>
            expect.objectContaining({
              path,
              extensions: expect.objectContaining({ code: 'UNAUTHENTICATED' }) as unknown,
            }),
          ),
        ),
      );
      // Neither subgraph was asked for it.
      for (const { requests } of Object.values(gateway.subgraphs))
        expect(requests.some(({ query: asked }) => /still|title/.test(asked))).toBe(false);
    }
    const seen = expectData(await gateway.run(query, { ...labels('titles, mine'), token: signTestToken() }));
    expect(seen).toEqual({ mine: 'new mine', still: 'old still', book: { title: 'new title 1', length: 1 } });
  });
});

function collectLines() {
  const lines: Array<Record<string, unknown>> = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  return { lines, log: createLog({ service: 'gateway', level: 'info', destination }) };
}

describe('the share of percent(n)', () => {
  const accepted = (userId: string) => ({ kind: 'accepted', viewer: { userId } }) as unknown as Identity;
  const holds = createOverrideLabels({ labels: [] });
  const share = (n: number, facts: (index: number) => Parameters<typeof holds>[0]) =>
    Array.from({ length: 5_000 }, (_, index) => index).filter((index) => holds(facts(index))(`percent(${n})`));
  const known = (index: number) => ({ identity: accepted(`user-${index}`), authorization: undefined });

  it('is about n of a hundred viewers, and none and all at the ends', () => {
    expect(share(0, known)).toHaveLength(0);
    expect(share(100, known)).toHaveLength(5_000);
    for (const n of [1, 12.5, 50, 90]) expect(Math.abs(share(n, known).length / 50 - n)).toBeLessThan(2.5);
  });

  it('keeps those whom it has when it grows', () => {
    const more = new Set(share(40, known));
    for (const index of share(25, known)) expect(more.has(index)).toBe(true);
  });

  it('is about n of a hundred requests of nobody, and the same for one token that cannot be read', () => {
    const nobody = () => ({ identity: { kind: 'absent' } as Identity, authorization: undefined });
    expect(Math.abs(share(30, nobody).length / 50 - 30)).toBeLessThan(5);
    const unread = (index: number) => ({ identity: { kind: 'unverified' } as Identity, authorization: `t${index}` });
    expect(share(30, unread)).toEqual(share(30, unread));
  });

  it('is not asked of what is no share', () => {
    for (const label of ['percent(1000)', 'percent(-1)', 'percent()', 'half', '50', 'percent(5'])
      expect(holds(known(1))(label)).toBe(false);
  });
});

describe('the labels that decide about an operation', () => {
  it('are those of its fields, of what they require, and of keys', () => {
    const found = readOverrideDirectives(
      parse(`
        type Query { a: A @join__field(graph: X) }
        interface I @join__type(graph: X) { size: Int @join__field(graph: X) }
        type A implements I @join__type(graph: X, key: "id b { code }") {
          id: ID!
          size: Int @join__field(graph: Y, override: "x", overrideLabel: "sizes")
          b: B
          text: String @join__field(graph: Z, requires: "b { weight }")
          whole: String @join__field(graph: Z, requires: "text ... on I { size }")
          plain: String
        }
        type B { code: String @join__field(graph: Y, overrideLabel: "codes") weight: Int @join__field(graph: Y, overrideLabel: "weights") }
      `),
    );
    expect(Object.fromEntries(found)).toEqual({
      'A.size': ['sizes'],
      'B.code': ['codes'],
      'B.weight': ['weights'],
      'A.text': ['weights'],
      'A.whole': ['weights', 'sizes'],
      A: ['codes'],
    });
    expect(readOverrideDirectives(parse('type Query { a: Int @join__field(graph: X, requires: "b") b: Int }'))).toEqual(
      [],
    );
  });
});
