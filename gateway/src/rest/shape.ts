import {
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql';
import { orNull, schemaOfLeaf, type JsonSchema } from './json-schema.js';

/** What a selection is answered as: its schema, and how an answer of GraphQL becomes it. Both are of one derivation, so neither can lie. */
export interface Shape {
  readonly schema: JsonSchema;
  readonly project: (value: unknown) => unknown;
}

interface ShapeSource {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
}

type Members = Readonly<Record<string, unknown>>;
const identity = (value: unknown) => value;

/** The fields that an object of a type has of a selection, by the names that they are answered by. */
export function fieldsOf(
  { schema, fragments }: ShapeSource,
  type: GraphQLObjectType,
  selections: readonly SelectionSetNode[],
): Map<string, FieldNode[]> {
  const found = new Map<string, FieldNode[]>();
  const applies = (condition: string | undefined) => {
    if (condition === undefined || condition === type.name) return true;
    const named = schema.getType(condition);
    return isAbstractType(named) && schema.isSubType(named, type);
  };
  const walk = ({ selections: each }: SelectionSetNode): void => {
    for (const node of each) {
      if (node.kind === Kind.FIELD) {
        const name = (node.alias ?? node.name).value;
        if (name !== '__typename') found.set(name, [...(found.get(name) ?? []), node]);
        continue;
      }
      const fragment = node.kind === Kind.FRAGMENT_SPREAD ? fragments.get(node.name.value) : node;
      if (fragment && applies(fragment.typeCondition?.name.value)) walk(fragment.selectionSet);
    }
  };
  for (const selection of selections) walk(selection);
  return found;
}

/** @throws when the schema does not have what is selected */
export function shapeOf(source: ShapeSource, type: GraphQLOutputType, selections: readonly SelectionSetNode[]): Shape {
  if (isNonNullType(type)) return shapeOfNullable(source, type.ofType, selections);
  const { schema, project } = shapeOfNullable(source, type, selections);
  return { schema: orNull(schema), project: project === identity ? identity : (value) => value && project(value) };
}

function shapeOfNullable(source: ShapeSource, type: GraphQLOutputType, selections: readonly SelectionSetNode[]): Shape {
  if (isNonNullType(type)) return shapeOf(source, type, selections);
  if (isLeafType(type)) return { schema: schemaOfLeaf(type), project: identity };
  if (isListType(type)) {
    const { schema, project } = shapeOf(source, type.ofType, selections);
    return {
      schema: { type: 'array', items: schema },
      project: project === identity ? identity : (value) => (value as unknown[]).map(project),
    };
  }
  if (!isObjectType(type)) throw new Error(`${type.name} has several types, which the answer of a route cannot have`);
  const shape = shapeOfObject(source, type, selections);
  return type.name.endsWith('Connection') ? toList(shape) : shape;
}

/** The shape of an object, with its description of the schema. */
export function shapeOfObject(
  source: ShapeSource,
  type: GraphQLObjectType,
  selections: readonly SelectionSetNode[],
): Shape {
  const members = [...fieldsOf(source, type, selections)].map(([name, nodes]) => {
    const field = type.getFields()[(nodes[0] as FieldNode).name.value];
    if (!field) throw new Error(`${type.name} has no ${name}`);
    const inner = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
    const { schema, project } = shapeOf(source, field.type, inner);
    return { name, project, schema: { ...schema, ...(field.description && { description: field.description }) } };
  });
  return {
    schema: {
      type: 'object',
      ...(type.description && { description: type.description }),
      properties: Object.fromEntries(members.map(({ name, schema }) => [name, schema])),
      required: members.map(({ name }) => name),
      additionalProperties: false,
    },
    project: (value) =>
      Object.fromEntries(members.map(({ name, project }) => [name, project((value as Members)[name])])),
  };
}

/**
 * A connection is a list of its nodes. What an edge has of its own stands in the item; where the node is missing, as it may be while a
 * service is down, that is all there is of it.
 */
function toList({ schema, project }: Shape): Shape {
  const { edges, ...others } = schema.properties ?? {};
  const edge = edges?.items;
  if (!edge?.properties) return { schema, project };
  const { node = {}, cursor: _cursor, ...own } = edge.properties;
  const isAlwaysThere = node.type === 'object';
  const items: JsonSchema = {
    type: 'object',
    ...(node.description && { description: node.description }),
    properties: { ...node.properties, ...own },
    required: [...Object.keys(own), ...(isAlwaysThere ? (node.required ?? []) : [])],
    additionalProperties: false,
  };
  return {
    schema: {
      ...schema,
      properties: { items: { type: 'array', items }, ...others },
      required: ['items', ...Object.keys(others)],
    },
    project: (value) => {
      const { edges: found, ...rest } = project(value) as { readonly edges: ReadonlyArray<Record<string, unknown>> };
      return {
        items: found.map(({ node: item, cursor: _at, ...more }) => ({ ...(item as Members | null), ...more })),
        ...rest,
      };
    },
  };
}
