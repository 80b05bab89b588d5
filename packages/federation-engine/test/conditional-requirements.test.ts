import { describe, expect, it } from '@jest/globals';
import { expectData } from '@taskgraph/testkit';
import type { FakeSubgraph } from './fake-subgraphs.js';
import { startEngine } from './start-engine.js';

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@external", "@requires", "@interfaceObject"])';

interface Reference {
  readonly id?: string;
  readonly code?: string;
  readonly plain?: string;
  readonly size?: { readonly width?: number; readonly height?: number };
}

/** Most of what `facts` says needs what `home` has; `code` is a key there. */
const SUBGRAPHS: readonly FakeSubgraph[] = [
  {
    name: 'home',
    typeDefs: `${LINK}
      type Query { one: Thing many: [Thing!]! ride: Ride }
      type Thing @key(fields: "id") @key(fields: "code") {
        id: ID! code: String! plain: String unit(in: String): String size: Size near: Thing
      }
      type Size { width: Int height: Int }
      interface Ride @key(fields: "id") { id: ID! wheels: Int }
      type Bike implements Ride @key(fields: "id") { id: ID! wheels: Int }`,
    resolvers: {
      Query: {
        one: () => thing('1'),
        many: () => [thing('1'), thing('2')],
        ride: () => ({ __typename: 'Bike', id: '9', wheels: 2 }),
      },
      Thing: { unit: ({ id }: { id: string }, { in: unit }: { in?: string }) => `${id} ${unit}` },
      Ride: { __resolveReference: ({ id }: Reference) => ({ __typename: 'Bike', id, wheels: 2 }) },
    },
  },
  {
    name: 'facts',
    typeDefs: `${LINK}
      type Thing @key(fields: "id") {
        id: ID! code: String! @external plain: String @external unit(in: String): String @external size: Size @external
        fact: String
        derived: String @requires(fields: "plain")
        also: String @requires(fields: "plain size { width }")
        area: Int @requires(fields: "size { width height }")
        metres: String @requires(fields: "unit(in: \\"m\\")")
        feet: String @requires(fields: "unit(in: \\"ft\\")")
        named: String @requires(fields: "code plain")
      }
      type Size { width: Int @external height: Int @external }
      type Ride @key(fields: "id") @interfaceObject { id: ID! wheels: Int @external seats: Int fast: String @requires(fields: "wheels") }`,
    resolvers: {
      Thing: {
        __resolveReference: (reference: Reference) => reference,
        fact: ({ id }: Reference) => `fact of ${id}`,
        derived: ({ plain }: Reference) => `from ${plain}`,
        also: ({ plain, size }: Reference) => `${plain} ${size?.width}`,
        area: ({ size }: Reference) => (size?.width ?? NaN) * (size?.height ?? NaN),
        metres: ({ unit }: { unit?: string }) => unit,
        feet: ({ unit }: { unit?: string }) => unit,
        named: ({ code, plain }: Reference) => `${code} ${plain}`,
      },
      Ride: {
        __resolveReference: (reference: object) => reference,
        seats: () => 1,
        fast: ({ wheels }: { wheels?: number }) => `${wheels} wheels`,
      },
    },
  },
];

function thing(id: string): object {
  const own = { id, code: `c${id}`, plain: `plain ${id}`, size: { width: Number(id), height: 5 } };
  return { ...own, near: { ...own, id: `${id}0`, code: `c${id}0` } };
}

const VALUES: Readonly<Record<string, (id: string) => unknown>> = {
  fact: (id) => `fact of ${id}`,
  derived: (id) => `from plain ${id}`,
  also: (id) => `plain ${id} ${id}`,
  area: (id) => Number(id) * 5,
  metres: (id) => `${id} m`,
  feet: (id) => `${id} ft`,
  named: (id) => `c${id} plain ${id}`,
};
const NAMES = Object.keys(VALUES);

/** Every way to put conditions on fields of one fetch: no condition, a variable, a fragment around it. */
const FORMS: ReadonlyArray<readonly [(name: string) => string, (on: boolean, off: boolean) => boolean]> = [
  [(name) => name, () => true],
  [(name) => `${name} @include(if: $on)`, (on) => on],
  [(name) => `${name} @skip(if: $off)`, (_on, off) => !off],
  [(name) => `${name} @include(if: $on) @skip(if: $off)`, (on, off) => on && !off],
  [(name) => `${name} @skip(if: true)`, () => false],
  [(name) => `... @include(if: $on) { ${name} }`, (on) => on],
  [(name) => `... on Thing @skip(if: $off) { ${name} @include(if: $on) }`, (on, off) => on && !off],
];

/** Each variable is used somewhere. */
const USES = 'on: __typename @include(if: $on) off: __typename @skip(if: $off)';

