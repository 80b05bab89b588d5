import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hasRedisServer, signTestToken, startRedisServer, uuid7, type RedisServer } from '@taskgraph/testkit';
import fc from 'fast-check';
import { startGateway, startGatewayOn, type FakeSubgraph, type GatewayUnderTest } from './fake-subgraphs.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@authenticated"])';
const SEED = 9111;
const RUNS = 60;

/** How a subgraph answers once. */
interface Manner {
  readonly maxAge: number | null;
  readonly sMaxAge: number | null;
  readonly directives: readonly string[];
  readonly status: number;
  readonly age: number | null;
  readonly vary: string | null;
  readonly setsCookie: boolean;
}

/** One answer of the subgraph. */
interface Record {
  readonly manner: Manner;
  readonly credentials: string | undefined;
  readonly at: number;
}

/** Every value tells of which answer it was a part. */
function desk() {
  const records: Record[] = [];
  let manners: readonly Manner[] = [];
  const fakes: FakeSubgraph[] = [
    {
      name: 'shop',
      typeDefs: `${LINK} type Query { item(id: ID!): Item } type Item @key(fields: "id") { id: ID! }`,
      resolvers: { Query: { item: (_: unknown, { id }: { id: string }) => ({ id }) } },
      intercept: (_request, response) => {
        response.setHeader('cache-control', 'max-age=60, public');
        return false;
      },
    },
    {
      name: 'desk',
      typeDefs: `${LINK} type Query { mine: String guarded: String @authenticated }
        type Item @key(fields: "id") { id: ID! whose: String secret: String @authenticated }`,
      intercept(request, response) {
        let text = '';
        request.setEncoding('utf8');
        request.on('data', (chunk: string) => (text += chunk));
        request.on('end', () => {
          // The gateway asks whether it is ready.
          if (request.method === 'GET') return response.writeHead(404).end();
          const { query, variables } = JSON.parse(text) as {
            query: string;
            variables?: { representations?: unknown[] };
          };
          const manner = manners[records.length % manners.length];
          if (query === '{__typename}' || !manner) return response.end('{"data":{"__typename":"Query"}}');
          const stamp = `#${records.push({ manner, credentials: request.headers.authorization, at: Date.now() }) - 1}`;
          for (const [name, value] of Object.entries(headersOf(manner))) response.setHeader(name, value);
          response.writeHead(manner.status, { 'content-type': 'application/json' });
          const entity = { __typename: 'Item', whose: stamp, secret: stamp };
          const data = variables?.representations
            ? { _entities: variables.representations.map(() => entity) }
            : Object.fromEntries([...query.matchAll(/(\w+):/g)].map(([, name]) => [name, stamp]));
          return response.end(JSON.stringify({ data }));
        });
        return true;
      },
    },
  ];
  return { fakes, records, answerLike: (next: readonly Manner[]) => (manners = next) };
}

function headersOf({ maxAge, sMaxAge, directives, age, vary, setsCookie }: Manner): { [name: string]: string } {
  const all = [...directives];
  if (maxAge !== null) all.unshift(`max-age=${maxAge}`);
  if (sMaxAge !== null) all.push(`s-maxage=${sMaxAge}`);
  return {
    ...(all.length > 0 && { 'cache-control': all.join(', ') }),
    ...(age !== null && { age: String(age) }),
    ...(vary !== null && { vary }),
    ...(setsCookie && { 'set-cookie': 'session=1' }),
  };
}

/** Whether others than who asked may get it: the rules one by one. */
function isForOthers({ status, directives, sMaxAge, vary, setsCookie }: Manner): boolean {
  const says = (name: string) => directives.includes(name);
  if (status !== 200 || says('private') || says('no-store') || says('no-cache')) return false;
  if (vary !== null && vary !== 'accept') return false;
  if (setsCookie && !says('public')) return false;
  return says('public') || says('must-revalidate') || sMaxAge !== null;
}

/** Whether it is for the one client that has asked, though others send the same. */
function isForOne({ directives, setsCookie }: Manner): boolean {
  return directives.includes('private') || (setsCookie && !directives.includes('public'));
}

/** Whether it may be used for a later request, and how many seconds long. */
function lifetime({ status, directives, maxAge, sMaxAge, age }: Manner, isShared: boolean): number {
  if (status !== 200 || directives.includes('no-store') || directives.includes('no-cache')) return 0;
  return ((isShared ? sMaxAge : null) ?? maxAge ?? 0) - (age ?? 0);
}

const OPERATIONS = ['mine', 'guarded', 'whose', 'secret'] as const;
interface Ask {
  readonly viewer: number;
  readonly operation: (typeof OPERATIONS)[number];
  readonly gateway: number;
}

const userId = uuid7();
const VIEWERS = [
  signTestToken({ userId }),
  signTestToken({ userId }),
  signTestToken({ role: 'ADMIN' }),
  'garbage',
  undefined,
  undefined,
] as const;

