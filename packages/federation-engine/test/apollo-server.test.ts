import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApolloServer, type ApolloServerPlugin, type BaseContext } from '@apollo/server';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createApolloGateway } from '../src/apollo-server.js';
import { createMemoryCache, type Engine } from '../src/index.js';
import { composeSdl, startSubgraph, type FakeSubgraph, type StartedSubgraph } from './fake-subgraphs.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@authenticated"])';

/** Every answer of a subgraph says the same. */
function saying(cacheControl: string | null): NonNullable<FakeSubgraph['intercept']> {
  return (_request: IncomingMessage, response: ServerResponse) => {
    if (cacheControl !== null) response.setHeader('cache-control', cacheControl);
    return false;
  };
}

function subgraphs(): FakeSubgraph[] {
  return [
    {
      name: 'minute',
      typeDefs: `${LINK}
        type Query { book: Book minuteFails: Int minuteKnown: Int @authenticated }
        type Mutation { write: Int }
        type Book @key(fields: "id") { id: ID! title: String }`,
      resolvers: {
        Query: {
          book: () => ({ id: '1', title: 'Emma' }),
          minuteKnown: () => 1,
          minuteFails() {
            throw new Error('no');
          },
        },
        Mutation: { write: () => 1 },
      },
      intercept: saying('max-age=60, public'),
    },
    {
      name: 'half',
      typeDefs: `${LINK} type Book @key(fields: "id") { id: ID! price: Int }`,
      resolvers: { Book: { price: () => 5 } },
      intercept: saying('max-age=30, public'),
    },
    {
      name: 'own',
      typeDefs: `${LINK} type Book @key(fields: "id") { id: ID! isMine: Boolean }`,
      resolvers: { Book: { isMine: () => true } },
      intercept: saying('max-age=90, private'),
    },
    {
      name: 'silent',
      typeDefs: `${LINK} type Book @key(fields: "id") { id: ID! stock: Int }`,
      resolvers: { Book: { stock: () => 3 } },
      intercept: saying(null),
    },
  ];
}

interface Answer {
  readonly body: unknown;
  readonly cacheControl: string | undefined;
}

interface Front extends AsyncDisposable {
  readonly engine: () => Engine;
  ask(query: string): Promise<Answer>;
}

async function startFront(
  started: readonly StartedSubgraph[],
  more: { readonly keeps?: boolean; readonly plugins?: Array<ApolloServerPlugin<BaseContext>> } = {},
): Promise<Front> {
  const fakes = subgraphs();
  const supergraph = composeSdl(
    started.map(({ name, url }, index) => ({ name, url, typeDefs: fakes[index]?.typeDefs ?? '' })),
  );
  const gateway = createApolloGateway({
    supergraph,
    cache: more.keeps ? createMemoryCache({ maxBytes: 1e6 }) : null,
  });
  const server = new ApolloServer({ gateway, ...(more.plugins && { plugins: more.plugins }) });
  await server.start();
  return {
    engine: () => gateway.engine(),
    async ask(query) {
      const { body, http } = await server.executeOperation({ query });
      if (body.kind !== 'single') throw new Error('one answer is expected');
      return { body: body.singleResult, cacheControl: http.headers.get('cache-control') };
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

let started: StartedSubgraph[];
/** One that keeps nothing itself. */
let front: Front;

beforeAll(async () => {
  started = await Promise.all(subgraphs().map(startSubgraph));
  front = await startFront(started);
});

afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await Promise.all(started.map((subgraph) => subgraph.stop()));
});

it('makes no text of an answer that Apollo Server writes', async () => {
  const query = '{ book { id title } }';
  expect((await front.ask(query)).body).toEqual({ data: { book: { id: '1', title: 'Emma' } } });
  const operation = await front.engine().parts.operations().get(query, undefined);
  expect([...operation.compiled.writers.ofWholes.keys()]).toEqual(['value ']);
});

describe('what Apollo Server tells caches', () => {
  it.each([
    ['one subgraph', '{ book { title } }', 'max-age=60, public'],
    ['the shorter of two times', '{ book { title price } }', 'max-age=30, public'],
    ['one that says private', '{ book { title isMine } }', 'max-age=60, private'],
    ['one that says nothing', '{ book { title stock } }', 'no-store'],
    ['all of them', '{ book { title price isMine stock } }', 'no-store'],
    ['an error', '{ book { title } minuteFails }', 'no-store'],
    ['what takes a token to see', '{ minuteKnown }', 'max-age=60, private'],
    ['a mutation', 'mutation { write }', 'no-store'],
    ['the schema alone', '{ __schema { queryType { name } } }', 'no-store'],
  ])('follows %s', async (_of, query, expected) => {
    expect((await front.ask(query)).cacheControl).toBe(expected);
  });

  it('counts the time that an answer has been kept', async () => {
    await using keeping = await startFront(started, { keeps: true });
    const before = started[0]?.requests.length ?? 0;
    await keeping.ask('{ book { title } }');
    const { cacheControl } = await keeping.ask('{ book { title } }');
    expect((started[0]?.requests.length ?? 0) - before).toBe(1);
    expect(cacheControl).toMatch(/^max-age=(60|59), public$/);
  });

  it('leaves plugins their stricter word', async () => {
    const strict: ApolloServerPlugin<BaseContext> = {
      requestDidStart: async () => ({
        didResolveOperation: async ({ overallCachePolicy }) => overallCachePolicy.restrict({ maxAge: 5 }),
      }),
    };
    await using restricted = await startFront(started, { plugins: [strict] });
    expect((await restricted.ask('{ book { title } }')).cacheControl).toBe('max-age=5, public');
  });
});
