import {
  buildASTSchema,
  Kind,
  parse,
  printSchema,
  type DirectiveNode,
  type DefinitionNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type GraphQLSchema,
  type InputValueDefinitionNode,
  type TypeNode,
} from 'graphql';

/** A part of the graph for some of its clients, chosen by `@tag`: as GraphOS contracts are. */
export interface ContractFilter {
  /** Where any is named, only what carries one of these is a part, or stands in a type that does. */
  readonly include: readonly string[];
  /** What carries one of these is no part. */
  readonly exclude: readonly string[];
}

const ROOTS = new Set(['Query', 'Mutation', 'Subscription']);
const BUILT_IN = new Set(['Int', 'Float', 'String', 'Boolean', 'ID']);

/**
 * Cuts a contract out of the API schema. A field whose type, and an argument whose type is no part of it, is none either; a
 * type without fields, values or members is gone.
 *
 * @returns null where nothing is left to ask for
 */
export function cutContract(api: GraphQLSchema, supergraphSdl: string, filter: ContractFilter): GraphQLSchema | null {
  const tags = readTags(parse(supergraphSdl, { noLocation: true }));
  const isExcluded = (coordinate: string) => (tags.get(coordinate) ?? []).some((tag) => filter.exclude.includes(tag));
  const isNamed = (coordinate: string) => (tags.get(coordinate) ?? []).some((tag) => filter.include.includes(tag));
  const hasField = (type: string, field: string) =>
    !isExcluded(`${type}.${field}`) && (filter.include.length === 0 || isNamed(type) || isNamed(`${type}.${field}`));

  let definitions = parse(printSchema(api), { noLocation: true }).definitions.filter(
    (definition) => !('name' in definition) || !isExcluded(definition.name?.value ?? ''),
  );
  // What is gone takes others with it, until nothing changes.
  for (;;) {
    const known = new Set(definitions.flatMap((each) => ('name' in each && each.name ? [each.name.value] : [])));
    const isKnown = (type: TypeNode) => known.has(nameOf(type)) || BUILT_IN.has(nameOf(type));
    const next = definitions
      .map((each) => cut(each, hasField, isExcluded, isKnown, known))
      .filter((each) => each !== null);
    const isStable = JSON.stringify(next) === JSON.stringify(definitions);
    definitions = next;
    if (isStable) break;
  }
  const hasQuery = definitions.some((each) => 'name' in each && each.name?.value === 'Query');
  return hasQuery ? buildASTSchema({ kind: Kind.DOCUMENT, definitions }, { assumeValidSDL: true }) : null;
}

function cut(
  definition: DefinitionNode,
  hasField: (type: string, field: string) => boolean,
  isExcluded: (coordinate: string) => boolean,
  isKnown: (type: TypeNode) => boolean,
  known: ReadonlySet<string>,
): DefinitionNode | null {
  switch (definition.kind) {
    case Kind.OBJECT_TYPE_DEFINITION:
    case Kind.INTERFACE_TYPE_DEFINITION: {
      const { value: type } = definition.name;
      const fields = (definition.fields ?? [])
        .filter((field) => hasField(type, field.name.value) && isKnown(field.type))
        .map((field) => cutArguments(field, type, isExcluded, isKnown));
      const interfaces = definition.interfaces?.filter((each) => known.has(each.name.value));
      return fields.length === 0 ? null : { ...definition, fields, ...(interfaces && { interfaces }) };
    }
    case Kind.INPUT_OBJECT_TYPE_DEFINITION: {
      const { value: type } = definition.name;
      const fields = (definition.fields ?? []).filter(
        (field) => !isExcluded(`${type}.${field.name.value}`) && isKnown(field.type),
      );
      return fields.length === 0 ? null : { ...definition, fields };
    }
    case Kind.ENUM_TYPE_DEFINITION: {
      const values =
        definition.values?.filter(({ name }) => !isExcluded(`${definition.name.value}.${name.value}`)) ?? [];
      return values.length === 0 ? null : { ...definition, values };
    }
    case Kind.UNION_TYPE_DEFINITION: {
      const types = definition.types?.filter((each) => known.has(each.name.value)) ?? [];
      return types.length === 0 ? null : { ...definition, types };
    }
    case Kind.SCHEMA_DEFINITION: {
      const operationTypes = definition.operationTypes.filter(({ type }) => known.has(type.name.value));
      return operationTypes.length === 0 ? null : { ...definition, operationTypes };
    }
    default:
      return definition;
  }
}

function cutArguments(
  field: FieldDefinitionNode,
  type: string,
  isExcluded: (coordinate: string) => boolean,
  isKnown: (type: TypeNode) => boolean,
): FieldDefinitionNode {
  const args = field.arguments?.filter(
    (each: InputValueDefinitionNode) =>
      !isExcluded(`${type}.${field.name.value}.${each.name.value}`) && isKnown(each.type),
  );
  return { ...field, ...(args && { arguments: args }) };
}

function nameOf(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : nameOf(type.type);
}

/** By coordinate. Root types are for all contracts that have something of them. */
function readTags({ definitions }: DocumentNode): Map<string, string[]> {
  const tags = new Map<string, string[]>();
  const add = (coordinate: string, directives: readonly DirectiveNode[] | undefined) => {
    const names = (directives ?? []).flatMap(({ name, arguments: args }) =>
      name.value === 'tag'
        ? (args ?? []).flatMap(({ value }) => (value.kind === Kind.STRING ? [value.value] : []))
        : [],
    );
    if (names.length > 0) tags.set(coordinate, names);
  };
  for (const definition of definitions) {
    if (!('name' in definition) || !definition.name) continue;
    const { value: type } = definition.name;
    if (!ROOTS.has(type)) add(type, definition.directives);
    if ('fields' in definition)
      for (const field of definition.fields ?? []) {
        add(`${type}.${field.name.value}`, field.directives);
        if ('arguments' in field)
          for (const argument of field.arguments ?? [])
            add(`${type}.${field.name.value}.${argument.name.value}`, argument.directives);
      }
    if ('values' in definition)
      for (const value of definition.values ?? []) add(`${type}.${value.name.value}`, value.directives);
  }
  return tags;
}
