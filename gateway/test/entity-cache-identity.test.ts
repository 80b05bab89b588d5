import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, signTestToken } from '@taskgraph/testkit';
import { startGateway, type FakeSubgraph, type GatewayUnderTest } from './fake-subgraphs.js';

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@interfaceObject", "@authenticated"])';

let policy = 'max-age=60, public';
const keep: NonNullable<FakeSubgraph['intercept']> = (_request, response) => {
  response.setHeader('cache-control', policy);
  return false;
};

/** A catalogue whose products others know by another key, or as what they all are. */
function catalogue(): FakeSubgraph[] {
  const name = { current: 'Kettle' };
  const stars = { current: 1 };
  const product = () => ({ __typename: 'Product', id: '1', upc: 'u1', name: name.current, secret: 'four' });
  return [
    {
      name: 'catalogue',
      typeDefs: `${LINK} type Query { item: Item, product: Product }
        type Mutation { rename(name: String!): Product }
        interface Item @key(fields: "id") { id: ID! }
        type Product implements Item @key(fields: "id") @key(fields: "upc") { id: ID! upc: ID! name: String secret: String @authenticated }`,
      resolvers: {
        Query: { item: product, product },
        Mutation: { rename: (_: unknown, args: { name: string }) => ((name.current = args.name), product()) },
        Item: { __resolveReference: product },
        Product: { __resolveReference: product },
      },
      intercept: keep,
    },
    {
      name: 'shelf',
      typeDefs: `${LINK} type Query { shelf: Product } type Product @key(fields: "upc") { upc: ID! }`,
      resolvers: { Query: { shelf: () => ({ upc: 'u1' }) } },
      intercept: keep,
    },
    {
      name: 'reviews',
      typeDefs: `${LINK} type Mutation { review: Item } type Item @interfaceObject @key(fields: "id") { id: ID! stars: Int }`,
      resolvers: {
        Mutation: { review: () => ((stars.current += 1), { id: '1' }) },
        Item: { __resolveReference: () => ({ id: '1', stars: stars.current }) },
      },
      intercept: keep,
    },
  ];
}

describe('an entity that is kept', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway(catalogue());
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });
  const somebody = () => ({ token: signTestToken() });
  const fetchedFrom = (name: string) => gateway.subgraphs[name]?.requests.splice(0).length;

  it('under another key is forgotten when it is changed by its id', async () => {
    const name = async () => expectData(await gateway.run('{ shelf { name } }', somebody())).shelf.name as string;
    expect([await name(), await name()]).toEqual(['Kettle', 'Kettle']);
    expect(fetchedFrom('catalogue')).toBe(1);
    expectData(await gateway.run('mutation { rename(name: "Pot") { id } }', somebody()));
    expect(await name()).toBe('Pot');
  });

  it('as its interface is forgotten when the object is changed', async () => {
    const stars = async () => expectData(await gateway.run('{ item { stars } }', somebody())).item.stars as number;
    expect([await stars(), await stars()]).toEqual([1, 1]);
    expect(fetchedFrom('reviews')).toBe(1);
    expectData(await gateway.run('mutation { review { __typename id } }', somebody()));
    expect(await stars()).toBe(2);
  });

  it('for its viewer alone is for the same token alone', async () => {
    policy = 'max-age=60, private';
    const userId = '0192f0c1-0000-7000-8000-00000000000a';
    const [first, second] = [signTestToken({ userId }), signTestToken({ userId, role: 'ADMIN' })];
    const ask = async (token: string) => expectData(await gateway.run('{ shelf { mine: name } }', { token }));
    await ask(first);
    await ask(first);
    fetchedFrom('catalogue');
    await ask(first);
    expect(fetchedFrom('catalogue')).toBe(0);
    // Another session, or other rights: the subgraph may answer otherwise.
    await ask(second);
    expect(fetchedFrom('catalogue')).toBe(1);
    policy = 'max-age=60, public';
  });

  it('is told to caches on the way as private where it takes a token to see it', async () => {
    const headers = async (query: string) => (await gateway.run(query, somebody())).headers;
    expect((await headers('{ product { upc } }')).get('cache-control')).toMatch(/^max-age=\d+, public$/);
    expect((await headers('{ product { upc } }')).get('vary')).toBe('accept');
    expect((await headers('{ product { secret } }')).get('cache-control')).toMatch(/^max-age=\d+, private$/);
  });
});
