import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { composeServices } from '@apollo/composition';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { graphql, parse, type GraphQLSchema } from 'graphql';

const PRODUCTS = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@authenticated"])
  scalar Details
  type Query { products: [Product!]! tenant: String }
  type Mutation { rename(id: ID!, name: String!): Product }
  type Product @key(fields: "id") { id: ID! name: String! cost: Int @authenticated details: Details }
`;
const REVIEWS = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Product @key(fields: "id") { id: ID! reviews: [Review!] stars: Int }
  type Review { id: ID! text: String! }
`;

interface Context {
  readonly headers: IncomingHttpHeaders;
}

/** Two subgraphs over HTTP, and the supergraph that they are composed to. */
export interface Shop extends AsyncDisposable {
  readonly supergraph: string;
  /** Headers of fetches, by subgraph, as they came. */
  readonly asked: Record<'products' | 'reviews', IncomingHttpHeaders[]>;
}

export async function openShop(): Promise<Shop> {
  const asked: Shop['asked'] = { products: [], reviews: [] };
  const names = new Map([
    ['1', 'table'],
    ['2', 'chair'],
  ]);
  const products = buildSubgraphSchema({
    typeDefs: parse(PRODUCTS),
    resolvers: {
      Query: {
        products: () => [...names].map(([id, name]) => ({ id, name, cost: 10, details: { sizes: [{ cm: 10 }] } })),
        tenant: (_source: unknown, _args: unknown, context: unknown) =>
          (context as Context).headers['x-tenant'] ?? null,
      },
      Mutation: {
        rename(_source: unknown, { id, name }: { id: string; name: string }) {
          names.set(id, name);
          return { id, name };
        },
      },
      Product: { __resolveReference: ({ id }: { id: string }) => ({ id, name: names.get(id), cost: 10 }) },
    },
  });
  const reviews = buildSubgraphSchema({
    typeDefs: parse(REVIEWS),
    resolvers: {
      Product: {
        __resolveReference: ({ id }: { id: string }) => ({ id }),
        reviews: ({ id }: { id: string }) => [{ id: `r${id}`, text: `fine ${id}` }],
        stars() {
          throw new Error('no stars today');
        },
      },
    },
  });
  const servers = [await serve(products, asked.products), await serve(reviews, asked.reviews)] as const;
  const urls = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`);
  const { supergraphSdl, errors } = composeServices([
    { name: 'products', url: urls[0] as string, typeDefs: parse(PRODUCTS) },
    { name: 'reviews', url: urls[1] as string, typeDefs: parse(REVIEWS) },
  ]);
  if (supergraphSdl === undefined) throw new Error(errors?.map(({ message }) => message).join('\n'));
  return {
    supergraph: supergraphSdl,
    asked,
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

async function serve(schema: GraphQLSchema, asked: IncomingHttpHeaders[]): Promise<Server> {
  const server = createServer((request, response) => {
    void (async () => {
      const { query, variables, operationName } = JSON.parse(await text(request)) as Record<string, string>;
      if (query !== '{__typename}') asked.push(request.headers);
      const result = await graphql({
        schema,
        source: query as string,
        variableValues: variables as never,
        operationName,
        contextValue: { headers: request.headers },
      });
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(result));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
