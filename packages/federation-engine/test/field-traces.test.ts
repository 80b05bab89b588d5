import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginUsageReporting } from '@apollo/server/plugin/usageReporting';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { Report, Trace, type IContextualizedStats, type ITrace } from '@apollo/usage-reporting-protobuf';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { parse, type GraphQLResolveInfo } from 'graphql';
import { createApolloGateway } from '../src/apollo-server.js';
import { createClientErrors } from '../src/execute/client-errors.js';
import { SILENT } from '../src/request/log.js';
import { tellErrors } from '../src/run-traces.js';
import { createMemoryCache, type Cache } from '../src/index.js';
import { composeSdl, startSubgraph, type StartedSubgraph } from './fake-subgraphs.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
/** Its root has a name of its own, which clients do not see. */
const BOOKS = `${LINK} { query: OwnQuery mutation: Mutation }
  type OwnQuery { books: [Book!]! kept: String broken: Int }
  type Mutation { write: Int }
  type Book @key(fields: "id") { id: ID! title: String }`;
const REVIEWS = `${LINK} type Book @key(fields: "id") { id: ID! stars: Int }`;
const PLAIN = `${LINK} type Query { plain: Int plainFails: Int garbled: Int }`;
const SLOW_MS = 30;

const GARBLED = '{"data":{"garbled":7},"extensions":{"ftv1":"////"}}';
/** What the plain subgraph answers at `/odd`. */
let odd = '';

const nothing = () => undefined;
const QUIET = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** What Apollo Server adds to what a resolver is told. */
interface CachedInfo extends GraphQLResolveInfo {
  readonly cacheControl: { setCacheHint(hint: { maxAge: number; scope: 'PUBLIC' }): void };
}

/** How often fields have run, and with which header they were asked for. */
const ran = { books: 0, headers: [] as Array<string | string[] | undefined> };
const books = buildSubgraphSchema({
  typeDefs: parse(BOOKS),
  resolvers: {
    OwnQuery: {
      async books() {
        ran.books += 1;
        await delay(SLOW_MS);
        return [
          { id: '1', title: 'Emma' },
          { id: '2', title: 'Persuasion' },
        ];
      },
      kept: (_source: unknown, _args: unknown, _context: unknown, info: GraphQLResolveInfo) => {
        (info as CachedInfo).cacheControl.setCacheHint({ maxAge: 60, scope: 'PUBLIC' });
        return 'what is kept';
      },
      broken() {
        throw new Error('no');
      },
    },
    Mutation: { write: () => 1 },
  },
});
const reviews = buildSubgraphSchema({
  typeDefs: parse(REVIEWS),
  resolvers: { Book: { __resolveReference: ({ id }: { id: string }) => ({ id, stars: Number(id) }) } },
});

let urls: string[];
let plain: StartedSubgraph;
const subgraphs: Array<{ stop(): Promise<void> }> = [];
let collector: Server;
let traces: ITrace[] = [];
let reports: Report[] = [];

/** A subgraph on Apollo Server, which traces its fields by itself. */
async function startApollo(schema: ReturnType<typeof buildSubgraphSchema>): Promise<string> {
  const server = new ApolloServer({ schema, logger: QUIET });
  subgraphs.push(server);
  const { url } = await startStandaloneServer(server, {
    listen: { port: 0, host: '127.0.0.1' },
    context: async ({ req }) => {
      if (schema === books) ran.headers.push(req.headers['apollo-federation-include-trace']);
      return {};
    },
  });
  return url;
}

beforeAll(async () => {
  urls = [await startApollo(books), await startApollo(reviews)];
  plain = await startSubgraph({
    name: 'plain',
    typeDefs: PLAIN,
    resolvers: {
      Query: {
        plain: () => 1,
        plainFails() {
          throw new Error('no');
        },
      },
    },
    intercept(request, response) {
      const body = request.url === '/garbled' ? GARBLED : request.url === '/odd' ? odd : null;
      if (body === null) return false;
      response.setHeader('content-type', 'application/json');
      response.end(body);
      return true;
    },
  });
  subgraphs.push(plain);
  const receive = async (request: IncomingMessage) => {
    const report = Report.decode(gunzipSync(await buffer(request)));
    reports.push(report);
    for (const { trace } of Object.values(report.tracesPerQuery))
      for (const each of trace ?? []) traces.push(each instanceof Uint8Array ? Trace.decode(each) : each);
  };
  collector = createServer((request, response) => void receive(request).then(() => response.end('{}')));
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  for (const subgraph of subgraphs) await subgraph.stop();
  collector.closeAllConnections();
  await new Promise((resolve) => collector.close(resolve));
});

