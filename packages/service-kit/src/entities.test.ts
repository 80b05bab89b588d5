import { buildSubgraphSchema } from '@apollo/subgraph';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { graphql, parse, type GraphQLSchema } from 'graphql';
import { resolveEntitiesTogether } from './entities.js';

/** How one entity comes: by the first word of its id. */
const KINDS = ['now', 'later', 'null', 'nothing', 'throws', 'rejects', 'text', 'error'] as const;
type Kind = (typeof KINDS)[number];

/** One row for every reference of an id, as a loader gives it, whatever type is asked for. */
function createSchema(): GraphQLSchema {
  const rows = new Map<string, object>();
  const find = ({ id }: { readonly id: string }): unknown => {
    const row = rows.get(id) ?? { id, title: `title of ${id}` };
    rows.set(id, row);
    const answers: Record<Kind, () => unknown> = {
      now: () => row,
      later: () => Promise.resolve(row),
      null: () => null,
      nothing: () => Promise.resolve(undefined),
      throws: () => {
        throw new Error(`threw ${id}`);
      },
      rejects: () => Promise.reject(new Error(`rejected ${id}`)),
      text: () => Promise.reject('a text'),
      error: () => new Error(`is ${id}`),
    };
    return answers[id.split(' ')[0] as Kind]();
  };
  // A promise, as of an async function: what a reference throws at once costs all others with Apollo's resolver.
  const resolve = (reference: { readonly id: string }) =>
    reference.id.startsWith('throws') ? Promise.resolve().then(() => find(reference)) : find(reference);
  return buildSubgraphSchema([
    {
      typeDefs: parse(`
        extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
        type Query { one: Book }
        type Book @key(fields: "id") { id: ID! title: String }
        type Film @key(fields: "id") { id: ID! title: String }
        type Stub @key(fields: "id") { id: ID! }`),
      resolvers: { Book: { __resolveReference: resolve }, Film: { __resolveReference: resolve } } as never,
    },
  ]);
}

const QUERY = `query($r: [_Any!]!) { _entities(representations: $r) {
  __typename ... on Book { id title } ... on Film { id title } ... on Stub { id } } }`;

async function answer(schema: GraphQLSchema, representations: readonly object[]) {
  const { data, errors } = await graphql({ schema, source: QUERY, variableValues: { r: representations } });
  // Errors come in the order in which they happen, which is nobody's business.
  const told = errors?.map((error) => JSON.stringify(error)).sort();
  return JSON.parse(JSON.stringify({ data, told })) as object;
}

describe('entities that are resolved together', () => {
  it('are answered as by @apollo/subgraph, one by one', async () => {
    const reference = fc.record({
      __typename: fc.constantFrom('Book', 'Film', 'Stub'),
      id: fc.tuple(fc.constantFrom(...KINDS), fc.integer({ min: 0, max: 2 })).map((parts) => parts.join(' ')),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(reference, { maxLength: 12 }), async (representations) => {
        const expected = await answer(createSchema(), representations);
        expect(await answer(resolveEntitiesTogether(createSchema()), representations)).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('are refused as by @apollo/subgraph where the schema does not know a type', async () => {
    const representations = [
      { __typename: 'Book', id: 'now 1' },
      { __typename: 'Nothing', id: 'now 2' },
    ];
    const expected = await answer(createSchema(), representations);
    expect(expected).toMatchObject({ data: null });
    expect(await answer(resolveEntitiesTogether(createSchema()), representations)).toEqual(expected);
  });

  it('cost themselves alone where one throws at once', async () => {
    const schema = resolveEntitiesTogether(
      buildSubgraphSchema([
        {
          typeDefs: parse(`
            extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
            type Query { one: Book }
            type Book @key(fields: "id") { id: ID! title: String }`),
          resolvers: {
            Book: {
              __resolveReference: ({ id }: { id: string }) => {
                if (id === '2') throw new Error('no such book');
                return { id, title: `title of ${id}` };
              },
            },
          } as never,
        },
      ]),
    );
    const { data, errors } = await graphql({
      schema,
      source:
        '{ _entities(representations: [{ __typename: "Book", id: "1" }, { __typename: "Book", id: "2" }]) { ... on Book { title } } }',
    });
    expect(data).toEqual({ _entities: [{ title: 'title of 1' }, null] });
    expect(errors?.map(({ path }) => path)).toEqual([['_entities', 1]]);
  });

  it('that are there already are an answer without waiting', () => {
    const schema = resolveEntitiesTogether(createSchema());
    const field = schema.getQueryType()?.getFields()['_entities'];
    const representations = [
      { __typename: 'Book', id: 'now 1' },
      { __typename: 'Stub', id: 'now 2' },
    ];
    const resolved: unknown = field?.resolve?.(undefined, { representations }, {}, { schema } as never);
    expect(resolved).toMatchObject([{ title: 'title of now 1' }, { id: 'now 2' }]);
  });
});
