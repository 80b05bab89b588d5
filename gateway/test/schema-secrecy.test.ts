import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { GraphQLError } from 'graphql';
import { startGateway, type FakeSubgraph, type GatewayUnderTest } from './fake-subgraphs.js';
import { openSocket } from './subscriptions/raw-socket.js';

const fakes: FakeSubgraph[] = [
  {
    name: 'shelf',
    typeDefs: `
      extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
      enum Genre { NOVEL ESSAY }
      input Filter { genre: Genre author: String }
      type Query { novels(filter: Filter): [Novel] told: String own: String coded: String }
      type Novel @key(fields: "id") { id: ID! title: String }
      type Subscription { arrived: Novel }`,
    resolvers: {
      Query: {
        told: () => {
          throw new GraphQLError('Cannot query field "x" on type "Novel". Did you mean "hidden", "secret", or "y"?', {
            extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
          });
        },
        coded: () => {
          throw new GraphQLError(
            'Variable "$g" got invalid value "NOVE"; it is none. Did you mean the enum value "NOVEL"?',
            {
              extensions: { code: 'BAD_USER_INPUT' },
            },
          );
        },
        own: () => {
          throw new GraphQLError('There is no author "Jan". Did you mean "Jane"?', {
            extensions: { code: 'NOT_FOUND' },
          });
        },
      },
    },
  },
];

const NAME = '{ novls { id } }';
/** Each of them nearly says a name of the schema. */
const SUGGESTIVE: ReadonlyArray<[string, Record<string, unknown>]> = [
  [NAME, {}],
  ['{ novels { titl } }', {}],
  ['{ novels(filtr: 1) { id } }', {}],
  ['{ novels { ... on Novl { id } } }', {}],
  ['{ novels(filter: { genr: NOVEL }) { id } }', {}],
  ['{ novels(filter: { genre: NOVLE }) { id } }', {}],
  ['query($f: Filtr) { novels(filter: $f) { id } }', {}],
  ['query($f: Filter) { novels(filter: $f) { id } }', { f: { genr: 'NOVEL' } }],
  ['query($f: Filter) { novels(filter: $f) { id } }', { f: { genre: 'NOVLE' } }],
  ['query($g: Genre) { novels(filter: { genre: $g }) { id } }', { g: 'NOVLE' }],
  ['{ novels @skp(if: true) { id } }', {}],
];

describe('a gateway', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    // As whoever sets nothing has it.
    gateway = await startGateway(fakes, { INTROSPECTION: '', SANDBOX: '' });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });
  const messages = async (query: string, variables: Record<string, unknown> = {}, on = gateway) =>
    ((await on.run(query, { variables })).body.errors ?? []).map(({ message }) => message).join('\n');

  it.each(['{ __schema { __typename } }', '{ __type(name: "Novel") { name } }', '{ a: __schema { description } }'])(
    'does not answer %s, however it is asked',
    async (query) => {
      const refused = [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }];
      expect((await gateway.run(query)).body).toMatchObject({ errors: refused });
      const get = await fetch(`${gateway.url}/graphql?query=${encodeURIComponent(query)}`, {
        headers: { 'apollo-require-preflight': '1' },
      });
      expect(await get.json()).toMatchObject({ errors: refused });
      await using socket = await openSocket(gateway);
      socket.send({ type: 'subscribe', id: '1', payload: { query } });
      expect(await socket.next()).toMatchObject({ type: 'error', id: '1', payload: refused });
    },
  );

  it('says the names of types of what it answers', async () => {
    expect((await gateway.run('{ __typename }')).body).toEqual({ data: { __typename: 'Query' } });
  });

  it.each(SUGGESTIVE)('makes no suggestion for %s %j', async (query, variables) => {
    const told = await messages(query, variables);
    expect(told).not.toBe('');
    expect(told).not.toContain('Did you mean');
  });

  it('passes no suggestion of a subgraph on, but what it has to say itself', async () => {
    expect(await messages('{ told }')).toBe('Cannot query field "x" on type "Novel".');
    expect(await messages('{ coded }')).toBe('Variable "$g" got invalid value "NOVE"; it is none.');
    expect(await messages('{ own }')).toBe('There is no author "Jan". Did you mean "Jane"?');
  });

  it('shows no explorer', async () => {
    const response = await fetch(`${gateway.url}/graphql`, { headers: { accept: 'text/html' } });
    expect([response.status, response.headers.get('content-type')]).toEqual([400, 'application/json; charset=utf-8']);
  });

  it.each([
    [{ NODE_ENV: 'development', INTROSPECTION: '', SANDBOX: '' }, true, true],
    [{ NODE_ENV: 'production', INTROSPECTION: '', SANDBOX: '' }, false, false],
    [{ NODE_ENV: 'staging', INTROSPECTION: '', SANDBOX: '' }, false, false],
    [{ NODE_ENV: 'development', INTROSPECTION: '0', SANDBOX: '' }, false, true],
    [{ NODE_ENV: 'production', INTROSPECTION: '1', SANDBOX: '0' }, true, false],
  ])('with %j tells of its schema: %j, shows the explorer: %j', async (settings, introspection, sandbox) => {
    await using other = await startGateway(fakes, settings);
    expect((await other.run('{ __schema { queryType { name } } }')).body.data?.['__schema'] !== undefined).toBe(
      introspection,
    );
    expect((await messages(NAME, {}, other)).includes('Did you mean')).toBe(introspection);
    const page = await fetch(`${other.url}/graphql`, { headers: { accept: 'text/html' } });
    expect((await page.text()).includes('sandbox')).toBe(sandbox);
  });

  it.each([
    ['127.0.0.1', { INTROSPECTION: '1' }, null],
    ['127.0.0.2', { SANDBOX: '1' }, null],
    ['0.0.0.0', {}, null],
    ['0.0.0.0', { INTROSPECTION: '1' }, ['INTROSPECTION']],
    ['0.0.0.0', { NODE_ENV: 'development', CORS_ORIGINS: '*' }, ['INTROSPECTION', 'SANDBOX', 'CORS_ORIGINS']],
  ])('on %s with %j warns of %j', async (HOST, settings, open) => {
    const warnings: Array<Record<string, unknown>> = [];
    const write = (line: string) => {
      const entry = JSON.parse(line) as Record<string, unknown>;
      if (entry['level'] === 'warn' && entry['open']) warnings.push(entry);
    };
    const log = createLog({ service: 'gateway', level: 'warn', destination: { write } });
    await using _other = await startGateway(fakes, { INTROSPECTION: '', SANDBOX: '', HOST, ...settings }, { log });
    expect(warnings).toMatchObject(open === null ? [] : [{ host: HOST, open }]);
  });
});
