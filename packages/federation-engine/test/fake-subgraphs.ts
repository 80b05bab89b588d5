import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { composeServices } from '@apollo/composition';
import { graphql, parse } from 'graphql';
import { createFakeFeed, type FakeFeed } from './fake-feed.js';

export interface ReceivedRequest {
  readonly headers: IncomingHttpHeaders;
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

export interface FakeSubgraph {
  readonly name: string;
  readonly typeDefs: string;
  readonly resolvers?: object;
  /** Answers in the place of the schema; returns false to let the schema answer. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface StartedSubgraph {
  readonly name: string;
  readonly url: string;
  readonly requests: ReceivedRequest[];
  /** Its subscriptions. */
  readonly feed: FakeFeed;
  stop(): Promise<void>;
  /** Listens again, on the same port, after a stop. */
  start(): Promise<void>;
}

export function composeSdl(subgraphs: ReadonlyArray<{ name: string; url: string; typeDefs: string }>): string {
  const { supergraphSdl, errors } = composeServices(
    subgraphs.map(({ name, url, typeDefs }) => ({ name, url, typeDefs: parse(typeDefs) })),
  );
  if (!supergraphSdl) throw new Error(errors?.map(({ message }) => message).join('\n') ?? 'composition failed');
  return supergraphSdl;
}

export async function startSubgraph({ name, typeDefs, resolvers, intercept }: FakeSubgraph): Promise<StartedSubgraph> {
  const schema = buildSubgraphSchema([{ typeDefs: parse(typeDefs), resolvers: (resolvers ?? {}) as never }]);
  const requests: ReceivedRequest[] = [];
  const server = createServer((request, response) => {
    if (intercept?.(request, response)) return;
    if (request.method === 'GET') {
      response.writeHead(404).end();
      return;
    }
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const { query, variables } = JSON.parse(text) as { query: string; variables: Record<string, unknown> };
      // Health probes of the gateway are no part of any story.
      if (query !== '{__typename}') requests.push({ headers: request.headers, query, variables });
      void graphql({ schema, source: query, variableValues: variables }).then((answer) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(answer));
      });
    });
  });
  const feed = createFakeFeed(schema);
  server.on('upgrade', (request, socket, head) => feed.upgrade(request, socket, head));
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    name,
    url: `http://127.0.0.1:${port}/graphql`,
    requests,
    feed,
    start: () => listen(port),
    stop: () =>
      new Promise((resolve) => {
        if (!server.listening) return resolve();
        server.close(() => resolve());
        server.closeAllConnections();
        feed.cut();
      }),
  };
}

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@authenticated", "@requiresScopes", "@shareable"])';

/** Books of one service, whose authors live in another: nothing that this project knows. */
export function library(overrides: { books?: object; intercept?: FakeSubgraph['intercept'] } = {}): FakeSubgraph[] {
  return [
    {
      name: 'books',
      typeDefs: `${LINK}
        type Query { books: [Book!]! book(id: ID!): Book private: String @authenticated audit: String @requiresScopes(scopes: [["admin"]]) secret: Secret broken: String coded: String }
        type Mutation { addBook(title: String!): Book }
        type Book @key(fields: "id") { id: ID! title: String! author: Author }
        type Author @key(fields: "id") { id: ID! }
        type Secret @authenticated { value: String }`,
      resolvers: {
        Query: {
          books: () => [
            { id: '1', title: 'Emma', author: { id: 'a' } },
            { id: '2', title: 'Persuasion', author: { id: 'a' } },
            { id: '3', title: 'Middlemarch', author: { id: 'b' } },
          ],
          book: (_: unknown, { id }: { id: string }) => ({ id, title: 'Emma', author: { id: 'a' } }),
          private: () => 'mine',
          audit: () => 'all',
          secret: () => ({ value: 'hidden' }),
          broken: () => {
            throw new Error('a password in a stack trace');
          },
        },
        Mutation: { addBook: (_: unknown, { title }: { title: string }) => ({ id: '4', title, author: { id: 'a' } }) },
        ...overrides.books,
      },
    },
    {
      name: 'authors',
      typeDefs: `${LINK}
        type Query { authors: [Author!]! }
        type Author @key(fields: "id") { id: ID! name: String! born: Int }`,
      resolvers: {
        Query: { authors: () => [{ id: 'a', name: 'Jane Austen' }] },
        Author: {
          __resolveReference: ({ id }: { id: string }) => ({
            id,
            name: id === 'a' ? 'Jane Austen' : 'George Eliot',
            born: 1775,
          }),
        },
      },
      ...(overrides.intercept && { intercept: overrides.intercept }),
    },
  ];
}
