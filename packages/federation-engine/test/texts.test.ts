import { describe, expect, it } from '@jest/globals';
import { expectData } from '@taskgraph/testkit';
import fc from 'fast-check';
import { createMemoryCache } from '../src/index.js';
import type { FakeSubgraph } from './fake-subgraphs.js';
import { startEngine } from './start-engine.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';

/** Things whose ids are any text; what the second subgraph tells of each is made of the id that came to it. */
function fakes(ids: () => readonly string[]): readonly FakeSubgraph[] {
  const thing = (id: string) => ({ __typename: 'Thing', id });
  return [
    {
      name: 'things',
      typeDefs: `${LINK} type Query { things: [Thing!]! words: [String!]! } type Thing @key(fields: "id") { id: ID! }`,
      resolvers: { Query: { things: () => ids().map(thing), words: () => ids() } },
    },
    {
      name: 'facts',
      typeDefs: `${LINK} scalar Any type Thing @key(fields: "id") { id: ID! echo: String! any: Any plain: String! }`,
      intercept(_request, response) {
        response.setHeader('cache-control', 'max-age=60, public');
        return false;
      },
      resolvers: {
        Thing: {
          __resolveReference: ({ id }: { id: string }) => thing(id),
          echo: ({ id }: { id: string }) => `${id}!`,
          any: ({ id }: { id: string }) => ({ [id]: [id] }),
          plain: () => 'plain',
        },
      },
    },
  ];
}

const HOSTILE = [
  '"',
  '\\',
  '\\"',
  '\n',
  '\u0000',
  '\u001f',
  '\u007f',
  '\u2028',
  '\ud800',
  '\udc00x',
  '\ud83d\ude00',
  'ü',
  '{"a":"b"}',
  '</script>',
];

describe('texts of any kind', () => {
  it('are answered as subgraphs have them, beside texts that need no escape, and from the cache', async () => {
    let ids: readonly string[] = [];
    await using engine = await startEngine(
      fakes(() => ids),
      { cache: createMemoryCache({ maxBytes: 1e7 }) },
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.constantFrom(...HOSTILE),
      fc.string({ maxLength: 300 }),
    );
    const lists = fc.uniqueArray(text, { maxLength: 5 }).filter((list) => !list.some((id) => id === '__proto__'));
    await fc.assert(
      fc.asyncProperty(
        lists,
        fc.constantFrom('things { id echo }', 'words things { plain }', 'things { id any }'),
        async (list, selection) => {
          ids = list;
          const things = list.map((id) => ({ id, echo: `${id}!`, any: { [id]: [id] }, plain: 'plain' }));
          const expected = {
            'things { id echo }': { things: things.map(({ id, echo }) => ({ id, echo })) },
            'words things { plain }': { words: list, things: things.map(({ plain }) => ({ plain })) },
            'things { id any }': { things: things.map(({ id, any }) => ({ id, any })) },
          }[selection];
          // What the second answer has of facts was kept.
          for (let round = 0; round < 2; round += 1)
            expect(expectData(await engine.run(`{ ${selection} }`))).toEqual(expected);
        },
      ),
      { numRuns: 150 },
    );
    const asked = engine.subgraphs['facts']?.requests.length ?? 0;
    expect(asked).toBeGreaterThan(0);
    await engine.run('{ things { id echo } }');
    await engine.run('{ things { id echo } }');
    expect((engine.subgraphs['facts']?.requests.length ?? 0) - asked).toBeLessThanOrEqual(1);
  });

  it('tell entities apart that differ in nothing but what is escaped', async () => {
    const ids = ['a"b', 'a\\"b', 'a\\b', 'a\nb', 'a\\nb', 'a:b', 'a', ':b'];
    await using engine = await startEngine(
      fakes(() => ids),
      { cache: createMemoryCache({ maxBytes: 1e7 }) },
    );
    for (let round = 0; round < 3; round += 1)
      expect(expectData(await engine.run('{ things { echo } }'))).toEqual({
        things: ids.map((id) => ({ echo: `${id}!` })),
      });
  });
});
