import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, hasRedisServer, signTestToken, startRedisServer, type RedisServer } from '@taskgraph/testkit';
import { startGateway, startGatewayOn, type FakeSubgraph, type GatewayUnderTest } from './fake-subgraphs.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const CLIENTS = 12;

/** A subgraph that answers when the test says so, and tells when it has been asked. */
function createGate() {
  let open: () => void = () => undefined;
  let opened = Promise.resolve();
  let asked: () => void = () => undefined;
  return {
    /** From now on nothing is answered until `open`. Resolves when the first question has come. */
    shut() {
      opened = new Promise((resolve) => (open = resolve));
      return new Promise<void>((resolve) => (asked = resolve));
    },
    open: () => open(),
    async pass() {
      asked();
      await opened;
    },
  };
}

function shop() {
  const names = new Map([['a', 'Jane']]);
  const gate = createGate();
  let policy = 'max-age=60, public';
  const fakes: FakeSubgraph[] = [
    {
      name: 'books',
      typeDefs: `${LINK} type Query { book(author: ID!): Book } type Book { author: Author } type Author @key(fields: "id") { id: ID! }`,
      resolvers: { Query: { book: (_: unknown, { author }: { author: string }) => ({ author: { id: author } }) } },
    },
    {
      name: 'authors',
      typeDefs: `${LINK} type Query { best: Author } type Mutation { rename(id: ID!, name: String!): Author }
        type Author @key(fields: "id") { id: ID! name: String }`,
      resolvers: {
        Query: {
          best: async () => {
            const name = names.get('a');
            await gate.pass();
            return { id: 'a', name };
          },
        },
        Mutation: {
          rename: (_: unknown, { id, name }: { id: string; name: string }) => {
            names.set(id, name);
            return { id, name };
          },
        },
        Author: {
          __resolveReference: async ({ id }: { id: string }) => {
            const name = names.get(id) ?? id;
            await gate.pass();
            return { id, name };
          },
        },
      },
      intercept: (_request, response) => {
        response.setHeader('cache-control', policy);
        return false;
      },
    },
  ];
  return { fakes, gate, setPolicy: (next: string) => (policy = next) };
}

const QUERY = 'query($id: ID!) { book(author: $id) { author { name } } }';

async function nameOf(gateway: GatewayUnderTest, id: string): Promise<string> {
  // Each in the name of somebody else.
  const { book } = expectData(await gateway.run(QUERY, { variables: { id }, token: signTestToken() }));
  return (book as { author: { name: string } }).author.name;
}

function countFetches(gateway: GatewayUnderTest): number {
  return (
    gateway.subgraphs['authors']?.requests.splice(0).filter(({ query }) => !query.includes('mutation')).length ?? -1
  );
}

async function countMisses(gateways: readonly GatewayUnderTest[]): Promise<number> {
  let missed = 0;
  for (const { url } of gateways) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    missed += Number(/lookups_total\{[^}]*subgraph="authors",outcome="miss"[^}]*\} (\d+)/.exec(metrics)?.[1] ?? 0);
  }
  return missed;
}

/** A lookup that missed is what tells that a request waits, or fetches. Returns what waits for so many more of them. */
async function watchMisses(...gateways: readonly GatewayUnderTest[]): Promise<(more: number) => Promise<void>> {
  const before = await countMisses(gateways);
  return async (more) => {
    while ((await countMisses(gateways)) < before + more);
  };
}