describe('a field whose requirement a condition leaves out with it', () => {
  it('costs no other field of its subgraph', async () => {
    await using engine = await startEngine(SUBGRAPHS);
    const query = 'query($on: Boolean!) { one { near { plain } fact derived @include(if: $on) } }';
    const near = { plain: 'plain 1' };
    expect(expectData(await engine.run(query, { variables: { on: false } }))).toEqual({
      one: { near, fact: 'fact of 1' },
    });
    expect(expectData(await engine.run(query, { variables: { on: true } }))).toEqual({
      one: { near, fact: 'fact of 1', derived: 'from plain 1' },
    });
    const representations = (engine.subgraphs['facts']?.requests ?? []).map(({ variables }) => variables);
    expect(representations).toEqual([
      { representations: [{ __typename: 'Thing', id: '1' }], on: false },
      { representations: [{ __typename: 'Thing', id: '1', plain: 'plain 1' }], on: true },
    ]);
  });

  it('is answered, or not, in every combination of two such fields and of conditions', async () => {
    await using engine = await startEngine(SUBGRAPHS);
    const cases = NAMES.flatMap((one, index) =>
      NAMES.slice(index + 1).flatMap((other) => FORMS.flatMap((a) => FORMS.map((b) => ({ one, other, a, b })))),
    );
    expect(cases.length).toBeGreaterThan(1_000);
    for (const [number, { one, other, a, b }] of cases.entries()) {
      // Each case with one of the values; the next ones of the same fields have the others.
      const [on, off] = [number % 2 === 0, number % 4 > 1];
      const query = `query($on: Boolean = false, $off: Boolean = true) { ${USES} many { id ${a[0](one)} ${b[0](other)} } }`;
      const names = [...(a[1](on, off) ? [one] : []), ...(b[1](on, off) ? [other] : [])];
      const expected = ['1', '2'].map((id) => ({
        id,
        ...Object.fromEntries(names.map((name) => [name, VALUES[name]?.(id)])),
      }));
      const result = await engine.run(query, { variables: { on, off } });
      expect({ query, on, off, many: expectData(result)['many'] }).toEqual({ query, on, off, many: expected });
    }
  });

  it('costs no field of another type that stands at the same place', async () => {
    await using engine = await startEngine([
      {
        name: 'home',
        typeDefs: `${LINK}
          type Query { both: [Both] }
          union Both = One | Two
          type One @key(fields: "id") { id: ID! plain: String }
          type Two @key(fields: "id") { id: ID! plain: String }`,
        resolvers: {
          Query: { both: () => ['One', 'Two'].map((each) => ({ __typename: each, id: each, plain: `plain ${each}` })) },
          Both: { __resolveType: ({ __typename }: { __typename: string }) => __typename },
        },
      },
      {
        name: 'facts',
        typeDefs: `${LINK}
          type One @key(fields: "id") { id: ID! plain: String @external fact: String derived: String @requires(fields: "plain") }
          type Two @key(fields: "id") { id: ID! plain: String @external fact: String derived: String @requires(fields: "plain") }`,
        resolvers: Object.fromEntries(
          ['One', 'Two'].map((each) => [
            each,
            {
              __resolveReference: (reference: Reference) => reference,
              fact: ({ id }: Reference) => `fact of ${id}`,
              derived: ({ plain }: Reference) => `from ${plain}`,
            },
          ]),
        ),
      },
    ]);
    for (const condition of ['@include(if: $on)', '@include(if: false)']) {
      const query = `query($on: Boolean = false) { on: __typename @include(if: $on)
        both { ... on One { fact derived } ... on Two { fact derived ${condition} } } }`;
      expect(expectData(await engine.run(query))).toEqual({
        both: [{ fact: 'fact of One', derived: 'from plain One' }, { fact: 'fact of Two' }],
      });
    }
  });

  it('costs no other field of an interface object', async () => {
    await using engine = await startEngine(SUBGRAPHS);
    const query = 'query($on: Boolean!) { ride { seats fast @include(if: $on) } }';
    expect(expectData(await engine.run(query, { variables: { on: false } }))).toEqual({ ride: { seats: 1 } });
    expect(expectData(await engine.run(query, { variables: { on: true } }))).toEqual({
      ride: { seats: 1, fast: '2 wheels' },
    });
  });

  it('is not asked for where it never is wanted, and a variable decides about all around it', async () => {
    await using engine = await startEngine(SUBGRAPHS);
    const query = 'query($on: Boolean!) { one @include(if: $on) { id fact derived @include(if: false) } }';
    expect(expectData(await engine.run(query, { variables: { on: true } }))).toEqual({
      one: { id: '1', fact: 'fact of 1' },
    });
    const empty = '{ one { near { derived @skip(if: true) ... on Thing @include(if: false) { id } } } }';
    expect(expectData(await engine.run(empty))).toEqual({ one: { near: {} } });
  });

  it('is not fetched at all where nothing is left of the fetch', async () => {
    await using engine = await startEngine(SUBGRAPHS);
    const query = 'query($a: Boolean!, $b: Boolean!) { one { id derived @include(if: $a) area @include(if: $b) } }';
    expect(expectData(await engine.run(query, { variables: { a: false, b: false } }))).toEqual({ one: { id: '1' } });
    expect(engine.subgraphs['facts']?.requests).toHaveLength(0);
    expect(expectData(await engine.run(query, { variables: { a: false, b: true } }))).toEqual({
      one: { id: '1', area: 5 },
    });
  });
});
