import { buildSubgraphSchema } from '@apollo/subgraph';
import { SILENT } from '../../src/request/log.js';
import { createMemoryCache } from '../../src/subgraphs/caching/cache.js';
import type { UpstreamAnswer } from '../../src/upstream.js';
import { graphql, parse, type GraphQLFormattedError, type GraphQLSchema } from 'graphql';
import { DEFAULT_LIMITS } from '../../src/engine-parts.js';
import { createCachingClient } from '../../src/subgraphs/caching/caching-client.js';
import { createClientErrors } from '../../src/execute/client-errors.js';
import { createConcurrencyLimit } from '../../src/subgraphs/concurrency-limit.js';
import { createHttpSubgraphClient } from '../../src/subgraphs/http-subgraph-client.js';
import { renderBody } from '../../src/execute/render-body.js';
import { runOperation } from '../../src/execute/run-operation.js';
import { createOperationCache } from '../../src/compile/operation-cache.js';
import { buildSupergraph } from '../build-supergraph.js';
import { composeSdl } from '../fake-subgraphs.js';

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@inaccessible"])';

const BOOKS = `${LINK}
  scalar Any
  enum Kind { NOVEL ESSAY }
  interface Item { title: String! }
  type Lamp implements Item { title: String! watts: Int }
  type Query { books: [Book!] book: Book items: [Item] shelves: [[Book!]] }
  type Book implements Item @key(fields: "id") { id: ID! title: String! pages: Int kind: Kind meta: Any tags: [String!] author: Author }
  type Author @key(fields: "id") { id: ID! }`;

const AUTHORS = `${LINK}
  type Query { famous: Author }
  type Author @key(fields: "id") { id: ID! name: String! born: Int address: Address }
  type Address { street: String! city: String }`;

const PRICES = `${LINK}
  type Query { currency: String! cheapest: Book }
  type Book @key(fields: "id") { id: ID! price: Int inStock: Boolean! }`;

export const SUBGRAPHS = ['books', 'authors', 'prices'] as const;
export type SubgraphName = (typeof SUBGRAPHS)[number];

/** Selects from every subgraph, at several depths. */
export const QUERY = `{
  books { title pages kind meta tags price author { name born address { street city } } }
  book { title author { name } }
  items { __typename title ... on Book { price } ... on Lamp { watts } }
  shelves { title price }
  famous { name address { city } }
  cheapest { price inStock pages }
}`;

const book = (id: string) => ({
  __typename: 'Book',
  id,
  title: `Book ${id}`,
  pages: 100,
  kind: 'NOVEL',
  meta: { printed: [1813, { at: 'London' }] },
  tags: ['old', 'good'],
  author: { id: id === '3' ? 'b' : 'a' },
});
const author = (id: string) => ({
  id,
  name: `Author ${id}`,
  born: 1775,
  address: { street: 'High Street', city: 'Bath' },
});

const RESOLVERS: Record<SubgraphName, object> = {
  books: {
    Query: {
      books: () => [book('1'), book('2'), book('3')],
      book: () => book('1'),
      items: () => [book('2'), { __typename: 'Lamp', title: 'Lamp', watts: 40 }],
      shelves: () => [[book('1'), book('3')], [], [book('2')]],
    },
    Book: { __resolveReference: ({ id }: { id: string }) => book(id) },
  },
  authors: {
    Query: { famous: () => author('a') },
    Author: { __resolveReference: ({ id }: { id: string }) => author(id) },
  },
  prices: {
    Query: { currency: () => 'EUR', cheapest: () => ({ id: '3', price: 3, inStock: true }) },
    Book: { __resolveReference: ({ id }: { id: string }) => ({ id, price: 7, inStock: true }) },
  },
};

export interface Answer {
  readonly data?: unknown;
  readonly errors?: readonly GraphQLFormattedError[];
}

export interface Bookshop {
  readonly schema: GraphQLSchema;
  /** Runs {@link QUERY}, from subgraphs to the client's JSON. `breakAnswer` gets what one would say, and says what it does. */
  run(breakAnswer: (subgraph: SubgraphName, text: string) => string): Promise<Answer>;
}

/** A graph of three subgraphs in this process, behind the engine's own client and cache. */
export function createBookshop(): Bookshop {
  const typeDefs: Record<SubgraphName, string> = { books: BOOKS, authors: AUTHORS, prices: PRICES };
  const supergraph = buildSupergraph(
    composeSdl(SUBGRAPHS.map((name) => ({ name, url: `http://${name}.test`, typeDefs: typeDefs[name] }))),
  );
  const operations = createOperationCache(supergraph, {
    maxBytes: 1e8,
    limits: DEFAULT_LIMITS,
    introspection: true,
  });
  const schemas = new Map<string, GraphQLSchema>(
    SUBGRAPHS.map((name) => [
      name,
      buildSubgraphSchema([{ typeDefs: parse(typeDefs[name]), resolvers: RESOLVERS[name] as never }]),
    ]),
  );
  /** What subgraphs say when nothing is wrong, by their name and what they are asked. */
  const said = new Map<string, string>();
  const clientErrors = createClientErrors(() => false);
  const context = {
    requestId: 'malformed',
    log: SILENT,
    identity: { kind: 'unverified' },
    authorization: undefined,
  };

  async function sayOf(name: string, body: string): Promise<string> {
    const key = `${name}\n${body}`;
    const known = said.get(key);
    if (known !== undefined) return known;
    const { query, variables } = JSON.parse(body) as { query: string; variables: Record<string, unknown> };
    const answer = await graphql({
      schema: schemas.get(name) as GraphQLSchema,
      source: query,
      variableValues: variables,
    });
    const text = JSON.stringify(answer);
    said.set(key, text);
    return text;
  }

  return {
    schema: supergraph.schema,
    async run(breakAnswer) {
      const http = createHttpSubgraphClient({
        subgraph: (name) => ({
          url: '',
          timeoutMs: 60_000,
          limit: createConcurrencyLimit({ maxActive: 1e3, maxWaiting: 1e3 }),
          upstream: {
            send: async ({ body }: { body: string }): Promise<UpstreamAnswer> => {
              const text = breakAnswer(name as SubgraphName, await sayOf(name, body));
              return {
                status: 200,
                text,
                body: JSON.parse(text) as unknown,
                headers: { 'cache-control': 'max-age=60, public' },
                sentAt: Date.now(),
              };
            },
          } as never,
          uploads: null as never,
        }),
        telemetry: { startFetch: () => () => undefined },
        uploadTimeoutMs: 60_000,
        maxErrors: 1_000,
      });
      const client = createCachingClient({
        cache: createMemoryCache({ maxBytes: 1e7 }),
        inner: http,
        waitMs: 60_000,
        onLookup: () => undefined,
      });
      const controller = new AbortController();
      const here = { ...context, signal: controller.signal, cancel: () => undefined } as never;
      const result = await runOperation((await operations.get(QUERY, undefined)).compiled, {
        variables: {},
        context: here,
        client,
        signal: controller.signal,
        incremental: false,
      });
      return JSON.parse(renderBody(result.data, clientErrors.ofResult(result, here))) as Answer;
    },
  };
}
