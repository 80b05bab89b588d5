import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createBookshop, QUERY, SUBGRAPHS, type Answer, type SubgraphName } from './bookshop.js';
import { faultsOf, isExplained, lostPlaces } from './conforms.js';

const RUNS = 3_000;
const SEED = 20_220_824;

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** One thing that is done to the JSON of an answer. Places are chosen among all that there are. */
type Harm =
  | { readonly kind: 'replace'; readonly place: number; readonly value: Json }
  | { readonly kind: 'remove'; readonly place: number }
  | { readonly kind: 'null'; readonly place: number }
  | { readonly kind: 'repeat'; readonly place: number }
  | { readonly kind: 'typename'; readonly place: number; readonly value: Json }
  | { readonly kind: 'errors'; readonly errors: Json }
  | { readonly kind: 'whole'; readonly body: Json };

const NAMES = ['data', 'errors', '_entities', '__typename', 'title', 'name', 'author', 'price', 'books', 'constructor'];
/** Without null, which is an answer where null may stand. */
const value: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>('x', '', 5, -1, 1.5, 1e300, true, false, [], {}, [[]], [{}], [[{}], []], { a: { b: [] } }),
  fc.array(fc.oneof(fc.string(), fc.integer()), { maxLength: 3 }),
  fc.dictionary(fc.constantFrom(...NAMES), fc.oneof(fc.string(), fc.integer()), { maxKeys: 3 }),
);
const path = fc.oneof(
  fc.array(fc.oneof(fc.constantFrom(...NAMES), fc.integer({ min: -1, max: 4 }), fc.constantFrom(99, 1.5)), {
    maxLength: 5,
  }),
  fc.tuple(fc.constant('_entities'), fc.integer({ min: -1, max: 99 })),
  fc.tuple(fc.constant('_entities'), fc.integer({ min: 0, max: 2 }), fc.constantFrom('name', 'price', 'nothing')),
  fc.tuple(fc.constantFrom('books', 'shelves', 'book'), fc.nat(3), fc.constantFrom('title', 'id', 'author')),
) as unknown as fc.Arbitrary<Json>;
const error = fc.oneof(
  value,
  fc.record(
    {
      message: fc.oneof(fc.string(), value),
      path: fc.oneof(path, value),
      extensions: fc.oneof(value, fc.record({ code: fc.constantFrom<Json>('NOT_FOUND', 'MADE_UP', 7, {}) })),
      locations: value,
    },
    { requiredKeys: [] },
  ),
) as fc.Arbitrary<Json>;
const place = fc.nat(1_000);
const harm: fc.Arbitrary<Harm> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('replace' as const), place, value }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('remove' as const), place }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('null' as const), place }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('repeat' as const), place }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('typename' as const),
      place,
      value: fc.oneof(fc.constantFrom<Json>('Book', 'Author', 'Lamp', 'Item', 'Query', 'Zebra', 'toString'), value),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('errors' as const), errors: fc.array(error, { maxLength: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('errors' as const), errors: value }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('whole' as const),
      body: fc.oneof(
        value,
        fc.constantFrom<Json>(null, { data: null }, { errors: [] }, { data: null, errors: [] }, { data: {} }),
        fc.record({ data: fc.oneof(value, fc.constant<Json>(null)), errors: fc.array(error, { maxLength: 2 }) }),
      ),
    }),
  },
);

interface Place {
  readonly holder: Record<string | number, Json>;
  readonly key: string | number;
}

/** Every place in the data of an answer, and the data themselves. */
function placesOf(body: Record<string, Json>): Place[] {
  const places: Place[] = [];
  const visit = (holder: Place['holder'], key: string | number): void => {
    places.push({ holder, key });
    const inner = holder[key];
    if (typeof inner !== 'object' || inner === null) return;
    for (const name of Array.isArray(inner) ? inner.keys() : Object.keys(inner)) visit(inner as Place['holder'], name);
  };
  visit(body, 'data');
  return places;
}

function inflict(text: string, harms: readonly Harm[]): string {
  let body = JSON.parse(text) as Json;
  for (const harm of harms) {
    if (harm.kind === 'whole') {
      body = structuredClone(harm.body);
      continue;
    }
    if (typeof body !== 'object' || body === null || Array.isArray(body)) continue;
    if (harm.kind === 'errors') {
      body['errors'] = structuredClone(harm.errors);
      continue;
    }
    const places = placesOf(body);
    const { holder, key } = places[harm.place % places.length] as Place;
    const at = holder[key];
    if (harm.kind === 'replace') holder[key] = structuredClone(harm.value);
    else if (harm.kind === 'null') holder[key] = null;
    else if (harm.kind === 'remove') {
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else Reflect.deleteProperty(holder, key);
    } else if (harm.kind === 'repeat') {
      if (Array.isArray(at)) at.push(...structuredClone(at.slice(0, 1)));
    } else if (typeof at === 'object' && at !== null && !Array.isArray(at)) {
      at['__typename'] = structuredClone(harm.value);
    }
  }
  return JSON.stringify(body);
}

/** What only one subgraph brings, at places that no other can take away. */
const OWN: Record<SubgraphName, (data: Record<string, unknown>) => unknown> = {
  books: ({ books, book, items, shelves }) =>
    strip([books, book, items, shelves], new Set(['price', 'inStock', 'author'])),
  authors: ({ famous }) => famous,
  prices: ({ cheapest }) => strip(cheapest, new Set(['pages'])),
};

/** Without these members. */
function strip(value: unknown, names: ReadonlySet<string>): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (name, inner: unknown) => (names.has(name) ? undefined : inner)),
  ) as unknown;
}

/** Nothing came from that place on: a shorter list of a subgraph's own is its answer. */
function withoutNullable(harms: readonly Harm[]): boolean {
  return !harms.some(({ kind }) => kind === 'null' || kind === 'whole');
}

describe('malformed answers of a subgraph', () => {
  it(`are answered by the specification, explained, and cost nobody else's fields (${RUNS} answers)`, async () => {
    const shop = createBookshop();
    const whole = await shop.run((_subgraph, text) => text);
    expect(whole.errors).toBeUndefined();
    expect(faultsOf(shop.schema, QUERY, whole)).toEqual([]);
    const counts = { broken: 0, explained: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...SUBGRAPHS),
        fc.array(harm, { minLength: 1, maxLength: 3 }),
        fc.nat(2),
        async (subgraph, harms, which) => {
          let asked = 0;
          const answer: Answer = await shop.run((name, text) => {
            if (name !== subgraph) return text;
            asked += 1;
            return asked - 1 === which || which === 2 ? inflict(text, harms) : text;
          });
          expect(faultsOf(shop.schema, QUERY, answer)).toEqual([]);
          if (answer.errors) counts.broken += 1;
          // Null is an answer where it may stand, and entities may be unknown: see "null" among the harms.
          if (withoutNullable(harms)) {
            const unexplained = lostPlaces(answer.data, whole.data).filter((lost) => !isExplained(answer, lost));
            expect(unexplained).toEqual([]);
            if (lostPlaces(answer.data, whole.data).length > 0) counts.explained += 1;
          }
          for (const other of SUBGRAPHS) {
            if (other === subgraph || answer.data === null) continue;
            // Entities of what the books subgraph did not answer are not asked for.
            const own = OWN[other];
            expect(own(answer.data as never)).toEqual(own(whole.data as never));
          }
        },
      ),
      { seed: SEED, numRuns: RUNS },
    );
    // The generator must go on breaking something.
    expect(counts.broken).toBeGreaterThan(RUNS / 3);
    expect(counts.explained).toBeGreaterThan(RUNS / 5);
  });
});
