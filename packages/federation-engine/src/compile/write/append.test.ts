import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { buildSchema, parse, type OperationDefinitionNode } from 'graphql';
import { compileResponseWriter, type WrittenForm } from './response-writer.js';

const schema = buildSchema(`
  scalar Any
  enum Color { RED GREEN }
  interface Named { name: String }
  type Cat implements Named { name: String lives: Int! friend: Dog color: Color }
  type Dog implements Named { name: String! id: ID cat: Cat cats: [Cat!] tags: [String] matrix: [[Int]] any: Any good: Boolean }
  union Pet = Cat | Dog
  type Query { pets: [Pet] named: Named dog: Dog bare: Dog wrong: Int last: String }
`);
const QUERY = `{
  pets { __typename ... on Cat { lives name color friend { name id } } ... on Dog { tags name cats { lives color name } good any } }
  named { name __typename ... on Dog { matrix id cat { name lives } } }
  dog { any good id tags name cat { color name lives friend { id name tags } } matrix }
  bare { name }
  wrong
  last
}`;
const writerOf = (form: WrittenForm) =>
  compileResponseWriter(
    { schema, fragments: new Map(), conditions: new Map() },
    schema.getQueryType() as never,
    [(parse(QUERY).definitions[0] as OperationDefinitionNode).selectionSet],
    form,
  );
const [write, makeValue, writeBoth] = [writerOf('text'), writerOf('value'), writerOf('both')];

/** Texts of which none needs an escape. */
const plain = fc.string({ unit: fc.constantFrom('a', 'é', ' ', '{', ',', '𝒳', 'null') });
const text = fc.oneof(plain, fc.string({ unit: 'binary' }));
/** What fits mostly: null, nothing, and what is wrong come now and then. */
const mostly = (value: fc.Arbitrary<unknown>) =>
  fc.oneof(
    { arbitrary: value, weight: 40 },
    { arbitrary: fc.constantFrom<unknown>(null, undefined, [], {}, 'text', 2 ** 40, true), weight: 1 },
  );
const dataOf = (string: fc.Arbitrary<string>) =>
  fc.letrec((tie) => ({
    any: fc.oneof(string, fc.integer(), fc.constant({ deep: [1, null] })),
    cat: fc.record({
      __typename: fc.constantFrom('Cat', 'Cat', 'Cat', undefined, 'Nobody'),
      name: mostly(string),
      lives: mostly(fc.integer({ min: -9, max: 9 })),
      color: mostly(fc.constantFrom('RED', 'GREEN')),
      friend: fc.option(tie('dog'), { nil: null, depthIdentifier: 'pets' }),
    }),
    dog: fc.record({
      __typename: fc.constantFrom('Dog', 'Dog', 'Dog', undefined, 7),
      name: mostly(string),
      id: mostly(fc.oneof(string, fc.integer())),
      cat: fc.option(tie('cat'), { nil: null, depthIdentifier: 'pets' }),
      cats: mostly(fc.array(tie('cat'), { maxLength: 2, depthIdentifier: 'pets' })),
      tags: mostly(fc.array(mostly(string), { maxLength: 3 })),
      matrix: mostly(fc.array(mostly(fc.array(mostly(fc.integer({ max: 9 })), { maxLength: 2 })), { maxLength: 2 })),
      any: mostly(tie('any')),
      good: mostly(fc.boolean()),
    }),
    root: fc.record({
      pets: mostly(fc.array(fc.oneof(tie('cat'), tie('dog')), { maxLength: 3 })),
      named: fc.oneof(tie('cat'), tie('dog'), fc.constant(null)),
      dog: fc.oneof(tie('dog'), fc.constant(null)),
      bare: tie('dog'),
      last: mostly(string),
    }),
  })).root as fc.Arbitrary<Record<string, unknown>>;

/** Objects and lists in data, each once. */
function partsOf(value: unknown, parts = new Set<object>()): Set<object> {
  if (typeof value !== 'object' || value === null) return parts;
  parts.add(value);
  for (const inner of Object.values(value)) partsOf(inner, parts);
  return parts;
}

describe('what appends where nothing is wrong', () => {
  it.each([
    ['no string needs an escape', plain, true],
    ['strings may need one', text, false],
  ] as const)('writes what the way that finds faults writes: %s', (_when, string, isPlain) => {
    let appended = 0;
    const property = fc.property(dataOf(string), fc.infiniteStream(fc.nat(9)), (data, chances) => {
      const of = (share: number) => new Set([...partsOf(data)].filter(() => (chances.next().value ?? 0) < share));
      const [shared, missing] = [of(3), of(1)];
      const right = write({ ...data, wrong: null }, shared, missing, isPlain);
      const wrong = write({ ...data, wrong: 'no number' }, shared, missing, isPlain);
      expect(right.text).toBe(wrong.text);
      expect(right.objects).toBe(wrong.objects);
      const { violations } = wrong;
      expect(violations.filter(({ path }) => path[0] !== 'wrong')).toEqual(right.violations);
      if (right.violations.length === 0) appended += 1;
      if (right.text !== null) expect(JSON.parse(right.text)).toMatchObject({ wrong: null });
    });
    fc.assert(property, { numRuns: 1_000 });
    // Neither way stands for the other: about 180 of them are all right.
    expect(appended).toBeGreaterThan(100);
    expect(appended).toBeLessThan(900);
  });
});

describe('what makes a value where nothing is wrong', () => {
  it('makes what the text says, of objects of its own', () => {
    let made = 0;
    const property = fc.property(dataOf(text), fc.infiniteStream(fc.nat(9)), (data, chances) => {
      const of = (share: number) => new Set([...partsOf(data)].filter(() => (chances.next().value ?? 0) < share));
      const [shared, missing] = [of(3), of(1)];
      for (const root of [
        { ...data, wrong: null },
        { ...data, wrong: 'no number' },
      ]) {
        const [right, both] = [makeValue(root, shared, missing), writeBoth(root, shared, missing)];
        expect(right.value).toEqual(both.value);
        expect(right.objects).toBe(both.objects);
        expect(right.violations).toEqual(both.violations);
        expect(right.value).toEqual(both.text === null ? null : JSON.parse(both.text));
        // No text is written of what is right.
        expect(right.text).toBe(both.violations.length === 0 ? null : both.text);
        if (right.violations.length === 0) made += 1;
        const given = partsOf(root);
        for (const each of partsOf(right.value)) expect(given.has(each)).toBe(false);
      }
    });
    fc.assert(property, { numRuns: 1_000 });
    expect(made).toBeGreaterThan(100);
  });
});
