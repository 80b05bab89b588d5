import { describe, expect, it } from '@jest/globals';
import { expectErrorCode } from '@taskgraph/testkit';
import { startGateway } from './fake-subgraphs.js';

const TYPE_DEFS = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  scalar Instant
  input Size { bytes: Float at: Instant }
  type Query { sized(bytes: Float, size: Size, sizes: [Float!], at: Instant, id: ID): Boolean item: Item }
  type Item @key(fields: "id") { id: ID! more(bytes: Float): Boolean }`;

const start = () =>
  startGateway([
    {
      name: 'sizes',
      typeDefs: TYPE_DEFS,
      resolvers: { Query: { sized: () => true, item: () => ({ id: '1' }) }, Item: { more: () => true } },
    },
  ]);

describe('a float that no number holds', () => {
  it.each([
    '{ sized(bytes: 1e400) }',
    '{ sized(bytes: -1e400) }',
    '{ sized(size: { bytes: 1e400 }) }',
    '{ sized(sizes: [1, 1e999]) }',
    '{ sized(at: 1e400) }',
    '{ sized(at: { deep: [1.5e309] }) }',
    '{ sized(size: { at: [1e400] }) }',
    'query($bytes: Float = 1e400) { sized(bytes: $bytes) }',
    'query($at: Instant = 1e400) { sized(at: $at) }',
    '{ item { id ... @defer { more(bytes: 1e400) } } }',
    `{ sized(bytes: ${'9'.repeat(400)}.0) }`,
  ])('is the fault of who has written it: %s', async (query) => {
    await using gateway = await start();
    const { message } = expectErrorCode(await gateway.run(query), 'GRAPHQL_VALIDATION_FAILED');
    expect(message).toMatch(/^-?[\d.e]{1,40} is beyond every Float\.$/);
  });

  it('is another than the greatest and the least, which are taken', async () => {
    await using gateway = await start();
    const { body } = await gateway.run(
      '{ a: sized(bytes: 1.7976931348623157e308) b: sized(bytes: 5e-324, sizes: [1e-999, 2], at: 1.5, size: { at: 1e3 }) }',
    );
    expect(body).toEqual({ data: { a: true, b: true } });
  });
});
