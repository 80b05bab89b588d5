import { createRandom, hash, type Random } from './random.js';
import type { GeneratedSubgraph } from './generate-graph.js';

/** A world that several subgraphs know parts of, and one schema knows whole. */
export interface GeneratedWorld {
  readonly subgraphs: readonly GeneratedSubgraph[];
  /** The value of a field, as any resolver of it answers. @throws where the field fails */
  resolve(type: string, field: string, source: unknown, args: Readonly<Record<string, unknown>>): unknown;
}

interface Thing {
  readonly __typename: string;
  readonly id: string;
}

interface Field {
  readonly name: string;
  /** The type in whose name the value is made: the interface, for fields of interface objects. */
  readonly owner: string;
  readonly target: string;
  readonly list: boolean;
  readonly hasArgument: boolean;
  /** Another field of the type, which another subgraph has. */
  readonly requires?: string;
  /** Others require it, so its errors would be told where nobody asked for it. */
  readonly isSure?: boolean;
}

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@external", "@requires", "@interfaceObject", "@shareable"])';
const ENTITIES = ['T0', 'T1', 'T2', 'T3'];
/** Interfaces that have keys, with their types. */
const INTERFACES: Readonly<Record<string, readonly string[]>> = { V: ['T0', 'T1'], W: ['T1', 'T2'] };
/** Objects without keys, which exclude each other. */
const SLOTS = ['Slot0', 'Slot1'];
const MEMBERS: Readonly<Record<string, readonly string[]>> = { ...INTERFACES, Any: ENTITIES, Slot: SLOTS };
const LEAVES = ['String', 'Int'];
const INSTANCES = 3;

/**
 * Generates a world: entities of four types, two interfaces of them that are objects in subgraphs of their own, unions of
 * entities and of plain objects, arguments, lists, null, fields that fail, fields that require others, and ways back to `Query`.
 */
export function generateWorld(seed: number): GeneratedWorld {
  const random = createRandom(seed);
  const fields = new Map<string, Field>();
  const resolve: GeneratedWorld['resolve'] = (type, field, source, args) => {
    const known = fields.get(`${type}.${field}`);
    if (!known) throw new Error(`the world has no ${type}.${field}`);
    const id = (source as Partial<Thing> | undefined)?.id ?? 'root';
    const required = known.requires === undefined ? undefined : fields.get(`${type}.${known.requires}`);
    return valueOf(known, id, args, seed, required && valueOf(required, id, {}, seed));
  };
  const make = (owner: string, prefix: string, targets: readonly string[], count: number, leaves = 0.5): Field[] =>
    Array.from({ length: count }, (_, index) => ({
      name: `${prefix}${index}`,
      owner,
      target: random.chance(leaves) ? random.pick(LEAVES) : random.pick(targets),
      list: random.chance(0.3),
      hasArgument: random.chance(0.5),
    }));
  const everything = [...ENTITIES, 'V', 'W', 'Any', 'Slot', 'Slot', 'Query'];
  const build = (name: string, types: ReadonlyMap<string, readonly Field[]>, frame: Frame): GeneratedSubgraph => {
    for (const [type, own] of types)
      for (const field of own)
        for (const each of [type, ...(frame.objects.includes(type) ? (INTERFACES[type] ?? []) : [])])
          fields.set(`${each}.${field.name}`, field);
    return toSubgraph(name, types, frame, (type, field, source, args) => {
      const known = fields.get(`${type}.${field}`);
      if (known?.requires === undefined) return resolve(type, field, source, args);
      const { id, [known.requires]: required } = source as Thing & Record<string, unknown>;
      return valueOf(known, id, args, seed, required ?? null);
    });
  };
  const home = new Map<string, Field[]>([
    ['Query', everything.slice(0, -1).map((target, index) => root(`h${index}`, target, random))],
    ...ENTITIES.map((type): [string, Field[]] => [type, [...make(type, 'a', everything, 4), ...required(type)]]),
    // Through which the same entities are reached by several ways.
    ...SLOTS.map((type): [string, Field[]] => [type, make(type, 'a', ['T3', 'T3', 'V', 'Any'], 4, 0.2)]),
  ]);
  const other = new Map<string, Field[]>([
    ['Query', [root('o', 'String', random)]],
    ...ENTITIES.map((type): [string, Field[]] => [
      type,
      [...make(type, 'b', [...ENTITIES, 'Any', 'Query'], 4), ...requiring(type)],
    ]),
  ]);
  const objects = Object.keys(INTERFACES).map((type): [string, Map<string, Field[]>] => [
    type,
    new Map([
      ['Query', [root(`q${type}`, type, random)]],
      [type, make(type, type.toLowerCase(), [type, type, 'Query'], 4)],
    ]),
  ]);
  return {
    subgraphs: [
      build('home', home, { interfaces: Object.keys(INTERFACES), objects: [], unions: ['Any', 'Slot'] }),
      build('other', other, { interfaces: [], objects: [], unions: ['Any'] }),
      ...objects.map(([type, types]) => build(`of${type}`, types, { interfaces: [], objects: [type], unions: [] })),
    ],
    resolve,
  };
}