beforeEach(() => {
  Object.assign(ran, { books: 0, headers: [] });
  [traces, reports] = [[], []];
});

interface Options {
  /** Whether traces are captured. */
  readonly traced?: boolean;
  /** Whether they are sent, or what is counted in them. */
  readonly asTraces?: boolean;
  readonly cache?: Cache;
  readonly plainAt?: string;
  /** Whether each is asked when the one before has been answered, and reported. */
  readonly inTurns?: boolean;
}

/** Asks each query, all at once unless it is in turns; returns when what is reported of them has been sent. */
async function ask(queries: readonly string[], options: Options = {}): Promise<unknown[]> {
  const { traced = true, asTraces = true, cache = null, plainAt = plain.url, inTurns = false } = options;
  const server = new ApolloServer({
    gateway: createApolloGateway({
      supergraph: composeSdl([
        { name: 'books', url: urls[0] as string, typeDefs: BOOKS },
        { name: 'reviews', url: urls[1] as string, typeDefs: REVIEWS },
        { name: 'plain', url: plainAt, typeDefs: PLAIN },
      ]),
      cache,
    }),
    logger: QUIET,
    apollo: { key: 'service:shop:secret', graphRef: 'shop@current' },
    plugins: [
      ApolloServerPluginUsageReporting({
        endpointUrl: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
        sendReportsImmediately: true,
        fieldLevelInstrumentation: traced ? 1 : 0,
        experimental_sendOperationAsTrace: () => asTraces,
      }),
    ],
  });
  await server.start();
  const answer = async (query: string) => {
    const { body } = await server.executeOperation({ query });
    if (body.kind !== 'single') throw new Error('one answer is expected');
    return body.singleResult;
  };
  /** What is reported is put off by one turn, and each report is sent by itself: two that are under way may come in any order. */
  const untilReported = async (count: number) => {
    while (reports.reduce((sum, { operationCount }) => sum + Number(operationCount), 0) < count) await delay(5);
  };
  const answers: unknown[] = [];
  if (inTurns)
    for (const query of queries) {
      answers.push(await answer(query));
      await untilReported(answers.length);
    }
  else answers.push(...(await Promise.all(queries.map(answer))));
  await untilReported(queries.length);
  await server.stop();
  return answers;
}

/** What one request to a subgraph has told. */
type Fetch = NonNullable<NonNullable<ITrace['queryPlan']>['fetch']>;

function fieldOf(fetch: Fetch | null | undefined, name: string) {
  const found = fetch?.trace?.root?.child?.find(({ responseName }) => responseName === name);
  if (!found) throw new Error(`nothing is told of ${name}`);
  return { ...found, durationMs: (Number(found.endTime) - Number(found.startTime)) / 1e6 };
}

function statsOf(all: readonly Report[]): IContextualizedStats[] {
  return all
    .flatMap(({ tracesPerQuery }) => Object.values(tracesPerQuery))
    .flatMap(({ statsWithContext = [] }) =>
      statsWithContext instanceof Array ? statsWithContext : (statsWithContext?.toArray() ?? []),
    );
}

