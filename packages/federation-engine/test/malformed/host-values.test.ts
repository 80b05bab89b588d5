import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startEngine, type EngineUnderTest } from '../start-engine.js';

const TYPES = `
  scalar Any
  input Filter { pages: Int any: Any ids: [ID!] inner: Filter }
  type Query { any(any: Any): String filter(filter: Filter): String id(id: ID): String ids(ids: [Int]): String float(float: Float): String }
  type Subscription { told(any: Any): String }`;
const QUERIES: Readonly<Record<string, string>> = {
  any: 'query($value: Any) { any(any: $value) }',
  filter: 'query($value: Filter) { filter(filter: $value) }',
  id: 'query($value: ID) { id(id: $value) }',
  ids: 'query($value: [Int]) { ids(ids: $value) }',
  float: 'query($value: Float) { float(float: $value) }',
  told: 'subscription($value: Any) { told(any: $value) }',
};

let engine: EngineUnderTest;
beforeAll(async () => {
  engine = await startEngine([
    {
      name: 'shelf',
      typeDefs: TYPES,
      resolvers: { Query: { any: (_: unknown, { any }: { any: unknown }) => JSON.stringify(any) } },
    },
  ]);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

class Pages {
  constructor(readonly pages: unknown) {}
}
const cyclic: Record<string, unknown> = {};
cyclic['inner'] = { inner: cyclic };
let deep: unknown = 1;
for (let level = 0; level < 100_000; level += 1) deep = [deep];

const WRONG: ReadonlyArray<[string, unknown]> = [
  ['a BigInt', 5n],
  ['a symbol', Symbol('x')],
  ['a function', () => 'secret'],
  ['NaN', NaN],
  ['-Infinity', -Infinity],
  ['a Map', new Map([['pages', 5]])],
  ['a Set', new Set([5])],
  ['a RegExp', /x/],
  ['a Promise', Promise.resolve(5)],
  ['an Error', new Error('secret')],
  ['a Uint8Array', new Uint8Array(2)],
  ['an invalid Date', new Date(NaN)],
  ['an object that contains itself', cyclic],
  ['nested more than 1000 levels deep', deep],
];

it.each(WRONG)('refuses %s in a variable, wherever it is, and says what it is', async (what, value) => {
  for (const [name, query] of Object.entries(QUERIES))
    for (const [given, place] of [
      [value, ''],
      [[value], '[0]'],
      [{ any: [1, { deep: value }] }, '.any[1].deep'],
      [new Pages(value), '.pages'],
    ] as const) {
      const request = { query, variables: { value: given } };
      const results = [];
      if (name === 'told') for await (const result of engine.engine.subscribe(request)) results.push(result);
      else results.push(await engine.engine.execute(request));
      const messages = results.flatMap(({ errors }) => errors.map(({ message }) => message));
      const at = what.startsWith('nested') || what.startsWith('an object') ? '' : place;
      const isNumber = typeof value === 'number';
      // Types that take numbers have a word of their own for it, at each place.
      if (isNumber) expect(messages.join()).not.toBe('');
      else expect(messages).toHaveLength(1);
      if (isNumber && !messages[0]?.includes('JSON')) continue;
      expect(messages[0]).toContain(`${what}, which JSON cannot carry.`);
      if (at !== '') expect(messages[0]).toContain(` at "value${at}"`);
      expect(messages[0]).not.toContain('a file');
      expect(messages[0]).not.toContain('secret');
      expect(results[0]).toMatchObject({ isExecuted: false, errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] });
    }
});

it('refuses undefined in a list, where JSON has null', async () => {
  const { errors } = (await engine.run(QUERIES['any'] as string, { variables: { value: [1, undefined] } })).body;
  expect(errors?.[0]?.message).toBe(
    'Variable "$value" got an invalid value at "value[1]": undefined, which JSON cannot carry.',
  );
});

it.each<[string, unknown, string]>([
  ['a Date', new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ['an instance of a class', new Pages(5), '{"pages":5}'],
  ['an object without a prototype', Object.assign(Object.create(null) as object, { a: [1] }), '{"a":[1]}'],
  ['an object with a member that is undefined', { a: undefined, b: 1 }, '{"b":1}'],
  ['an object that is there twice', new Array(2).fill({ a: 1 }), '[{"a":1},{"a":1}]'],
])('takes %s for what it is as JSON', async (_what, value, json) => {
  expect((await engine.run(QUERIES['any'] as string, { variables: { value } })).body).toEqual({ data: { any: json } });
});