interface Frame {
  readonly interfaces: readonly string[];
  /** Interfaces that this subgraph takes for objects. */
  readonly objects: readonly string[];
  readonly unions: readonly string[];
}

function root(name: string, target: string, random: Random): Field {
  return { name, owner: 'Query', target, list: random.chance(0.5), hasArgument: random.chance(0.3) };
}

const PLAIN = { target: 'String', list: false, hasArgument: false };

function required(owner: string): Field[] {
  return ['r0', 'r1'].map((name) => ({ ...PLAIN, name, owner, isSure: true }));
}

function requiring(owner: string): Field[] {
  return ['r0', 'r1', 'r1'].map((requires, index) => ({ ...PLAIN, name: `d${index}`, owner, requires }));
}

function toSubgraph(
  name: string,
  types: ReadonlyMap<string, readonly Field[]>,
  { interfaces, objects, unions }: Frame,
  resolve: GeneratedWorld['resolve'],
): GeneratedSubgraph {
  const resolvers: Record<string, Record<string, unknown>> = {};
  const definitions = [...types].map(([type, own]) => {
    const isEntity = ENTITIES.includes(type) || objects.includes(type);
    const above = ENTITIES.includes(type) ? interfaces.filter((each) => INTERFACES[each]?.includes(type)) : [];
    const directives = `${isEntity ? '@key(fields: "id")' : ''} ${objects.includes(type) ? '@interfaceObject' : ''}`;
    resolvers[type] = Object.fromEntries(
      own.map((field) => [
        field.name,
        (source: unknown, args: Record<string, unknown>) => resolve(type, field.name, source, args),
      ]),
    );
    if (isEntity) resolvers[type]['__resolveReference'] = (reference: Thing) => ({ ...reference, __typename: type });
    const implemented = above.length > 0 ? `implements ${above.join(' & ')}` : '';
    const lines = own.map((field) => {
      const required = field.requires === undefined ? '' : `@requires(fields: "${field.requires}")`;
      const of = field.list ? `[${field.target}]` : field.target;
      return `${field.name}${field.hasArgument ? '(size: Size)' : ''}: ${of} ${required}`;
    });
    for (const each of new Set(own.flatMap(({ requires }) => requires ?? []))) lines.push(`${each}: String @external`);
    return `type ${type} ${implemented} ${directives} { ${isEntity ? 'id: ID!' : ''} ${lines.join(' ')} }`;
  });
  for (const each of [...interfaces, ...unions])
    resolvers[each] = {
      __resolveType: ({ __typename }: Thing) => __typename,
      ...(interfaces.includes(each) && {
        __resolveReference: ({ id }: Thing) => ({ __typename: id.split('-')[0], id }),
      }),
    };
  const typeDefs = `${LINK}
    enum Size { BIG SMALL }
    ${interfaces.map((each) => `interface ${each} @key(fields: "id") { id: ID! }`).join('\n')}
    ${unions.map((each) => `union ${each} = ${MEMBERS[each]?.join(' | ')}`).join('\n')}
    ${definitions.join('\n')}`;
  return { name, typeDefs, resolvers };
}

/** @param required the value of the field that it requires */
function valueOf(
  field: Field,
  id: string,
  args: Readonly<Record<string, unknown>>,
  seed: number,
  required?: unknown,
): unknown {
  const place = `${field.owner}.${field.name} of ${id} ${JSON.stringify(args['size'] ?? null)}`;
  const value = hash(`${seed} ${place}`);
  // What is shared by all that is asked is there.
  if (field.owner !== 'Query' && !field.isSure && value % 13 === 0) throw new Error(`${place} fails`);
  if (field.owner !== 'Query' && value % 11 === 0) return null;
  const one = (index: number): unknown => {
    const item = hash(`${value} ${index}`);
    if (field.target === 'String') return required === undefined ? place : `${place}, ${JSON.stringify(required)}`;
    if (field.target === 'Int') return item % 1000;
    if (field.target === 'Query') return { __typename: 'Query' };
    const members = MEMBERS[field.target] ?? [field.target];
    const type = members[item % members.length] as string;
    return { __typename: type, id: `${type}-${hash(`${item}`) % INSTANCES}` };
  };
  return field.list ? Array.from({ length: 1 + (value % 3) }, (_, index) => one(index)) : one(0);
}
