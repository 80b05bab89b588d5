import { describe, expect, it } from '@jest/globals';
import { createMemoryCache } from '../src/subgraphs/caching/cache.js';
import { OperationTypeNode } from 'graphql';
import type { CachePolicy } from '../src/subgraphs/cache-policy.js';
import { DEFAULT_LIMITS } from '../src/engine-parts.js';
import { createCachingClient } from '../src/subgraphs/caching/caching-client.js';
import { createOperationCache } from '../src/compile/operation-cache.js';
import { buildSupergraph } from './build-supergraph.js';
import { composeSdl, library } from './fake-subgraphs.js';

function keptByAll(): CachePolicy {
  const askedAt = Date.now();
  const until = askedAt + 60_000;
  return { audience: 'EVERYBODY', askedAt, sharedUntil: until, privateUntil: until, mustRevalidate: false };
}

describe('what is known of operations', () => {
  it('is bounded by the length of their texts, which clients choose', async () => {
    let sent = 0;
    const client = createCachingClient({
      cache: createMemoryCache({ maxBytes: 100_000_000 }),
      onLookup: () => undefined,
      waitMs: 500,
      inner: {
        send: async () => {
          sent += 1;
          return { data: { a: 1 }, errors: [], policy: keptByAll() };
        },
      },
    });
    const ask = (query: string) =>
      client.send(
        {
          subgraph: 'books',
          graph: { subgraphs: [] },
          type: OperationTypeNode.QUERY,
          query,
          operationName: undefined,
          head: query,
          representations: null,
          variables: {},
          variableNames: [],
          signal: new AbortController().signal,
          isGuarded: false,
        },
        { identity: { kind: 'anonymous' }, authorization: undefined } as never,
      );
    await ask('{ a }');
    await ask('{ a }');
    expect(sent).toBe(1);
    for (let index = 0; index < 10; index += 1) await ask(`{ a } # ${index} ${'x'.repeat(1_000_000)}`);
    // It has been forgotten whether this one may be kept.
    await ask('{ a }');
    expect(sent).toBe(12);
  });
});

describe('entities of one fetch that are not kept', () => {
  it('may be more than a function takes arguments', async () => {
    const COUNT = 200_000;
    const client = createCachingClient({
      cache: createMemoryCache({ maxBytes: 1_000_000 }),
      onLookup: () => undefined,
      waitMs: 500,
      inner: {
        send: async ({ representations }) => ({
          data: { _entities: representations?.map(() => null) },
          errors: [],
          policy: keptByAll(),
        }),
      },
    });
    const representations = Array.from({ length: COUNT }, (_, index) => ({
      typename: 'Book',
      id: String(index),
      json: `{"__typename":"Book","id":"${index}"}`,
    }));
    const ask = () =>
      client.send(
        {
          subgraph: 'books',
          graph: { subgraphs: [] },
          type: OperationTypeNode.QUERY,
          query: 'query($representations:[_Any!]!){_entities(representations:$representations){...on Book{title}}}',
          operationName: undefined,
          head: '{"representations":[',
          representations,
          variables: {},
          variableNames: [],
          signal: new AbortController().signal,
          isGuarded: false,
        },
        { identity: { kind: 'anonymous' }, authorization: undefined } as never,
      );
    // That it may be kept is learnt from the first answer.
    for (let round = 0; round < 2; round += 1) expect((await ask()).data?.['_entities']).toHaveLength(COUNT);
  });
});

describe('answers about the schema', () => {
  it('are kept for a few operations only: they are large, and not counted with the plans', async () => {
    const supergraph = buildSupergraph(
      composeSdl(library().map(({ name, typeDefs }) => ({ name, typeDefs, url: `http://${name}.test` }))),
    );
    const operations = createOperationCache(supergraph, {
      maxBytes: 1e8,
      limits: DEFAULT_LIMITS,
      assumedListSize: 10,
      introspection: true,
    });
    const answer = async (index: number) => {
      const operation = await operations.get(`{ a${index}: __schema { types { name } } }`, undefined);
      return operation.compiled.introspection?.(new Map(), {})?.[`a${index}`];
    };
    const first = await answer(0);
    expect(first).toMatchObject({ types: expect.any(Array) });
    expect(await answer(0)).toBe(first);
    for (let index = 1; index < 30; index += 1) await answer(index);
    expect(await answer(0)).not.toBe(first);
  });
});
