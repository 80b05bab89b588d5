import { createRandom, hash, type Random } from './random.js';

/** One generated subgraph: its SDL, and resolvers over made-up data. */
export interface GeneratedSubgraph {
  readonly name: string;
  readonly typeDefs: string;
  readonly resolvers: Record<string, Record<string, unknown>>;
}

interface Entity {
  readonly name: string;
  readonly home: string;
  /** Keys that its home defines; others use the first or the last. */
  readonly keys: readonly string[];
  readonly fields: Field[];
}

interface Field {
  readonly name: string;
  readonly subgraph: string;
  readonly type: string;
  /** The entity, interface or union it refers to; null for a leaf. */
  readonly target: string | null;
  readonly list: boolean;
  /** A list of lists. */
  readonly nested: boolean;
  readonly requires: string | null;
  readonly provides: string | null;
  readonly hasArgument: boolean;
  /** Also defined in its entity's home, which needs `@shareable`. */
  readonly inaccessible: boolean;
}

type Arguments = Readonly<Record<string, unknown>>;

interface Ref {
  readonly __typename: string;
  readonly id: string;
}

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@external", "@requires", "@provides", "@shareable", "@inaccessible"])';
const INSTANCES = 5;
const LEAVES = ['String', 'Int', 'Float', 'Boolean', 'ID', 'Color', 'Any'];

/**
 * Generates subgraphs that compose: entities with simple, several and nested keys whose fields are spread over subgraphs,
 * interfaces and unions of them, value types, `@requires`, `@provides`, `@inaccessible`, arguments, lists, null where null
 * may and where it may not be, entities that a subgraph does not know, and resolvers that throw.
 */
export function generateGraph(seed: number): GeneratedSubgraph[] {
  const random = createRandom(seed);
  const names = ['alpha', 'beta', 'gamma', 'delta'].slice(0, 2 + random.below(3));
  const entities: Entity[] = Array.from({ length: 3 + random.below(3) }, (_, index) => ({
    name: `E${index}`,
    home: names[index % names.length] as string,
    keys: random.pick([['id'], ['id'], ['id', 'code'], ['id', 'org { id }'], ['id', 'code org { id }']]),
    fields: [],
  }));
  for (const entity of entities) addFields(entity, entities, names, random);
  return names.map((name) => buildSubgraph(name, names, entities, seed));
}

function addFields(entity: Entity, entities: readonly Entity[], names: readonly string[], random: Random): void {
  const count = 5 + random.below(5);
  const leaves: Field[] = [];
  for (let index = 0; index < count; index += 1) {
    const subgraph = random.chance(0.4) ? entity.home : random.pick(names);
    const isReference = random.chance(0.45);
    const list = random.chance(0.4);
    const target = isReference ? random.pick([...entities.map(({ name }) => name), 'Thing', 'Node', 'Value']) : null;
    const named = target ?? random.pick(LEAVES);
    const inner = random.chance(0.25) ? `${named}!` : named;
    const nested = list && random.chance(0.2);
    const whole = nested ? `[[${inner}]]` : list ? `[${inner}]` : inner;
    const required =
      subgraph !== entity.home && !target && leaves.length > 0 && random.chance(0.5)
        ? random.pick(
            leaves
              .filter((leaf) => leaf.subgraph === entity.home && !leaf.hasArgument && !leaf.requires)
              .concat(NOTHING),
          )
        : NOTHING;
    const targeted = entities.find(({ name }) => name === target);
    const provided =
      targeted && targeted.home !== subgraph && random.chance(0.4)
        ? targeted.fields.find(
            (leaf) =>
              !leaf.target && leaf.subgraph === targeted.home && !leaf.hasArgument && !leaf.requires && !leaf.list,
          )
        : undefined;
    const field: Field = {
      name: `f${index}`,
      subgraph,
      type: list && random.chance(0.25) ? `${whole}!` : whole,
      target,
      list,
      nested,
      requires: required === NOTHING ? null : required.name,
      provides: provided?.name ?? null,
      hasArgument: random.chance(0.2),
      inaccessible: random.chance(0.05),
    };
    entity.fields.push(field);
    if (!target) leaves.push(field);
  }
}

