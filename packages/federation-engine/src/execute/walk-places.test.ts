import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PathStep } from '../compile/plan/steps.js';
import type { Data } from '../request/data.js';
import { collectPlaces, collectTargets } from './targets.js';
import { follow, readAt, walkPlaces } from './walk-places.js';

type Way = ReadonlyArray<{ readonly holder: object; readonly key: string | number; readonly value: unknown }>;

/** Every place of a tree there is, in the order of the answer. */
function everyWay(value: unknown, way: Way = []): Way[] {
  if (typeof value !== 'object' || value === null) return [way];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return [
    way,
    ...keys.flatMap((key) => {
      const inner = (value as Record<string | number, unknown>)[key];
      return everyWay(inner, [...way, { holder: value, key, value: inner }]);
    }),
  ];
}

function isAllowed(value: unknown, types: ReadonlySet<string> | null): boolean {
  if (types === null) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { __typename: typename } = value as { readonly __typename?: unknown };
  return typeof typename !== 'string' || types.has(typename);
}

/**
 * Whether a way is one that the steps mean: it takes them one by one, and list items that no step asks for are taken as well.
 *
 * @param value where the way begins
 */
function isMeant(value: unknown, way: Way, steps: readonly PathStep[]): boolean {
  const [place, ...rest] = way;
  const [step, ...others] = steps;
  if (step?.kind === 'type' && isPlainObject(value)) return isAllowed(value, step.types) && isMeant(value, way, others);
  if (!place) return steps.length === 0;
  if (typeof place.key === 'number') {
    if (step?.kind !== 'items') return isMeant(place.value, rest, steps);
    return isAllowed(place.value, step.types) && isMeant(place.value, rest, others);
  }
  if (step?.kind !== 'field' || step.name !== place.key) return false;
  // The type of what is in a list is that of its items.
  return (Array.isArray(place.value) || isAllowed(place.value, step.types)) && isMeant(place.value, rest, others);
}

const isPlainObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

function reference(root: Data, steps: readonly PathStep[]): Way[] {
  return everyWay(root).filter((way) => {
    const value = way.length === 0 ? root : way.at(-1)?.value;
    return isPlainObject(value) && isMeant(root, way, steps);
  });
}

const { value: tree } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.constantFrom(null, 1, 'text'),
    tie('object'),
    tie('object'),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
  object: fc.record(
    { __typename: fc.constantFrom('T', 'U', null), a: tie('value'), b: tie('value') },
    { requiredKeys: ['a'] },
  ),
}));
const root = fc.record({ a: tree, b: tree }, { requiredKeys: ['a'] }) as fc.Arbitrary<Data>;
const types = fc.option(
  fc.subarray(['T', 'U']).map((names) => new Set(names)),
  { nil: null },
);
const step: fc.Arbitrary<PathStep> = fc.oneof(
  fc.record({ kind: fc.constant('field' as const), name: fc.constantFrom('a', 'a', 'b'), types }),
  fc.record({ kind: fc.constant('items' as const), types }),
  fc.subarray(['T', 'U']).map((names) => ({ kind: 'type' as const, condition: 'Any', types: new Set(names) })),
);
const steps = fc.array(step, { maxLength: 5 });

const field = (name: string, ...types: string[]): PathStep => ({
  kind: 'field',
  name,
  types: types.length === 0 ? null : new Set(types),
});
const of = (name: string): PathStep => ({ kind: 'type', condition: name, types: new Set([name]) });

