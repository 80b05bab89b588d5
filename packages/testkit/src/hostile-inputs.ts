import {
  getNamedType,
  getNullableType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
} from 'graphql';
import { hostileCursors, hostileLists, hostileScalars } from './hostile-values.js';

/** A value that is good at a place such as `CreateTaskInput.title` or `Query.tasks(after)`; undefined where any of its type is. */
export type Samples = (coordinate: string) => unknown;

export interface HostileRequest {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** One argument, or one field of an input object, at one place of a schema. */
export interface HostilePlace {
  /** Such as `Mutation.createTask(input).title`. */
  readonly coordinate: string;
  readonly operation: 'query' | 'mutation' | 'subscription';
  /** Requests that are good but for what is at this place. Called anew for each: a request may use its samples up. */
  requests(samples: Samples): readonly HostileRequest[];
}

const ROOTS = { Query: 'query', Mutation: 'mutation', Subscription: 'subscription' } as const;
/** Filled by a file of a multipart request, so that a test of its own has it. */
const NO_JSON = new Set(['Upload']);
const MAX_SELECTION_DEPTH = 3;

/**
 * Finds every place of a subgraph's schema where a client's value goes in: arguments of root fields and of fields of entities, each
 * field of their input objects, and the keys of entities. What a schema gets tomorrow is found as well.
 *
 * @throws when a field with arguments cannot be reached from a root field or an entity
 */
export function hostilePlaces(schema: GraphQLSchema): HostilePlace[] {
  const places: HostilePlace[] = [];
  const entities = new Set<string>();
  const entityUnion = schema.getType('_Entity');
  if (isUnionType(entityUnion)) for (const { name } of entityUnion.getTypes()) entities.add(name);

  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    const root = Object.hasOwn(ROOTS, type.name) ? ROOTS[type.name as keyof typeof ROOTS] : null;
    for (const field of Object.values(type.getFields())) {
      if (field.args.length === 0 || field.name === '_entities') continue;
      if (!root && !entities.has(type.name))
        throw new Error(`${type.name}.${field.name} has arguments, and nothing leads there`);
      for (const argument of field.args)
        if (!NO_JSON.has(getNamedType(argument.type).name)) places.push(...placesOf(type, field, argument, root));
    }
  }
  for (const name of entities) places.push(keyOf(schema, name));
  return places;
}

function placesOf(
  type: GraphQLObjectType,
  field: GraphQLField<unknown, unknown>,
  argument: GraphQLArgument,
  root: HostilePlace['operation'] | null,
): HostilePlace[] {
  const at = `${type.name}.${field.name}(${argument.name})`;
  return pathsInto(argument.type).map((path) => ({
    coordinate: [at, ...path].join('.'),
    operation: root ?? 'query',
    requests(samples) {
      const declared = field.args.filter(
        (other) => other === argument || isRequired(other) || NO_JSON.has(getNamedType(other.type).name),
      );
      const good = Object.fromEntries(
        declared.map((other) => [
          other.name,
          sampleOf(other.type, `${type.name}.${field.name}(${other.name})`, samples),
        ]),
      );
      const query = operationOf(type, field, declared, root);
      const representations = root
        ? {}
        : { representations: [{ __typename: type.name, id: samples(`${type.name}.id`) }] };
      return hostileValues(argument.type, at, path, samples).map((value) => ({
        query,
        variables: { ...representations, ...good, [argument.name]: value },
      }));
    },
  }));
}

/** Of an entity that somebody names by a key that is none. */
function keyOf(schema: GraphQLSchema, name: string): HostilePlace {
  const type = schema.getType(name) as GraphQLObjectType;
  const query = `query($representations: [_Any!]!) { _entities(representations: $representations) ${selectionOf(type)} }`;
  return {
    coordinate: `${name} @key(id)`,
    operation: 'query',
    requests: () =>
      hostileScalars('ID').map((id) => ({ query, variables: { representations: [{ __typename: name, id }] } })),
  };
}

function isRequired({ type, defaultValue }: GraphQLArgument): boolean {
  return isNonNullType(type) && defaultValue === undefined;
}

/** The ways into an input object, field by field; one that leads nowhere further is the value itself. */
function pathsInto(type: GraphQLInputType): string[][] {
  const named = getNamedType(type);
  if (!isInputObjectType(named)) return [[]];
  return [
    [],
    ...Object.values(named.getFields()).flatMap((field) => pathsInto(field.type).map((path) => [field.name, ...path])),
  ];
}

