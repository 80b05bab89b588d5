import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { composeServices } from '@apollo/composition';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { expect, it } from '@jest/globals';
import { parse } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';
import { createEngine, type EngineOptions, type EngineResult } from '../src/index.js';

const TYPES = parse(`
  type Query { one: Int }
  type Subscription { tenant: String }
`);

/** A subgraph that tells one event to each of its subscribers: the tenant of his connection. */
async function openNews(onFetch: EngineOptions['onFetch']) {
  const initialised: Array<Readonly<Record<string, unknown>>> = [];
  const upgraded: Array<Readonly<Record<string, unknown>>> = [];
  const schema = buildSubgraphSchema({
    typeDefs: TYPES,
    resolvers: {
      Subscription: {
        tenant: {
          async *subscribe(_source: unknown, _args: unknown, context: unknown) {
            yield { tenant: (context as { readonly tenant?: string }).tenant ?? null };
          },
        },
      },
    },
  });
  const server = createServer((_request, response) => response.end('{"data":{"__typename":"Query"}}'));
  const sockets = new WebSocketServer({ server });
  const graphql = useServer(
    {
      schema,
      context: ({ connectionParams }) => ({ tenant: connectionParams?.['x-tenant'] }),
      onConnect({ connectionParams, extra }) {
        initialised.push(connectionParams ?? {});
        upgraded.push(extra.request.headers);
      },
    },
    sockets,
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
  const { supergraphSdl, errors } = composeServices([{ name: 'news', url, typeDefs: TYPES }]);
  if (supergraphSdl === undefined) throw new Error(errors?.map(({ message }) => message).join('\n'));
  const engine = await createEngine({ supergraph: supergraphSdl, ...(onFetch && { onFetch }) });
  return {
    initialised,
    upgraded,
    async subscribe(headers: Record<string, string>): Promise<EngineResult[]> {
      const results: EngineResult[] = [];
      for await (const result of engine.subscribe({ query: 'subscription { tenant }', headers })) results.push(result);
      return results;
    },
    async [Symbol.asyncDispose]() {
      await engine.close();
      await graphql.dispose();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

it('a table changes the headers of subscriptions, of the handshake and of connection_init', async () => {
  await using news = await openNews({
    all: { propagate: ['x-tenant'], set: { 'x-from': 'engine' }, remove: ['authorization'] },
  });
  const [only] = await news.subscribe({ authorization: 'Bearer abc', 'x-tenant': 'north', 'x-other': 'stays' });
  expect(only?.toJSON()).toEqual({ data: { tenant: 'north' } });
  for (const [told] of [news.initialised, news.upgraded]) {
    expect(told).toMatchObject({ 'x-tenant': 'north', 'x-from': 'engine' });
    expect(told).not.toHaveProperty('authorization');
    expect(told).not.toHaveProperty('x-other');
  }
});

it('a function does, and its fault ends the subscription and no process', async () => {
  await using news = await openNews(({ subgraph, type, headers }, { clientHeader }) => {
    if (clientHeader?.('x-bad') !== undefined) throw new Error('no');
    headers['X-Signature'] = `${type} of ${subgraph}`;
  });
  await news.subscribe({ authorization: 'Bearer abc' });
  expect(news.initialised[0]).toMatchObject({ authorization: 'Bearer abc', 'x-signature': 'subscription of news' });
  const [refused, ...others] = await news.subscribe({ 'x-bad': '1' });
  expect(refused?.errors[0]?.extensions?.['code']).toBe('INTERNAL_SERVER_ERROR');
  expect(others).toEqual([]);
});

it('clients whose headers differ share no events, whatever else they have in common', async () => {
  await using news = await openNews({ all: { propagate: ['x-tenant', 'traceparent'] } });
  const tenants = ['north', 'south', 'north', 'south'];
  const results = await Promise.all(
    tenants.map((tenant, index) => news.subscribe({ 'x-tenant': tenant, traceparent: `trace ${index}` })),
  );
  expect(results.map(([only]) => only?.toJSON().data?.['tenant'])).toEqual(tenants);
  expect(news.initialised).toHaveLength(2);
});