describe('traces of the fields of subgraphs', () => {
  it('are reported by Apollo Server, in the tree of the plan', async () => {
    const [answer] = await ask(['{ books { title stars } }']);
    expect(answer).toEqual({
      data: {
        books: [
          { title: 'Emma', stars: 1 },
          { title: 'Persuasion', stars: 2 },
        ],
      },
    });
    expect(traces).toHaveLength(1);
    const [first, second] = traces[0]?.queryPlan?.sequence?.nodes ?? [];
    expect(first?.fetch).toMatchObject({ serviceName: 'books', traceParsingFailed: false });
    const field = fieldOf(first?.fetch, 'books');
    expect(field).toMatchObject({ type: '[Book!]!', parentType: 'Query' });
    expect(field.durationMs).toBeGreaterThanOrEqual(SLOW_MS - 2);
    expect(second?.flatten?.responsePath?.map(({ fieldName }) => fieldName)).toEqual(['books', '@']);
    const reviewed = second?.flatten?.node?.fetch;
    expect(reviewed?.serviceName).toBe('reviews');
    expect(fieldOf(reviewed, '_entities').child?.[0]?.child?.[0]).toMatchObject({
      responseName: 'stars',
      parentType: 'Book',
    });
    expect(Number(first?.fetch?.sentTimeOffset)).toBeGreaterThan(0);
    expect(Number(reviewed?.sentTimeOffset)).toBeGreaterThan(
      Number(first?.fetch?.sentTimeOffset) + (SLOW_MS - 2) * 1e6,
    );
    for (const fetch of [first?.fetch, reviewed]) {
      const [sent, received] = [fetch?.sentTime, fetch?.receivedTime].map(
        (time) => Number(time?.seconds) * 1000 + Number(time?.nanos) / 1e6,
      );
      expect(Math.abs(Date.now() - Number(sent))).toBeLessThan(60_000);
      expect(received).toBeGreaterThanOrEqual(Number(sent));
    }
    expect(ran.headers).toContain('ftv1');
  });

  it('are counted by field where they are not sent as they are', async () => {
    await ask(['{ books { title } }'], { asTraces: false });
    const [stats] = statsOf(reports);
    expect(stats?.perTypeStat?.['Query']?.perFieldStat?.['books']).toMatchObject({ observedExecutionCount: 1 });
    expect(stats?.perTypeStat?.['Book']?.perFieldStat?.['title']).toMatchObject({ observedExecutionCount: 2 });
  });

  it('are told of mutations', async () => {
    await ask(['mutation { write }']);
    expect(fieldOf(traces[0]?.queryPlan?.fetch, 'write')).toMatchObject({ parentType: 'Mutation', type: 'Int' });
  });

  it('are not asked for where nobody wants them', async () => {
    await ask(['{ books { title stars } }'], { traced: false });
    // The probe of a subgraph has none either.
    expect(new Set(ran.headers)).toEqual(new Set([undefined]));
    expect(traces.map(({ queryPlan }) => queryPlan ?? null).filter((plan) => plan !== null)).toEqual([]);
  });

  it('are told once of a fetch that several have waited for', async () => {
    const query = '{ books { title } }';
    const answers = await ask([query, query]);
    expect(answers[0]).toEqual(answers[1]);
    expect(ran.books).toBe(1);
    expect(traces).toHaveLength(2);
    const fetches = traces.map(({ queryPlan }) => queryPlan?.fetch);
    for (const fetch of fetches) {
      expect(fetch).toMatchObject({ serviceName: 'books', traceParsingFailed: false });
      expect(fetch?.sentTime).toBeTruthy();
      expect(fetch?.receivedTime).toBeTruthy();
    }
    const traced = fetches.filter((fetch) => fetch?.trace);
    expect(traced).toHaveLength(1);
    expect(fieldOf(traced[0], 'books').durationMs).toBeGreaterThanOrEqual(SLOW_MS - 2);
  });

  it('are neither kept nor told of an answer that was', async () => {
    const memory = createMemoryCache({ maxBytes: 1e6 });
    const written: unknown[] = [];
    const cache: Cache = {
      ...memory,
      getMany: (keys) => memory.getMany(keys),
      async setMany(entries) {
        written.push(...entries);
        await memory.setMany(entries);
      },
      close: async () => undefined,
    };
    const answers = await ask(['{ kept }', '{ kept }'], { cache, inTurns: true });
    expect(answers).toEqual([{ data: { kept: 'what is kept' } }, { data: { kept: 'what is kept' } }]);
    expect(JSON.stringify(written)).toContain('what is kept');
    expect(JSON.stringify(written)).not.toContain('ftv1');
    const [first, second] = traces.map(({ queryPlan }) => queryPlan?.fetch);
    expect(fieldOf(first, 'kept').type).toBe('String');
    // Nothing was sent for it.
    expect(second).toMatchObject({ serviceName: 'books', traceParsingFailed: false });
    expect([second?.trace ?? null, second?.sentTime ?? null]).toEqual([null, null]);
  });

  it('cost nothing but themselves where they cannot be read', async () => {
    const [answer] = await ask(['{ garbled }'], { plainAt: plain.url.replace('/graphql', '/garbled') });
    expect(answer).toEqual({ data: { garbled: 7 } });
    expect(traces[0]?.queryPlan?.fetch).toMatchObject({ serviceName: 'plain', traceParsingFailed: true });
    expect(traces[0]?.queryPlan?.fetch?.trace ?? null).toBeNull();
  });
});