/** What may come in the place that `path` leads to, within what is otherwise good. */
function hostileValues(
  type: GraphQLInputType,
  at: string,
  path: readonly string[],
  samples: Samples,
): readonly unknown[] {
  const named = getNamedType(type);
  const [name, ...rest] = path;
  if (name !== undefined && isInputObjectType(named)) {
    const field = named.getFields()[name];
    if (!field) throw new Error(`${named.name} has no ${name}`);
    const good = sampleOf(getNullableType<GraphQLInputType>(type), at, samples) as Record<string, unknown>;
    return hostileValues(field.type, `${named.name}.${name}`, rest, samples).map((value) => ({
      ...good,
      [name]: value,
    }));
  }
  const nullable = getNullableType<GraphQLInputType>(type);
  if (isListType(nullable)) {
    const item: GraphQLInputType = nullable.ofType;
    return hostileLists(sampleOf(item, at, samples), hostileScalars(getNamedType(item).name));
  }
  if (isInputObjectType(named))
    return [...hostileScalars(named.name), { ...(sampleOf(named, at, samples) as object), unknown: 1 }];
  if (/\((after|before)\)$/.test(at)) {
    const cursor = samples(at);
    if (typeof cursor !== 'string') throw new Error(`there is no sample of a cursor for ${at}`);
    return [...hostileScalars(named.name), ...hostileCursors(cursor)];
  }
  return hostileScalars(isEnumType(named) ? 'an enum' : named.name);
}

/** A good value: what the test has, or one that any field of the type takes; of an input object its required fields. */
export function sampleOf(type: GraphQLInputType, at: string, samples: Samples): unknown {
  const given = samples(at);
  if (given !== undefined) return given;
  const nullable = getNullableType<GraphQLInputType>(type);
  if (isListType(nullable)) return [sampleOf(nullable.ofType, at, samples)];
  if (isInputObjectType(nullable)) {
    const fields = Object.values(nullable.getFields()).filter(
      (field) =>
        (isNonNullType(field.type) && field.defaultValue === undefined) ||
        samples(`${nullable.name}.${field.name}`) !== undefined,
    );
    return Object.fromEntries(
      fields.map((field) => [field.name, sampleOf(field.type, `${nullable.name}.${field.name}`, samples)]),
    );
  }
  if (isEnumType(nullable)) return nullable.getValues()[0]?.name;
  switch (getNamedType(nullable).name) {
    case 'Int':
      return 1;
    case 'Boolean':
      return true;
    case 'DateTime':
      return '2027-03-28T02:30:00.000Z';
    default:
      return 'a sample';
  }
}

function operationOf(
  type: GraphQLObjectType,
  field: GraphQLField<unknown, unknown>,
  args: readonly GraphQLArgument[],
  root: HostilePlace['operation'] | null,
): string {
  const variables = args.map(({ name, type: declared }) => `$${name}: ${String(declared)}`).join(', ');
  const given = args.map(({ name }) => `${name}: $${name}`).join(', ');
  const selected = `${field.name}(${given}) ${selectionOf(field.type)}`;
  return root
    ? `${root}(${variables}) { ${selected} }`
    : `query($representations: [_Any!]!, ${variables}) { _entities(representations: $representations) { ... on ${type.name} { ${selected} } } }`;
}

/** What an answer has of its own, so that it is written out. */
function selectionOf(type: GraphQLOutputType, depth = 0): string {
  const named = getNamedType(type);
  if (!isCompositeType(named)) return '';
  const members = isUnionType(named) ? named.getTypes() : isObjectType(named) ? [named] : [];
  const parts = members.map((member) => {
    const fields = Object.values(member.getFields())
      .filter((field) => !field.args.some(isRequired) && !field.args.some(({ name }) => name === 'first'))
      .filter((field) => depth + 1 < MAX_SELECTION_DEPTH || !isCompositeType(getNamedType(field.type)))
      .map((field) => `${member.name}_${field.name}: ${field.name} ${selectionOf(field.type, depth + 1)}`);
    return `... on ${member.name} { ${fields.join(' ')} }`;
  });
  return `{ __typename ${parts.join(' ')} }`;
}
