import { describe, expect, it } from '@jest/globals';
import { buildSchema, Kind, parse, type FragmentDefinitionNode, type OperationDefinitionNode } from 'graphql';
import { compileResponseWriter } from './response-writer.js';

const schema = buildSchema(`
  scalar Any
  enum Color { RED GREEN }
  interface Named { name: String }
  type Cat implements Named { name: String lives: Int! friend: Dog }
  type Dog implements Named { name: String! cat: Cat! cats: [Cat!] }
  union Pet = Cat | Dog
  type Query { pet: Pet pets: [Pet] named: Named dog: Dog! id: ID int: Int float: Float bool: Boolean color: Color any: Any text: String matrix: [[Int!]] }
`);

function write(
  query: string,
  data: unknown,
  conditions: Record<string, boolean> = {},
  { shared = new Set<object>(), missing = new Set<object>() } = {},
) {
  const { definitions } = parse(query);
  const operation = definitions.find(({ kind }) => kind === Kind.OPERATION_DEFINITION) as OperationDefinitionNode;
  const fragments = new Map(
    definitions
      .filter((definition): definition is FragmentDefinitionNode => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  );
  const root = schema.getQueryType();
  if (!root) throw new Error('no query type');
  const context = { schema, fragments, conditions: new Map(Object.entries(conditions)) };
  const writer = compileResponseWriter(context, root, [operation.selectionSet]);
  const { text, violations, leftOut } = writer(data, shared, missing);
  return { data: text === null ? null : (JSON.parse(text) as unknown), violations, ...(leftOut > 0 && { leftOut }) };
}

const TOM = { __typename: 'Cat', name: 'Tom', lives: 9 };
const REX = { __typename: 'Dog', name: 'Rex', cat: TOM };

describe('the writer', () => {
  it('answers in the order of the selection, with what was asked for and nothing else', () => {
    const data = { text: 'x', id: 'a', pet: { ...TOM, secret: 1 }, extra: true };
    const { text } = compileResponseWriter(
      { schema, fragments: new Map(), conditions: new Map() },
      schema.getQueryType() as never,
      [
        (parse('{ pet { ... on Cat { lives name } } other: id text }').definitions[0] as OperationDefinitionNode)
          .selectionSet,
      ],
    )({ ...data, other: 'b' }, new Set(), new Set());
    expect(text).toBe('{"pet":{"lives":9,"name":"Tom"},"other":"b","text":"x"}');
  });

  it('merges selections of the same name, through fragments of all kinds', () => {
    const query = `{ pets { __typename ...F ... on Named { name } ... on Dog { cat { lives } } } }
      fragment F on Pet { ... on Dog { cat { name } } ... on Cat { kind: __typename } }`;
    expect(write(query, { pets: [REX, TOM, null] }).data).toEqual({
      pets: [
        { __typename: 'Dog', cat: { name: 'Tom', lives: 9 }, name: 'Rex' },
        { __typename: 'Cat', kind: 'Cat', name: 'Tom' },
        null,
      ],
    });
  });

  it('keeps the type of a field in fragments of its interfaces, when the data do not say more', () => {
    expect(write('{ dog { ... on Named { ... on Dog { name } } } }', { dog: { name: 'Rex' } }).data).toEqual({
      dog: { name: 'Rex' },
    });
  });

  it('leaves out what conditions say', () => {
    const query =
      'query($a: Boolean!) { id @include(if: $a) text @skip(if: $a) int @skip(if: true) bool @include(if: false) }';
    const data = { id: '1', text: 'x', int: 1, bool: true };
    expect(write(query, data, { a: true }).data).toEqual({ id: '1' });
    expect(write(query, data, { a: false }).data).toEqual({ text: 'x' });
  });

  it.each([Infinity, -Infinity, NaN])('takes %s for no value of a custom scalar: JSON has none', (any) => {
    const { data, violations } = write('{ any }', { any });
    expect(data).toEqual({ any: null });
    expect(violations).toMatchObject([{ path: ['any'] }]);
  });

  it('passes null up to where it may stand, and says where it came from', () => {
    const { data, violations } = write('{ pets { ... on Dog { name cats { lives } } } id }', {
      id: '1',
      pets: [
        { ...REX, cats: null },
        { __typename: 'Dog', name: null },
        { __typename: 'Dog', name: 'Ben', cats: [TOM, { __typename: 'Cat' }] },
      ],
    });
    expect(data).toEqual({ id: '1', pets: [{ name: 'Rex', cats: null }, null, { name: 'Ben', cats: null }] });
    expect(violations).toEqual([
      { message: 'Cannot return null for non-nullable field Dog.name.', path: ['pets', 1, 'name'] },
      { message: 'Cannot return null for non-nullable field Cat.lives.', path: ['pets', 2, 'cats', 1, 'lives'] },
    ]);
    expect(write('{ dog { name } id }', { id: '1', dog: { name: null } }).data).toBeNull();
  });

  it.each([
    ['id', 7, '7'],
    ['id', 'x"\n', 'x"\n'],
    ['int', 2 ** 31 - 1, 2 ** 31 - 1],
    ['float', 1.5, 1.5],
    ['bool', false, false],
    ['color', 'RED', 'RED'],
    ['any', { deep: [1, null] }, { deep: [1, null] }],
    ['text', '\ud83d\ude00 \ud800', '\ud83d\ude00 \ud800'],
    ['text', 'x'.repeat(300), 'x'.repeat(300)],
    ['matrix', [[1, 2], null, []], [[1, 2], null, []]],
  ])('writes %s %j', (name, value, expected) => {
    expect(write(`{ ${name} }`, { [name]: value })).toEqual({ data: { [name]: expected }, violations: [] });
  });

  it.each([
    ['id', true],
    ['int', 2 ** 31],
    ['int', 1.5],
    ['int', '1'],
    ['float', '1.5'],
    ['bool', 1],
    ['color', 'BLUE'],
    ['text', 1],
    ['matrix', 1],
    ['matrix', [1]],
    ['dog', 'Rex'],
    ['pet', { __typename: 'Robot' }],
  ])('takes %s %j for null, and tells', (name, value) => {
    const query = ['dog', 'pet'].includes(name) ? `{ ${name} { __typename } }` : `{ ${name} }`;
    const { data, violations } = write(query, { [name]: value });
    expect(data).toEqual(
      name === 'dog' ? null : name === 'matrix' && Array.isArray(value) ? { matrix: [null] } : { [name]: null },
    );
    expect(violations).toHaveLength(1);
  });

  it('reads names that every object inherits from the data only', () => {
    expect(write('{ constructor: id toString: text }', {}).data).toEqual({ constructor: null, toString: null });
  });

  it('writes an object that stands at several places the same everywhere, also with other selections', () => {
    const query = '{ pets { ... on Dog { cat { lives } } } dog { cat { name } } }';
    const shared = new Set<object>([TOM]);
    expect(write(query, { pets: [REX, REX], dog: REX }, {}, { shared }).data).toEqual({
      pets: [{ cat: { lives: 9 } }, { cat: { lives: 9 } }],
      dog: { cat: { name: 'Tom' } },
    });
  });

  it('tells of what nothing has come for, where null may stand, unless the whole has become null', () => {
    const { data, violations } = write(
      '{ pet { ... on Cat { name friend { name cat { name } } } } dog { cat { name lives } } }',
      {
        pet: { __typename: 'Cat', friend: null },
        dog: { cat: { lives: 9 } },
      },
    );
    expect(data).toEqual({ pet: { name: null, friend: null }, dog: { cat: { name: null, lives: 9 } } });
    expect(violations.map(({ path }) => path)).toEqual([
      ['pet', 'name'],
      ['dog', 'cat', 'name'],
    ]);
    const lost = write('{ dog { cat { name lives } } id }', { dog: { cat: {} } });
    expect(lost.data).toBeNull();
    expect(lost.violations).toEqual([
      { message: 'Cannot return null for non-nullable field Cat.lives.', path: ['dog', 'cat', 'lives'] },
    ]);
  });

  it('takes nothing for an object of a type that cannot stand there, and does not name it to clients', () => {
    for (const __typename of ['Cat', 'Query', 'Color', 'Stealth', 'toString', 5, {}]) {
      const { data, violations } = write('{ pet { __typename } id named { name } }', {
        id: '1',
        pet: TOM,
        named: { __typename: __typename === 'Cat' ? 'Query' : __typename, name: 'x' },
      });
      expect(data).toEqual({ pet: { __typename: 'Cat' }, id: '1', named: null });
      expect(violations).toMatchObject([{ message: 'Expected an object of type Named.', path: ['named'] }]);
    }
  });

  it('keeps the type of a whole answer, whatever the data say of it', () => {
    expect(write('{ __typename id }', { __typename: 'Zebra', id: '1' }).data).toEqual({ __typename: 'Query', id: '1' });
  });

  it('takes an entity that its subgraph does not have for null, and tells of it only where null may not stand', () => {
    const gone = { __typename: 'Cat', name: 'Tom' };
    const missing = new Set<object>([gone]);
    const query = '{ pets { ... on Cat { name lives } ... on Dog { name } } id }';
    expect(write(query, { id: '1', pets: [gone, REX] }, {}, { missing })).toEqual({
      data: { pets: [null, { name: 'Rex' }], id: '1' },
      violations: [],
    });
    // What can be said of it is said.
    expect(write('{ pet { ... on Cat { name } } }', { pet: gone }, {}, { missing }).data).toEqual({
      pet: { name: 'Tom' },
    });
    const dog = { name: 'Rex', cat: gone };
    const { data, violations } = write('{ dog { cat { lives } } }', { dog }, {}, { missing });
    expect(data).toBeNull();
    expect(violations.map(({ path }) => path)).toEqual([['dog', 'cat']]);
  });
});

describe('violations without end', () => {
  const MANY = 300_000;
  const RECORDED = 10_000;

  it('in a list of nullable items are null one by one, and counted beyond the first ones', () => {
    const {
      data,
      violations,
      leftOut = 0,
    } = write('{ pets { __typename } dog { name } }', {
      pets: Array.from({ length: MANY }, () => []),
      dog: REX,
    });
    expect(data).toEqual({ pets: Array.from({ length: MANY }, () => null), dog: { name: 'Rex' } });
    expect([violations.length, violations.length + leftOut]).toEqual([RECORDED, MANY]);
    expect(violations.at(-1)?.path).toEqual(['pets', RECORDED - 1]);
  });

  it('below one nullable place make it null, and nothing beside it', () => {
    const matrix = [[1], Array.from({ length: MANY }, () => null), [2]];
    const { data, violations, leftOut = 0 } = write('{ matrix text }', { matrix, text: 'x' });
    expect(data).toEqual({ matrix: [[1], null, [2]], text: 'x' });
    expect(violations.length + leftOut).toBe(MANY);
  });

  it('are no gaps of what has become null as a whole, wherever the record ends', () => {
    // Each cat lacks its name and friend, which may be null, and its lives, which may not.
    const cats = Array.from({ length: MANY }, () => ({ __typename: 'Cat' }));
    const query = '{ dog { name cats { name friend { name } lives } } }';
    const { data, violations, leftOut = 0 } = write(query, { dog: { __typename: 'Dog', name: 'Rex', cats } });
    expect(data).toEqual({ dog: { name: 'Rex', cats: null } });
    expect(violations.every(({ isGap }) => !isGap)).toBe(true);
    expect(violations.length + leftOut).toBe(MANY);
  });

  it('that may be null are each a gap, counted beyond the first ones', () => {
    const pets = Array.from({ length: MANY }, () => ({ __typename: 'Cat', lives: 9 }));
    const { violations, leftOut = 0 } = write('{ pets { ... on Cat { name lives } } }', { pets });
    expect([violations.length, leftOut]).toEqual([RECORDED, MANY - RECORDED]);
  });
});