const NOTHING: Field = {
  name: '',
  subgraph: '',
  type: '',
  target: null,
  list: false,
  nested: false,
  requires: null,
  provides: null,
  hasArgument: false,
  inaccessible: false,
};

function buildSubgraph(
  name: string,
  names: readonly string[],
  entities: readonly Entity[],
  seed: number,
): GeneratedSubgraph {
  const isFirst = name === names[0];
  const resolvers: GeneratedSubgraph['resolvers'] = {
    Query: {},
    Thing: { __resolveType: ({ __typename }: Ref) => __typename },
    Node: { __resolveType: ({ __typename }: Ref) => __typename },
  };
  const types = entities.map((entity) => buildEntity(name, entity, entities, resolvers, seed));
  const query = entities
    .filter(({ home }) => home === name)
    .flatMap(({ name: type }) => {
      const list = `all${type}`;
      const one = `one${type}`;
      Object.assign(resolvers['Query'] as object, {
        [list]: () => idsOf(type).map((id) => ({ __typename: type, id })),
        [one]: (_: unknown, { id }: { id: string }) => ({ __typename: type, id }),
      });
      return [`${list}: [${type}!]`, `${one}(id: ID!): ${type}`];
    });
  Object.assign(resolvers['Query'] as object, {
    [`things_${name}`]: () => mixed(entities, `${seed}${name}`),
    [`nodes_${name}`]: () => mixed(entities, `${name}${seed}`),
    [`value_${name}`]: () => ({ id: '1' }),
  });
  resolvers['Value'] = valueResolvers(entities, seed);
  const members = entities.map((entity) => entity.name).join(' | ');
  const shareable = '@shareable';
  const typeDefs = `${LINK}
    scalar Any
    enum Color { RED GREEN BLUE ${isFirst ? 'SECRET @inaccessible' : 'SECRET'} }
    input Filter { colors: [Color!] = [GREEN] min: Int! = 0 inner: Filter }
    interface Node { id: ID! }
    union Thing = ${members}
    type Org ${shareable} { id: ID! name: String }
    type Value ${shareable} { size: Int label: String! partner: Thing }
    type Query { ${query.join(' ')} things_${name}: [Thing] nodes_${name}: [Node!] value_${name}: Value }
    ${types.join('\n')}`;
  return { name, typeDefs, resolvers };
}

function buildEntity(
  subgraph: string,
  entity: Entity,
  entities: readonly Entity[],
  resolvers: GeneratedSubgraph['resolvers'],
  seed: number,
): string {
  const { name, home, keys } = entity;
  const isHome = home === subgraph;
  const own = entity.fields.filter((field) => field.subgraph === subgraph);
  const required = new Set(own.flatMap(({ requires }) => requires ?? []));
  const provided = new Set(
    entities.flatMap(({ fields }) =>
      fields
        .filter((field) => field.subgraph === subgraph && field.target === name)
        .flatMap(({ provides }) => provides ?? []),
    ),
  );
  const external = entity.fields.filter(
    (field) => field.subgraph !== subgraph && (required.has(field.name) || provided.has(field.name)),
  );
  // Others know an entity by one of its home's keys, and by its id, which the interface has.
  const used = isHome ? keys : [keys[hash(`${subgraph}${name}${seed}`) % keys.length] as string, 'id'];
  const keyDirectives = [...new Set(used)].map((fields) => `@key(fields: "${fields}")`).join(' ');
  const keyText = [...new Set(used)].join(' ');
  const keyFields = [
    'id: ID!',
    ...(keyText.includes('code') ? [isHome ? 'code: String' : 'code: String'] : []),
    ...(keyText.includes('org') ? ['org: Org'] : []),
  ];
  const isProvidedElsewhere = (field: Field) =>
    entities.some(({ fields }) => fields.some((other) => other.target === name && other.provides === field.name));
  const lines = own.map((field) => {
    const argument = field.hasArgument ? '(n: Int = 1, tag: String, color: Color = RED, filter: Filter)' : '';
    const directives = [
      field.requires ? `@requires(fields: "${field.requires}")` : '',
      field.provides ? `@provides(fields: "${field.provides}")` : '',
      isProvidedElsewhere(field) ? '@shareable' : '',
      field.inaccessible ? '@inaccessible' : '',
    ];
    return `${field.name}${argument}: ${field.type} ${directives.join(' ')}`;
  });
  const externals = external.map(({ name: fieldName, type }) => `${fieldName}: ${type} @external`);
  const typeResolvers: Record<string, unknown> = {
    __resolveReference: (reference: Ref & { code?: string; org?: { id: string } }) =>
      resolveReference(subgraph, name, reference, seed),
    code: ({ id }: Ref) => `code-${id}`,
    org: ({ id }: Ref) => ({ id: `org-${id}`, name: `Org ${id}` }),
  };
  for (const field of [...own, ...external]) {
    typeResolvers[field.name] = (parent: Ref & Record<string, unknown>, args: Arguments) => {
      const { requires } = field;
      // A required field comes with the representation, and is what the result is made of.
      const made =
        requires && !field.list && field.type.startsWith('String') ? JSON.stringify(parent[requires] ?? null) : null;
      return made ?? fieldValue(name, parent.id, field, args, entities, seed);
    };
  }
  resolvers[name] = typeResolvers;
  return `type ${name} implements Node ${keyDirectives} { ${[...keyFields, ...lines, ...externals].join('\n')} }`;
}