describe('many viewers who miss the same public entity at once', () => {
  const { fakes, gate, setPolicy } = shop();
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway(fakes);
    // Its policy is learnt from a first answer.
    await nameOf(gateway, 'first');
    countFetches(gateway);
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it('cause one fetch', async () => {
    const waiting = await watchMisses(gateway);
    void gate.shut();
    const answers = Promise.all(Array.from({ length: CLIENTS }, () => nameOf(gateway, 'a')));
    await waiting(CLIENTS);
    gate.open();
    expect(await answers).toEqual(Array.from({ length: CLIENTS }, () => 'Jane'));
    expect(countFetches(gateway)).toBe(1);
  });

  it('cause one fetch of root fields', async () => {
    const waiting = await watchMisses(gateway);
    const best = () => gateway.run('{ best { name } }', { token: signTestToken() });
    await best();
    await gateway.run('mutation { rename(id: "x", name: "X") { id } }');
    countFetches(gateway);
    void gate.shut();
    const answers = Promise.all(Array.from({ length: CLIENTS }, best));
    await waiting(CLIENTS);
    gate.open();
    for (const answer of await answers) expect(expectData(answer)).toEqual({ best: { name: 'Jane' } });
    expect(countFetches(gateway)).toBe(1);
  });

  it('who come after a change do not wait for a fetch from before it', async () => {
    const waiting = await watchMisses(gateway);
    const asked = gate.shut();
    await gateway.run('mutation { rename(id: "a", name: "Jane") { id } }');
    const before = nameOf(gateway, 'a');
    await asked;
    await gateway.run('mutation { rename(id: "a", name: "Charlotte") { id } }');
    const after = Promise.all([nameOf(gateway, 'a'), nameOf(gateway, 'a')]);
    await waiting(3);
    gate.open();
    expect(await before).toBe('Jane');
    expect(await after).toEqual(['Charlotte', 'Charlotte']);
    // What was fetched before the change is not what is kept.
    expect(await nameOf(gateway, 'a')).toBe('Charlotte');
    expect(countFetches(gateway)).toBe(2);
  });

  it('are answered when the one who fetches goes away', async () => {
    const waiting = await watchMisses(gateway);
    const asked = gate.shut();
    const leaving = new AbortController();
    const gone = gateway
      .run(QUERY, { variables: { id: 'b' }, token: signTestToken(), signal: leaving.signal })
      .catch((error: Error) => error.name);
    await asked;
    const others = Promise.all(Array.from({ length: CLIENTS }, () => nameOf(gateway, 'b')));
    await waiting(CLIENTS + 1);
    leaving.abort();
    expect(await gone).toBe('AbortError');
    // The next of them fetches for all that are left.
    while ((gateway.subgraphs['authors']?.requests.length ?? 0) < 2) await new Promise(setImmediate);
    gate.open();
    expect(await others).toEqual(Array.from({ length: CLIENTS }, () => 'b'));
    expect(countFetches(gateway)).toBe(2);
  });

  it('each fetch when it turns out not to be for everybody', async () => {
    const waiting = await watchMisses(gateway);
    setPolicy('max-age=60, private');
    void gate.shut();
    const answers = Promise.all(Array.from({ length: 3 }, () => nameOf(gateway, 'c')));
    await waiting(3);
    gate.open();
    expect(await answers).toEqual(['c', 'c', 'c']);
    expect(countFetches(gateway)).toBe(3);
    setPolicy('max-age=60, public');
  });
});

(hasRedisServer() ? describe : describe.skip)('gateways that share a Redis', () => {
  const { fakes, gate } = shop();
  let redis: RedisServer;
  let first: GatewayUnderTest;
  let second: GatewayUnderTest;
  beforeAll(async () => {
    redis = await startRedisServer();
    // As long as the test keeps the gate shut, on whatever machine.
    const settings = { REDIS_URL: redis.url, ENTITY_CACHE_WAIT_MS: '60000' };
    first = await startGateway(fakes, settings);
    second = await startGatewayOn(first, settings);
    for (const { url } of [first, second])
      while (((await (await fetch(`${url}/health`)).json()) as { status: string }).status !== 'ok');
    for (const gateway of [first, second]) {
      await gateway.run('mutation { rename(id: "first", name: "first") { id } }');
      await nameOf(gateway, 'first');
    }
    countFetches(first);
  });
  afterAll(async () => {
    await second[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    await redis.stop();
  });

  it('cause one fetch when both miss the same public entity at once', async () => {
    const waiting = await watchMisses(first, second);
    const asked = gate.shut();
    const ask = () => Promise.all([first, second].flatMap((gateway) => [nameOf(gateway, 'a'), nameOf(gateway, 'a')]));
    const answers = ask();
    await asked;
    await waiting(4);
    gate.open();
    expect(await answers).toEqual(['Jane', 'Jane', 'Jane', 'Jane']);
    expect(await ask()).toEqual(['Jane', 'Jane', 'Jane', 'Jane']);
    expect(countFetches(first)).toBe(1);
  });

  it('see in one what was changed through the other, also while it was being fetched', async () => {
    const waiting = await watchMisses(first, second);
    const asked = gate.shut();
    await second.run('mutation { rename(id: "a", name: "Jane") { id } }');
    const before = nameOf(first, 'a');
    await asked;
    await second.run('mutation { rename(id: "a", name: "Emily") { id } }');
    const after = nameOf(second, 'a');
    await waiting(2);
    gate.open();
    expect([await before, await after]).toEqual(['Jane', 'Emily']);
    expect([await nameOf(first, 'a'), await nameOf(second, 'a')]).toEqual(['Emily', 'Emily']);
  });

  it('do not wait longer than a moment for a gateway that does not get its answer', async () => {
    await using impatient = await startGatewayOn(first, { REDIS_URL: redis.url, ENTITY_CACHE_WAIT_MS: '100' });
    while (((await (await fetch(`${impatient.url}/health`)).json()) as { status: string }).status !== 'ok');
    await nameOf(impatient, 'first');
    const asked = gate.shut();
    const slow = nameOf(first, 'z');
    await asked;
    const other = nameOf(impatient, 'z');
    countFetches(first);
    // It asks by itself while the first still waits.
    while ((first.subgraphs['authors']?.requests.length ?? 0) < 1) await new Promise(setImmediate);
    gate.open();
    expect([await slow, await other]).toEqual(['z', 'z']);
  });
});
