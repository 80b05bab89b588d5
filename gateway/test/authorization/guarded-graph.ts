import { createRandom, hash, type Random } from '../../../packages/federation-engine/test/differential/random.js';
import type { FakeSubgraph } from '../fake-subgraphs.js';

/** What a directive asks, as alternatives of names. */
export type Need =
  | { readonly kind: 'authenticated' }
  | { readonly kind: 'requiresScopes'; readonly anyOf: readonly (readonly string[])[] }
  | { readonly kind: 'policy'; readonly anyOf: readonly (readonly string[])[] };

export interface GuardedGraph {
  readonly subgraphs: readonly FakeSubgraph[];
  /** What was written where, by coordinate: `E0`, `E0.f1`, `Stamp`. */
  readonly needs: ReadonlyMap<string, readonly Need[]>;
  /** The value of a field of an object; null where null may be. */
  value(type: string, id: string, field: string): unknown;
}

interface Field {
  readonly name: string;
  readonly type: string;
  readonly subgraph: 'one' | 'two';
  readonly requires?: string;
}

const NEEDS: readonly Need[] = [
  { kind: 'authenticated' },
  { kind: 'requiresScopes', anyOf: [['admin']] },
  { kind: 'requiresScopes', anyOf: [['a'], ['b', 'c']] },
  { kind: 'policy', anyOf: [['p']] },
  { kind: 'policy', anyOf: [['p', 'q'], ['r']] },
];
const SPELLINGS = [
  {
    link: ', import: ["@key", "@shareable", "@external", "@requires", "@authenticated", "@requiresScopes", "@policy"]',
    spell: (kind: string) => `@${kind}`,
  },
  {
    link: ', import: ["@key", "@shareable", "@external", "@requires", {name: "@authenticated", as: "@known"}, {name: "@requiresScopes", as: "@policy"}, {name: "@policy", as: "@rule"}]',
    spell: (kind: string) => ({ authenticated: '@known', requiresScopes: '@policy', policy: '@rule' })[kind] as string,
  },
  {
    link: ', import: ["@key", "@shareable", "@external", "@requires"]',
    spell: (kind: string) => `@federation__${kind}`,
  },
  {
    link: ', as: "fed", import: ["@key", "@shareable", "@external", "@requires"]',
    spell: (kind: string) => `@fed__${kind}`,
  },
];
const ENTITIES = ['E0', 'E1', 'E2'];
const NODES = ['E0', 'E1'];
const LEAVES = ['String', 'String', 'String!', 'Stamp', 'Grade', 'Int'];
const REFERENCES = [
  'E0',
  'E1',
  'E2!',
  '[E0]',
  '[E1!]',
  '[E2!]!',
  'Pick',
  '[Pick]',
  'Node',
  '[Node!]',
  'Value',
  'Value!',
];
const ROOTS = [
  'E0',
  'E1',
  'E2',
  '[E0]',
  '[E1!]!',
  '[Pick]',
  'Pick',
  '[Node!]',
  'Node',
  'Value',
  'String',
  'Stamp',
  'Grade',
];

/**
 * Generates two subgraphs of entities, an interface and a union of them, a value type, a scalar and an enum, in which any of them
 * and any field may be guarded, in one of the spellings of the directives.
 */