describe('places of a result', () => {
  it('are those whose way takes the steps of the path, in the order of the answer', () => {
    let found = 0;
    fc.assert(
      fc.property(root, steps, (data, path) => {
        const expected = reference(data, path);
        found += expected.length;
        const visited: unknown[] = [];
        walkPlaces(data, path, (object, { holders, keys, length }) => {
          expect((holders[length - 1] as Data)[keys[length - 1] as string]).toBe(object);
          visited.push({ object, holders: holders.slice(1, length), keys: keys.slice(1, length) });
        });
        expect(visited).toEqual(
          expected.map((way) => ({
            object: way.length === 0 ? data : way.at(-1)?.value,
            holders: way.map(({ holder }) => holder),
            keys: way.map(({ key }) => key),
          })),
        );
        expect(collectPlaces(data, path).map(({ path: at }) => at)).toEqual(
          expected.map((way) => way.map(({ key }) => key)),
        );
      }),
      { numRuns: 3_000 },
    );
    expect(found).toBeGreaterThan(50);
  });

  it('are found again by following their own paths', () => {
    fc.assert(
      fc.property(root, steps, (data, path) => {
        walkPlaces(data, path, (object, { keys, length }) => {
          expect(follow(data, keys.slice(1, length))).toEqual({ value: object, length: length - 1 });
          expect(follow(data, [...keys.slice(1, length), 'none', 'more'])).toEqual({ value: undefined, length });
          expect(follow(data, [...keys.slice(1, length), 0])).toEqual({ value: object, length: length - 1 });
        });
      }),
    );
  });

  it('hold what is read at a path, whatever types and lists are on the way', () => {
    let found = 0;
    fc.assert(
      fc.property(root, steps, (data, path) => {
        const expected = reference(data, path).map((way) => (way.length === 0 ? data : way.at(-1)?.value));
        expect([readAt(data, path)].flat(Infinity).filter(isPlainObject)).toEqual(expected);
        found += expected.length;
      }),
      { numRuns: 3_000 },
    );
    expect(found).toBeGreaterThan(50);
  });

  it.each<[string, readonly PathStep[], unknown]>([
    ['null where null is', [field('nothing'), field('name')], null],
    ['nothing below what is no object', [field('name'), field('name')], undefined],
    ['nothing of an object where a list is meant', [field('one'), { kind: 'items', types: null }], undefined],
    ['nothing of another type', [field('one', 'U'), field('name')], undefined],
    ['a list as it is', [field('many')], [{ __typename: 'T', name: 'x' }, null, { __typename: 'U', name: 'y' }, {}]],
    ['of a list what its items have there', [field('many'), field('name')], ['x', null, 'y', undefined]],
    ['of a list what items of one type have', [field('many'), of('T'), field('name')], ['x', null, undefined]],
    [
      'of items what those of one type have',
      [field('many'), { kind: 'items', types: new Set(['U']) }, field('name')],
      ['y', undefined],
    ],
  ])('are read: %s', (_what, path, expected) => {
    const many = [{ __typename: 'T', name: 'x' }, null, { __typename: 'U', name: 'y' }, {}];
    expect(readAt({ name: 'x', nothing: null, one: { __typename: 'T', name: 'x' }, many }, path)).toEqual(expected);
  });

  it('are found in lists that are nested too deep for the stack', () => {
    const object = {};
    let list: unknown = object;
    for (let level = 0; level < 100_000; level += 1) list = level % 2 === 0 ? [list] : [null, list, 1];
    const data = { a: [list, object] };
    const lengths: number[] = [];
    walkPlaces(data, [field('a')], (found, { holders, keys, length }) => {
      expect(found).toBe(object);
      expect(holders[length - 1]?.[keys[length - 1] as number]).toBe(object);
      lengths.push(length);
    });
    expect(lengths).toEqual([100_003, 3]);
  });

  it('give an object that stands at several of them once, where it is first', () => {
    fc.assert(
      fc.property(tree, fc.integer({ min: 1, max: 4 }), steps, (value, count, path) => {
        // The same things in all items of a list.
        const data = { a: Array.from({ length: count }, () => ({ a: value })) };
        const shared = new Set(
          everyWay(value)
            .map((way) => (way.length === 0 ? value : way.at(-1)?.value))
            .filter((each): each is object => isPlainObject(each)),
        );
        const expected = new Set(reference(data, path).map((way) => (way.length === 0 ? data : way.at(-1)?.value)));
        expect(collectTargets(data, path, shared).objects).toEqual([...expected]);
      }),
      { numRuns: 500 },
    );
  });
});
