import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildClientSchema, getIntrospectionQuery, type IntrospectionOptions } from 'graphql';
import { library, startGateway, type GatewayUnderTest } from './fake-subgraphs.js';

const OPTIONS = [
  'descriptions',
  'specifiedByUrl',
  'directiveIsRepeatable',
  'schemaDescription',
  'inputValueDeprecation',
  'oneOf',
  'experimentalDirectiveDeprecation',
] as const satisfies ReadonlyArray<keyof IntrospectionOptions>;

/** All of them on and off. */
const COMBINATIONS = Array.from({ length: 2 ** OPTIONS.length }, (_, bits) =>
  Object.fromEntries(OPTIONS.map((name, at) => [name, (bits & (1 << at)) !== 0])),
);

/** As tools write it that do not take it from graphql-js: types of lists in lists deeper than any schema has. */
const ALIASED = `query IntrospectionQuery { __schema { queryType { name } mutationType { name } subscriptionType { name }
  types { ...FullType } directives { name description isRepeatable locations args(includeDeprecated: true) { ...Input } } } }
  fragment FullType on __Type { kind name description specifiedByURL
    fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...Input } type { ...Ref } isDeprecated deprecationReason }
    inputFields(includeDeprecated: true) { ...Input } interfaces { ...Ref }
    enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...Ref } }
  fragment Input on __InputValue { name description type { ...Ref } defaultValue isDeprecated deprecationReason }
  fragment Ref on __Type { kind name ${'ofType { kind name '.repeat(20)}${'}'.repeat(20)} }`;

describe('a tool that asks for the schema', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    // What the helper turns on is what development has; all limits are those by default.
    gateway = await startGateway(library(), { NODE_ENV: 'development', INTROSPECTION: '', SANDBOX: '' });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it.each([
    [
      'as graphql-js, GraphiQL and Sandbox write it, with every option on and off',
      COMBINATIONS.map(getIntrospectionQuery),
    ],
    ['as graphql-codegen does, and with references of any depth', [ALIASED, getIntrospectionQuery()]],
  ])('gets it under the limits by default: %s', async (_who, queries) => {
    for (const query of queries) {
      const { status, body } = await gateway.run(query);
      expect([status, body.errors]).toEqual([200, undefined]);
      const schema = buildClientSchema(body.data);
      expect(Object.keys(schema.getQueryType()?.getFields() ?? {})).toContain('books');
      expect(schema.getType('Book')).toBeDefined();
    }
  });

  it('gets it by GET, and as a part of a batch', async () => {
    const query = getIntrospectionQuery({ inputValueDeprecation: true, oneOf: true });
    const byGet = await fetch(`${gateway.url}/graphql?query=${encodeURIComponent(query)}`, {
      headers: { 'apollo-require-preflight': '1' },
    });
    expect([byGet.status, Object.keys((await byGet.json()) as object)]).toEqual([200, ['data']]);
    const batch = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ query, operationName: 'IntrospectionQuery' }, { query: '{ books { id } }' }]),
    });
    expect(((await batch.json()) as object[]).map((answer) => Object.keys(answer))).toEqual([['data'], ['data']]);
  });
});
