import {
  getNamedType,
  isInputObjectType,
  Kind,
  type FieldNode,
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputType,
  type ValueNode,
} from 'graphql';
import type { ListSize } from '../../supergraph/planner/cost-directives.js';
import { MAX_AMOUNT, sum, type Amount, type Variables } from './amounts.js';
import type { CostModel, FieldCost } from './cost-model.js';

/** Reads a variable of the operation: as it is given, or its default. */
export type ReadVariable = (name: string, variables: Variables) => unknown;

/** An input object costs one where nothing else is said, as an object of the answer does; other values are free. */
const INPUT_OBJECT = 1;

/** What the values of a field's arguments cost. */
export function costOfArguments(
  model: CostModel,
  coordinate: string,
  field: FieldNode,
  { definition }: FieldCost,
  read: ReadVariable,
): Amount {
  const amounts: Amount[] = [];
  for (const { name, value } of field.arguments ?? []) {
    const argument = definition?.args.find((each) => each.name === name.value);
    if (!argument) continue;
    const weight = model.weight(`${coordinate}(${argument.name}:)`, getNamedType(argument.type));
    amounts.push(costOfNode(model, value, argument.type, weight, read));
  }
  return sum(amounts);
}

function costOfNode(
  model: CostModel,
  value: ValueNode,
  type: GraphQLInputType,
  weight: number | null,
  read: ReadVariable,
): Amount {
  const named = getNamedType(type);
  switch (value.kind) {
    case Kind.NULL:
      return 0;
    case Kind.VARIABLE: {
      if (weight === null && !isInputObjectType(named)) return 0;
      const { value: name } = value.name;
      return (variables) => costOfValue(model, read(name, variables), named, weight);
    }
    case Kind.LIST:
      return sum([weight ?? 0, ...value.values.map((item) => costOfNode(model, item, named, weight, read))]);
    case Kind.OBJECT: {
      if (!isInputObjectType(named)) return weight ?? 0;
      const fields = named.getFields();
      const inner = value.fields.flatMap((each) => {
        const field = fields[each.name.value];
        if (!field) return [];
        const own = model.weight(`${named.name}.${field.name}`, getNamedType(field.type));
        return [costOfNode(model, each.value, field.type, own, read)];
      });
      return sum([weight ?? INPUT_OBJECT, ...inner]);
    }
    default:
      return weight ?? 0;
  }
}

function costOfValue(
  model: CostModel,
  value: unknown,
  type: ReturnType<typeof getNamedType>,
  weight: number | null,
): number {
  if (value === null || value === undefined) return 0;
  if (Array.isArray(value)) {
    let total = weight ?? 0;
    for (const item of value) total += costOfValue(model, item, type, weight);
    return total;
  }
  if (typeof value !== 'object' || !isInputObjectType(type)) return weight ?? 0;
  let total = weight ?? INPUT_OBJECT;
  const fields = type.getFields();
  for (const [name, inner] of Object.entries(value)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (!field) continue;
    const named = getNamedType(field.type);
    total += costOfValue(model, inner, named, model.weight(`${type.name}.${name}`, named));
  }
  return total;
}

/** The size of a list as its arguments say it: null where they do not. */
export type Size = number | null | ((variables: Variables) => number | null);

interface Sliced {
  readonly size: Size;
  /** How many of the slicing arguments are given, defaults included. */
  readonly given: number | ((variables: Variables) => number);
}

/** Finds how many items the slicing arguments of a field ask for, as a number or as a list of which: the most of those that are given. */
export function readSlicing(
  { slicingArguments, assumedSize }: ListSize,
  field: FieldNode,
  { definition }: FieldCost,
  read: ReadVariable,
): Sliced {
  const sizes = slicingArguments.map((way) => sizeAt(way, field, definition?.args ?? [], read));
  const count = (variables: Variables) =>
    sizes.map((size) => readSize(size, variables)).filter((size) => size !== null);
  const isFixed = sizes.every((size) => typeof size !== 'function');
  const sizeFor = (variables: Variables) => {
    const given = count(variables);
    return given.length > 0 ? Math.max(...given) : assumedSize;
  };
  if (isFixed) return { size: sizeFor({}), given: count({}).length };
  return { size: sizeFor, given: (variables) => count(variables).length };
}

export function readSize(size: Size, variables: Variables): number | null {
  return typeof size === 'function' ? size(variables) : size;
}

function sizeAt(
  [first = '', ...rest]: readonly string[],
  field: FieldNode,
  args: readonly GraphQLArgument[],
  read: ReadVariable,
): Size {
  const argument = args.find(({ name }) => name === first);
  const value = field.arguments?.find(({ name }) => name.value === first)?.value;
  return sizeOfNode(value, rest, argument, read);
}

function sizeOfNode(
  value: ValueNode | undefined,
  way: readonly string[],
  definition: GraphQLArgument | GraphQLInputField | undefined,
  read: ReadVariable,
): Size {
  if (value?.kind === Kind.VARIABLE) {
    const { value: name } = value.name;
    return (variables) => sizeOfValue(read(name, variables), way, definition);
  }
  if (value === undefined || value.kind === Kind.NULL) return sizeOfValue(undefined, way, definition);
  const [next, ...rest] = way;
  if (next === undefined) {
    if (value.kind === Kind.LIST) return value.values.length;
    return value.kind === Kind.INT ? toSize(Number(value.value)) : sizeOfValue(undefined, way, definition);
  }
  if (value.kind !== Kind.OBJECT) return null;
  const inner = value.fields.find(({ name }) => name.value === next)?.value;
  return sizeOfNode(inner, rest, fieldOf(definition, next), read);
}

function sizeOfValue(
  given: unknown,
  [next, ...rest]: readonly string[],
  definition: GraphQLArgument | GraphQLInputField | undefined,
): number | null {
  const value = given ?? definition?.defaultValue;
  if (next === undefined) {
    if (Array.isArray(value)) return value.length;
    return typeof value === 'number' ? toSize(value) : null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const inner = Object.hasOwn(value, next) ? (value as Variables)[next] : undefined;
  return sizeOfValue(inner, rest, fieldOf(definition, next));
}

function fieldOf(definition: GraphQLArgument | GraphQLInputField | undefined, name: string) {
  const type = definition && getNamedType(definition.type);
  return type && isInputObjectType(type) ? type.getFields()[name] : undefined;
}

/** A size below zero bounds nothing. */
function toSize(value: number): number | null {
  return value >= 0 ? Math.min(value, MAX_AMOUNT) : null;
}