const manner: fc.Arbitrary<Manner> = fc.record({
  maxAge: fc.constantFrom(null, 0, 60, 60, 60),
  sMaxAge: fc.constantFrom(null, null, null, 0, 60),
  directives: fc.oneof(
    fc.constantFrom([], ['public'], ['private'], ['must-revalidate']),
    fc.subarray(['public', 'private', 'must-revalidate', 'no-store', 'no-cache']),
  ),
  status: fc.constantFrom(200, 200, 200, 200, 404, 500),
  age: fc.constantFrom(null, null, 0, 30, 60),
  vary: fc.constantFrom(null, null, null, 'accept', 'Authorization', '*'),
  setsCookie: fc.constantFrom(false, false, false, false, true),
});
const ask: fc.Arbitrary<Ask> = fc.record({
  viewer: fc.nat(VIEWERS.length - 1),
  operation: fc.constantFrom(...OPERATIONS),
  gateway: fc.nat(1),
});
/** Requests of one turn are under way at once; few operations, so that they meet. */
const turns = fc.array(fc.array(ask, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 6 });

let salts = 0;

function sharesNothingElse(hasKeys: boolean, settings: () => { [name: string]: string }) {
  const { fakes, records, answerLike } = desk();
  const gateways: GatewayUnderTest[] = [];
  beforeAll(async () => {
    const parts = hasKeys ? {} : { jwks: undefined as never };
    const first = await startGateway(fakes, settings(), parts);
    gateways.push(first, await startGatewayOn(first, settings(), parts));
    for (const { url } of gateways)
      while (((await (await fetch(`${url}/health`)).json()) as { status: string }).status !== 'ok');
  });
  afterAll(async () => {
    for (const gateway of gateways.reverse()) await gateway[Symbol.asyncDispose]();
  });

  it('gives nobody what took the credentials of somebody else, unless the subgraph allows it', async () => {
    let shared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(manner, { minLength: 1, maxLength: 4 }), turns, async (manners, all) => {
        answerLike(manners);
        const salt = (salts += 1);
        /** Who has got what is for one client. */
        const owners = new Map<number, number>();
        let requests = 0;
        for (const turn of all)
          await Promise.all(
            turn.map(async ({ viewer, operation, gateway }) => {
              const number = (requests += 1);
              const token = VIEWERS[viewer];
              const credentials = token === undefined ? undefined : `Bearer ${token}`;
              const isRoot = operation === 'mine' || operation === 'guarded';
              const isGuarded = operation === 'guarded' || operation === 'secret';
              const query = isRoot ? `{ a${salt}: ${operation} }` : `{ item(id: "${salt}") { ${operation} } }`;
              const startedAt = Date.now();
              const answer = await gateways[gateway]!.run(query, { ...(token !== undefined && { token }) });
              const told = answer.headers.get('cache-control') ?? '';
              for (const [, stamp] of JSON.stringify(answer.body).matchAll(/"#(\d+)"/g)) {
                const { manner: given, credentials: whose, at } = records[Number(stamp)]!;
                const where = { query, credentials, whose, headers: headersOf(given), status: given.status };
                const isOthers = whose !== credentials;
                const check = (isRight: boolean, what: string) => {
                  if (!isRight) throw new Error(`${what}: ${JSON.stringify(where)}`);
                };
                if (isOthers) {
                  shared += 1;
                  check(isForOthers(given), 'shared with others');
                  check(hasKeys || !isGuarded, 'guarded, and nobody has checked the token');
                }
                // Two clients without a token are two.
                if (credentials === undefined && isForOne(given)) {
                  check((owners.get(Number(stamp)) ?? number) === number, 'for one client, and given to two');
                  owners.set(Number(stamp), number);
                }
                // What serves several clients has another time than what serves one.
                const asShared = isForOthers(given) || given.sMaxAge === null ? lifetime(given, true) : 0;
                const asOwn = isOthers || credentials === undefined ? 0 : lifetime(given, false);
                // Those of one turn are under way at once.
                if (startedAt > at) check(startedAt < at + 1000 * Math.max(asShared, asOwn), 'past its end');
                if (told.includes('public')) check(isForOthers(given) && !isGuarded, `told as ${told}`);
                const seconds = Number(/^max-age=(\d+)/.exec(told)?.[1] ?? 0);
                check(seconds <= Math.max(0, lifetime(given, false)), `told as ${told}`);
                if (told.includes('private'))
                  check(answer.headers.get('vary')?.includes('authorization') ?? false, 'private without Vary');
              }
            }),
          );
      }),
      { numRuns: RUNS, seed: SEED },
    );
    // What may be shared is, where anything is kept; how often depends on how fast the machine is.
    if (settings()['ENTITY_CACHE_MIB'] === '0') expect(shared).toBe(0);
    else expect(shared).toBeGreaterThan(0);
  });
}

describe.each([
  ['with keys', true],
  ['without keys', false],
])('gateways %s', (_what, hasKeys) => {
  describe('that keep in their own memory', () => sharesNothingElse(hasKeys, () => ({})));

  (hasRedisServer() ? describe : describe.skip)('that keep in Redis', () => {
    let redis: RedisServer;
    beforeAll(async () => {
      redis = await startRedisServer();
    });
    afterAll(() => redis.stop());
    sharesNothingElse(hasKeys, () => ({ REDIS_URL: redis.url }));
  });

  describe('that keep nothing', () => sharesNothingElse(hasKeys, () => ({ ENTITY_CACHE_MIB: '0' })));
});