describe('errors of subgraphs', () => {
  const rootErrors = () => statsOf(reports).map((stats) => stats.queryLatencyStats?.rootErrorStats);

  it('are counted once where a trace tells of them', async () => {
    const [answer] = await ask(['{ broken }'], { asTraces: false });
    expect(JSON.stringify(answer)).not.toContain('serviceName');
    const [root] = rootErrors();
    expect(Number(root?.errorsCount)).toBe(0);
    expect(Object.keys(root?.children ?? {})).toEqual(['service:books']);
    expect(root?.children?.['service:books']?.children?.['broken']).toMatchObject({ errorsCount: 1 });
  });

  it.each([
    ['traces are wanted', true],
    ['they are not', false],
  ])('are counted with their subgraph where it traces nothing and %s', async (_when, traced) => {
    await ask(['{ plainFails }'], { traced });
    const [root] = rootErrors();
    expect(Object.keys(root?.children ?? {})).toEqual(['service:plain']);
    expect(root?.children?.['service:plain']?.children?.['plainFails']).toMatchObject({ errorsCount: 1 });
  });

  const traceOf = (...names: readonly string[]) =>
    Buffer.from(
      Trace.encode({
        root: { child: names.map((responseName) => ({ responseName, error: [{ message: 'no' }] })) },
      }).finish(),
    ).toString('base64');
  const fails = (extensions: object, ofError: object = {}) =>
    JSON.stringify({
      data: { plain: 1, plainFails: null },
      errors: [{ message: 'no', path: ['plainFails'], extensions: ofError }],
      extensions,
    });

  it.each<[string, string]>([
    ['an empty trace', fails({ ftv1: '' })],
    ['a trace of nothing', fails({ ftv1: '!!!!' })],
    ['a trace that cannot be read', fails({ ftv1: '////' })],
    ['null for a trace', fails({ ftv1: null })],
    ['a trace of another error', fails({ ftv1: traceOf('plain') })],
    ['no trace', fails({})],
    ['a number for its name', fails({}, { code: 'X', subgraph: 42 })],
    ['null for its name', fails({}, { code: 'X', subgraph: null })],
    ['the name of another one', fails({}, { code: 'X', subgraph: 'books' })],
    ['no data, and a trace that says nothing of it', JSON.stringify({ data: null, extensions: { ftv1: traceOf() } })],
  ])('are counted once, with their subgraph, where it sends %s', async (_what, body) => {
    odd = body;
    await ask(['{ plainFails }'], { plainAt: plain.url.replace('/graphql', '/odd'), asTraces: false });
    const [root] = rootErrors();
    expect(Object.keys(root?.children ?? {})).toEqual(['service:plain']);
    expect(root?.children?.['service:plain']?.children?.['plainFails']).toMatchObject({ errorsCount: 1 });
  });

  it('are counted once where their trace tells of them, and another fetch of the subgraph has no trace', () => {
    const told = { message: 'no', path: ['items', 0, 'a'] };
    const clientErrors = createClientErrors(() => true);
    const context = { log: SILENT, requestId: 'r' };
    const errors = ['a', 'b'].map((name) =>
      clientErrors.ofError({ ...told, path: ['items', 0, name], subgraph: 'one' }, context),
    );
    const metrics: Parameters<typeof tellErrors>[0] = {};
    tellErrors(metrics, errors, new Map([['one', new Set(['a'])]]));
    expect(metrics.nonFtv1ErrorPaths).toEqual([{ subgraph: 'one', path: ['items', 0, 'b'] }]);
  });
});
