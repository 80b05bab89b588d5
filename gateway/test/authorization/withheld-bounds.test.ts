import { describe, expect, it } from '@jest/globals';
import { createOperationCache } from '@taskgraph/federation-engine/internal/compile/operation-cache.js';
import { readGatewayConfig } from '../../src/config.js';
import { buildSupergraph } from '../../../packages/federation-engine/test/build-supergraph.js';
import { composeSdl, startGateway } from '../fake-subgraphs.js';

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@authenticated", "@policy", "@key"])';
const FIELDS = Array.from({ length: 8 }, (_, index) => `f${index}`);
const MAX_BYTES = 200_000;

describe('what is remembered of an operation for viewers who may not see all of it', () => {
  const supergraph = buildSupergraph(
    composeSdl([
      {
        name: 'one',
        url: 'http://one.test',
        typeDefs: `${LINK} type Query { open: String ${FIELDS.map((name) => `${name}: String @policy(policies: [["${name}"]])`).join(' ')} }`,
      },
    ]),
  );

  it('stays within the memory for compiled operations, however many differ in what they may see', async () => {
    const compiled: number[] = [];
    const cache = createOperationCache(supergraph, {
      maxBytes: MAX_BYTES,
      limits: readGatewayConfig({}).documentLimits,
      introspection: false,
      onCompiled: (durationMs) => compiled.push(durationMs),
    });
    const whole = await cache.get(`{ open ${FIELDS.join(' ')} }`, undefined);
    const conditions = [...supergraph.requirements.conditions.keys()];
    const before = cache.bytes();
    const bitsOf = (set: number) => conditions.filter((index) => (set >> index) & 1);
    const last = 2 ** conditions.length - 1;
    let unbounded = 0;
    for (let set = 1; set <= last; set += 1) {
      const variant = await cache.withheld(whole.base, bitsOf(set));
      expect(variant.unmet).toEqual(bitsOf(set));
      unbounded += variant.bytes;
      expect(cache.bytes() - before).toBeLessThanOrEqual(MAX_BYTES / 2);
    }
    // All of them would not have fitted.
    expect(unbounded).toBeGreaterThan(MAX_BYTES);
    expect(compiled).toHaveLength(1 + last);
    // The latest is known, the first is compiled again; the whole operation is neither.
    const known = cache.withheld(whole.base, bitsOf(last));
    expect(known).not.toBeInstanceOf(Promise);
    const first = cache.withheld(whole.base, bitsOf(1));
    expect(first).toBeInstanceOf(Promise);
    // Who asks meanwhile waits for the same.
    expect(await cache.withheld(whole.base, bitsOf(1))).toBe(await first);
    expect(compiled).toHaveLength(2 + last);
    expect(cache.get(`{ open ${FIELDS.join(' ')} }`, undefined)).toBe(whole);
  });
});

describe('a field that is withheld in every item of a long list', () => {
  it('is null in each, and told in the first thousand', async () => {
    const count = 1_200;
    await using gateway = await startGateway([
      {
        name: 'one',
        typeDefs: `${LINK} type Query { items: [Item] } type Item { name: String secret: String @authenticated }`,
        resolvers: { Query: { items: () => Array.from({ length: count }, (_, index) => ({ name: `n${index}` })) } },
      },
    ]);
    const { body } = await gateway.run('{ items { name secret } }');
    expect(body.data).toEqual({
      items: Array.from({ length: count }, (_, index) => ({ name: `n${index}`, secret: null })),
    });
    expect(body.errors).toHaveLength(1_000);
    expect(body.errors?.[999]?.path).toEqual(['items', 999, 'secret']);
  });
});