function idsOf(type: string): string[] {
  return Array.from({ length: INSTANCES }, (_, index) => `${type}-${index}`);
}

function resolveReference(
  subgraph: string,
  type: string,
  reference: Ref & { code?: string; org?: { id: string } },
  seed: number,
) {
  const id = reference.id ?? reference.code?.replace('code-', '') ?? reference.org?.id.replace('org-', '');
  const fate = hash(`${seed}${subgraph}${id}`) % 40;
  if (fate === 0) throw new Error(`${subgraph} cannot find ${id}`);
  // Entities that one subgraph refers to and another does not know.
  if (fate === 1 || fate === 2) return null;
  return { ...reference, __typename: type, id };
}

function fieldValue(
  type: string,
  id: string,
  field: Field,
  args: Arguments,
  entities: readonly Entity[],
  seed: number,
): unknown {
  const value = hash(`${seed}${type}${id}${field.name}${JSON.stringify(args)}`);
  if (value % 29 === 0) throw new Error(`${id}.${field.name} fails`);
  if (value % 11 === 0) return null;
  const one = (index: number): unknown => {
    const item = hash(`${value}-${index}`);
    if (field.list && item % 13 === 0) return null;
    return field.target === null ? leafValue(field.type, item) : referenceTo(field.target, item, entities);
  };
  if (!field.list) return one(0);
  const items = Array.from({ length: value % 4 }, (_, index) => one(index));
  return field.nested ? [items, value % 3 === 0 ? null : [one(7)]] : items;
}

function leafValue(type: string, value: number): unknown {
  const name = type.replace(/[[\]!]/g, '');
  switch (name) {
    case 'Int':
      return value % 1000;
    case 'Float':
      return (value % 1000) / 8;
    case 'Boolean':
      return value % 2 === 0;
    case 'Color':
      return ['RED', 'GREEN', 'BLUE', 'SECRET'][value % 7] ?? 'RED';
    case 'Any':
      return [{ nested: [value % 5, null], text: 'a "quoted"\n text' }, 'plain', 7, [1, 2], true][value % 5];
    default:
      return ['plain', 'with "quotes"', 'line\nbreak', 'snow \u2603 and \ud83d\ude00', ''][value % 5];
  }
}

function referenceTo(target: string, value: number, entities: readonly Entity[]): unknown {
  if (target === 'Value') return { id: String(value % 9) };
  const type = target === 'Thing' || target === 'Node' ? (entities[value % entities.length] as Entity).name : target;
  // The code and the organisation are resolved from the id.
  return { __typename: type, id: `${type}-${value % INSTANCES}` };
}

function mixed(entities: readonly Entity[], salt: string): Ref[] {
  return Array.from({ length: 4 }, (_, index) => referenceTo('Thing', hash(`${salt}${index}`), entities) as Ref);
}

function valueResolvers(entities: readonly Entity[], seed: number) {
  return {
    size: ({ id }: Ref) => hash(`${seed}${id}size`) % 100,
    label: ({ id }: Ref) => `value ${id}`,
    partner: ({ id }: Ref) => referenceTo('Thing', hash(`${seed}${id}partner`), entities),
  };
}
