import { buildSchema, parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  getVariableValues,
  OperationTypeNode,
  type OperationDefinitionNode,
  type GraphQLFormattedError,
} from 'graphql';
import fc from 'fast-check';
import { checkVariables } from '../../src/compile/check-variables.js';
import type { Refusal } from '../../src/request/refusal.js';
import type { FakeSubgraph } from '../fake-subgraphs.js';
import { startEngine, type EngineUnderTest } from '../start-engine.js';

const TYPES = `
  enum Genre { NOVEL ESSAY }
  input Filter { genre: Genre titles: [String!] pages: Int! inner: Filter }
  type Query { found(filter: Filter, filters: [Filter!], pages: Int, title: String, genre: Genre): String }`;

const FAKES: readonly FakeSubgraph[] = [{ name: 'shelf', typeDefs: TYPES }];

const QUERY = 'query($filter: Filter) { found(filter: $filter) }';
const LONG = 'a'.repeat(900_000);

const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 1]));

/** Values whose printed form is about as large as a request may be. */
const LARGE: ReadonlyArray<[string, unknown]> = [
  ['many unknown fields', { pages: 1, ...keys(60_000) }],
  ['a few unknown fields beside a long string', { titles: [LONG], ...keys(25) }],
  ['an object for a list', { pages: 1, titles: keys(60_000) }],
  ['long strings for numbers', { pages: LONG }],
  ['long names of fields', { pages: 1, [LONG]: 1 }],
  ['long values of an enum', { pages: 1, genre: LONG }],
  ['a large object for an enum', { pages: 1, genre: keys(60_000) }],
];

describe('variables that do not fit their types', () => {
  let engine: EngineUnderTest;
  beforeAll(async () => {
    engine = await startEngine(FAKES);
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
  });

  it.each(LARGE)('are answered shortly, however large they are: %s', async (_what, filter) => {
    const text = await engine.runText(QUERY, { variables: { filter } });
    expect(text.length).toBeLessThan(30_000);
    const { errors } = JSON.parse(text) as { errors: GraphQLFormattedError[] };
    expect(errors.length).toBeLessThanOrEqual(21);
    for (const { extensions } of errors) expect(extensions).toEqual({ code: 'BAD_USER_INPUT' });
  });

  it('are each told, up to a number of errors', async () => {
    const { body } = await engine.run(QUERY, { variables: { filter: { pages: 'x', titles: [null], genre: 'NOVE' } } });
    expect(body.errors?.map(({ message }) => message)).toEqual([
      'Variable "$filter" got invalid value "NOVE" at "filter.genre"; Value "NOVE" does not exist in "Genre" enum. Did you mean the enum value "NOVEL"?',
      'Variable "$filter" got invalid value null at "filter.titles[0]"; Expected non-nullable type "String!" not to be null.',
      'Variable "$filter" got invalid value "x" at "filter.pages"; Int cannot represent non-integer value: "x"',
    ]);
    const many = await engine.run(QUERY, { variables: { filter: { pages: 1, ...keys(30) } } });
    expect(many.body.errors).toHaveLength(21);
    expect(many.body.errors?.at(-1)?.message).toBe('There are too many errors in the variables: no more are told.');
  });

  it('are refused where graphql-js refuses them, at the same places', () => {
    const schema = buildSchema(TYPES);
    const document = parse(`
      query($a: Filter, $b: [Filter!], $c: Int!, $d: String = "x", $e: Genre!, $f: Int! = 2) {
        found(filter: $a, filters: $b, pages: $c, title: $d, genre: $e) f: found(pages: $f)
      }`);
    const node = document.definitions[0] as OperationDefinitionNode;
    expect(node.operation).toBe(OperationTypeNode.QUERY);
    const leaf = fc.oneof(
      fc.constant(null),
      fc.integer(),
      fc.double(),
      fc.string(),
      fc.boolean(),
      fc.constantFrom('NOVEL', 'ESSAY'),
    );
    const { filter } = fc.letrec((tie) => ({
      filter: fc.oneof(
        { maxDepth: 3 },
        fc.record(
          {
            genre: leaf,
            titles: fc.oneof(leaf, fc.array(leaf, { maxLength: 2 })),
            pages: fc.oneof(fc.integer({ min: 0, max: 9 }), leaf),
            inner: tie('filter'),
            other: leaf,
          },
          { requiredKeys: [] },
        ),
        leaf,
      ),
    }));
    const variables = fc.record(
      { a: filter, b: fc.oneof(filter, fc.array(filter, { maxLength: 2 })), c: leaf, d: leaf, e: leaf, f: leaf },
      { requiredKeys: [] },
    );
    const places = (errors: readonly GraphQLFormattedError[]) =>
      errors.map(({ message, locations }) => ({
        name: /^Variable "\$(\w+)"/.exec(message)?.[1],
        place: / at "([^"]*)"; /.exec(message)?.[1],
        locations,
      }));
    const found = (values: Record<string, unknown>) => {
      try {
        checkVariables({ supergraph: { schema } as never, node }, values, { hideSuggestions: true });
        return [];
      } catch (error) {
        return (error as Refusal).errors;
      }
    };
    fc.assert(
      fc.property(variables, (values) => {
        const { errors = [] } = getVariableValues(schema, node.variableDefinitions ?? [], values, {
          hideSuggestions: true,
        });
        const expected = errors.map((error) => error.toJSON());
        expect(places(found(values)).slice(0, 20)).toEqual(places(expected).slice(0, 20));
      }),
      { numRuns: 500 },
    );
  });
});