export function generateGuardedGraph(seed: number): GuardedGraph {
  const random = createRandom(seed);
  const { link, spell } = SPELLINGS[seed % SPELLINGS.length] as (typeof SPELLINGS)[number];
  const needs = new Map<string, readonly Need[]>();
  const fields = new Map<string, Field[]>();

  const guard = (coordinate: string, chance: number): string => {
    const found = random.chance(chance) ? [random.pick(NEEDS)] : [];
    if (found.length > 0 && random.chance(0.15)) {
      const other = random.pick(NEEDS);
      if (other.kind !== found[0]?.kind) found.push(other);
    }
    needs.set(coordinate, found);
    return written(found);
  };
  const written = (asked: readonly Need[]) =>
    asked
      .map((need) => {
        if (need.kind === 'authenticated') return spell(need.kind);
        const argument = need.kind === 'policy' ? 'policies' : 'scopes';
        return `${spell(need.kind)}(${argument}: ${JSON.stringify(need.anyOf)})`;
      })
      .join(' ');

  for (const type of ENTITIES) fields.set(type, generateFields(random));
  fields.set('Value', [
    { name: 'size', type: 'Int', subgraph: 'one' },
    { name: 'text', type: 'String!', subgraph: 'one' },
    { name: 'back', type: random.pick(['E0', 'Pick', 'Node']), subgraph: 'one' },
  ]);
  fields.set(
    'Query',
    ROOTS.map((type, index) => ({ name: `r${index}`, type, subgraph: 'one' })),
  );

  const typeGuards = new Map([...ENTITIES, 'Value', 'Stamp', 'Grade'].map((type) => [type, guard(type, 0.25)]));
  typeGuards.set('Query', guard('Query', 0.06));
  const fieldGuards = new Map<string, string>();
  for (const [type, list] of fields)
    for (const { name, requires } of list) {
      const coordinate = `${type}.${name}`;
      // Composition wants a field to ask for what its requirement asks.
      if (requires === undefined) fieldGuards.set(coordinate, guard(coordinate, type === 'Query' ? 0.12 : 0.25));
      else {
        needs.set(coordinate, needs.get(`${type}.${requires}`) ?? []);
        fieldGuards.set(coordinate, fieldGuards.get(`${type}.${requires}`) ?? '');
      }
    }
  for (const type of NODES) fieldGuards.set(`${type}.label`, guard(`${type}.label`, 0.2));

  const lines = (type: string, subgraph: string) =>
    (fields.get(type) ?? [])
      .filter((field) => field.subgraph === subgraph)
      .map(({ name, type: of, requires }) => {
        const required = requires === undefined ? '' : `@requires(fields: "${requires}")`;
        return `${name}: ${of} ${required} ${fieldGuards.get(`${type}.${name}`) ?? ''}`;
      })
      .join('\n');
  const entity = (type: string, subgraph: 'one' | 'two') => {
    const isNode = NODES.includes(type) && subgraph === 'one';
    const required = (fields.get(type) ?? []).flatMap((field) =>
      field.subgraph === subgraph ? (field.requires ?? []) : [],
    );
    const external = [...new Set(required)].map((name) => `${name}: String @external`).join('\n');
    // A type that one subgraph guards is guarded.
    const guards = subgraph === (hash(`${seed}${type}`) % 2 === 0 ? 'one' : 'two') ? (typeGuards.get(type) ?? '') : '';
    return `type ${type} ${isNode ? 'implements Node' : ''} @key(fields: "id") ${guards} {
      id: ID!
      ${isNode ? `label: String ${fieldGuards.get(`${type}.label`) ?? ''}` : ''}
      ${lines(type, subgraph)}
      ${external}
    }`;
  };
  const head = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9"${link})`;
  const shared = (isOne: boolean) => `
    scalar Stamp ${isOne ? typeGuards.get('Stamp') : ''}
    enum Grade ${isOne ? typeGuards.get('Grade') : ''} { HIGH LOW }
    interface Node { id: ID! ${isOne ? 'label: String' : ''} }
    union Pick = E1 | E2 ${isOne ? '| Value' : ''}`;

  const value = (type: string, id: string, field: string): unknown => valueOf(seed, fields, type, id, field);
  const resolversOf = (subgraph: 'one' | 'two') => ({
    Pick: { __resolveType: ({ __typename }: Ref) => __typename },
    Node: { __resolveType: ({ __typename }: Ref) => __typename },
    ...Object.fromEntries(
      [...fields].map(([type, list]) => [
        type,
        {
          ...(type.startsWith('E') && { __resolveReference: ({ id }: Ref) => ({ __typename: type, id }) }),
          ...(NODES.includes(type) && subgraph === 'one' && { label: ({ id }: Ref) => value(type, id, 'label') }),
          ...Object.fromEntries(
            list
              .filter((field) => field.subgraph === subgraph)
              .map(({ name }) => [name, (parent: Ref | undefined) => value(type, parent?.id ?? 'root', name)]),
          ),
        },
      ]),
    ),
  });
  // Nothing of these stands in the second subgraph.
  const { Query: _query, Value: _value, ...second } = resolversOf('two') as Record<string, unknown>;
  return {
    needs,
    value,
    subgraphs: [
      {
        name: 'one',
        typeDefs: `${head} ${shared(true)}
          type Value ${typeGuards.get('Value')} { ${lines('Value', 'one')} }
          type Query ${typeGuards.get('Query')} { ${lines('Query', 'one')} }
          ${ENTITIES.map((type) => entity(type, 'one')).join('\n')}`,
        resolvers: resolversOf('one'),
      },
      {
        name: 'two',
        typeDefs: `${head} ${shared(false)
          .replace('interface Node { id: ID!  }', '')
          .replace(/union Pick = E1 \| E2/, '')}
          ${ENTITIES.map((type) => entity(type, 'two')).join('\n')}`,
        resolvers: Object.fromEntries(Object.entries(second).filter(([type]) => type !== 'Node' && type !== 'Pick')),
      },
    ],
  };
}

interface Ref {
  readonly __typename: string;
  readonly id: string;
}

function generateFields(random: Random): Field[] {
  const list: Field[] = [{ name: 'plain', type: 'String', subgraph: 'one' }];
  const count = 4 + random.below(4);
  for (let index = 0; index < count; index += 1) {
    const subgraph = random.chance(0.35) ? 'two' : 'one';
    const isReference = random.chance(0.45);
    // The second subgraph knows entities only.
    const references = subgraph === 'one' ? REFERENCES : REFERENCES.filter((type) => /E\d/.test(type));
    list.push({ name: `f${index}`, type: random.pick(isReference ? references : LEAVES), subgraph });
  }
  list.push({ name: 'derived', type: 'String', subgraph: 'two', requires: 'plain' });
  return list;
}

function valueOf(
  seed: number,
  fields: ReadonlyMap<string, readonly Field[]>,
  type: string,
  id: string,
  name: string,
): unknown {
  const declared =
    name === 'label' ? 'String' : (fields.get(type)?.find((field) => field.name === name)?.type ?? 'ID!');
  const seeded = (salt: string) => hash(`${seed} ${type} ${id} ${name} ${salt}`);
  const one = (of: string, salt: string): unknown => {
    const isNonNull = of.endsWith('!');
    const named = of.replace('!', '');
    const number = seeded(salt);
    if (!isNonNull && number % 9 === 0) return null;
    const target = String(number % 4);
    switch (named) {
      case 'Int':
        return number % 100;
      case 'Grade':
        return number % 2 === 0 ? 'HIGH' : 'LOW';
      case 'String':
      case 'Stamp':
        return `${type}-${id}-${name}`;
      case 'Pick':
        return { __typename: ['E1', 'E2', 'Value'][number % 3], id: target };
      case 'Node':
        return { __typename: NODES[number % 2], id: target };
      default:
        return { __typename: named, id: target };
    }
  };
  const list = /^\[(.*)\](!?)$/.exec(declared);
  if (!list) return one(declared, '');
  if (list[2] !== '!' && seeded('list') % 9 === 0) return null;
  return Array.from({ length: seeded('length') % 4 }, (_, index) => one(list[1] as string, String(index)));
}
