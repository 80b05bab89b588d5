import {
  getNamedType,
  getNullableType,
  isEnumType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  parse,
  type FieldNode,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql';
import type { Answer } from './bookshop.js';

type Path = ReadonlyArray<string | number>;

/**
 * What is wrong with an answer by the GraphQL specification, section 7.1; slow and obvious. Empty when nothing is.
 *
 * @returns one sentence for each fault
 */
export function faultsOf(schema: GraphQLSchema, query: string, answer: Answer): string[] {
  const faults: string[] = [];
  const { data, errors, ...more } = answer;
  if (Object.keys(more).length > 0) faults.push(`other members: ${Object.keys(more).join()}`);
  if (data === undefined) faults.push('there are no data');
  if ('errors' in answer && (!Array.isArray(errors) || errors.length === 0)) faults.push('errors is no filled list');
  if (data === null && !errors) faults.push('data are null without an error');
  const root = selectionOf(query);
  for (const error of errors ?? []) {
    if (typeof error.message !== 'string') faults.push('an error has no message');
    if (typeof error.extensions?.['code'] !== 'string') faults.push('an error has no code');
    if ('path' in error) {
      const fault = faultOfPath(root, data, error.path as Path);
      if (fault) faults.push(`the path ${JSON.stringify(error.path)} ${fault}`);
    }
  }
  if (data !== null && data !== undefined)
    faults.push(...faultsOfObject(schema, schema.getQueryType() as GraphQLObjectType, [root], data, []));
  return faults;
}

/** Positions of an answer that are null although a value stands there in another one. */
export function lostPlaces(answer: unknown, whole: unknown, path: Path = []): Path[] {
  if (answer === null && whole !== null) return [path];
  if (Array.isArray(answer) && Array.isArray(whole))
    return answer.flatMap((item, index) => lostPlaces(item, whole[index], [...path, index]));
  if (isObject(answer) && isObject(whole))
    return Object.keys(answer).flatMap((name) => lostPlaces(answer[name], whole[name], [...path, name]));
  return [];
}

/** Whether an error is told at a position, above it, or below it. */
export function isExplained({ errors }: Answer, place: Path): boolean {
  return (errors ?? []).some(({ path }) =>
    path?.every((element, index) => index >= place.length || place[index] === element),
  );
}

function selectionOf(query: string): SelectionSetNode {
  const [definition] = parse(query).definitions;
  if (definition?.kind !== Kind.OPERATION_DEFINITION) throw new Error('no operation');
  return definition.selectionSet;
}

function faultOfPath(root: SelectionSetNode, data: unknown, path: Path): string | null {
  if (!Array.isArray(path) || path.length === 0) return 'is no filled list';
  let sets: SelectionSetNode[] = [root];
  let at: unknown = data;
  for (const element of path as Path) {
    if (typeof element === 'number') {
      if (Array.isArray(at) && element >= at.length) return 'leads out of a list';
      if (at !== null && at !== undefined && !Array.isArray(at)) return 'has an index in something that is no list';
      at = Array.isArray(at) ? (at[element] as unknown) : null;
      continue;
    }
    const fields = sets
      .flatMap((set) => fieldsOf(set))
      .filter((field) => (field.alias ?? field.name).value === element);
    if (fields.length === 0) return 'has a name that is not selected';
    sets = fields.flatMap(({ selectionSet }) => selectionSet ?? []);
    at = isObject(at) ? at[element] : null;
  }
  return null;
}

/** Of all fragments, whichever type they are for. */
function fieldsOf({ selections }: SelectionSetNode): FieldNode[] {
  return selections.flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return [selection];
    return selection.kind === Kind.INLINE_FRAGMENT ? fieldsOf(selection.selectionSet) : [];
  });
}

function faultsOfObject(
  schema: GraphQLSchema,
  type: GraphQLObjectType,
  sets: readonly SelectionSetNode[],
  value: unknown,
  path: Path,
): string[] {
  if (!isObject(value)) return [`${path.join('.')} is no object`];
  const applying = (set: SelectionSetNode): FieldNode[] =>
    set.selections.flatMap((selection) => {
      if (selection.kind === Kind.FIELD) return [selection];
      if (selection.kind !== Kind.INLINE_FRAGMENT) return [];
      const condition = selection.typeCondition?.name.value;
      return condition === undefined || condition === type.name ? applying(selection.selectionSet) : [];
    });
  const fields = new Map(sets.flatMap(applying).map((field) => [(field.alias ?? field.name).value, field]));
  const names = Object.keys(value);
  const faults = names
    .filter((name) => !fields.has(name))
    .map((name) => `${[...path, name].join('.')} is not selected`);
  for (const [name, field] of fields) {
    const at = [...path, name];
    const definition = type.getFields()[field.name.value];
    if (!(name in value)) faults.push(`${at.join('.')} is missing`);
    else if (!definition) {
      if (value[name] !== type.name) faults.push(`${at.join('.')} is no name of the type`);
    } else faults.push(...faultsOfValue(schema, definition.type, field, value[name], at));
  }
  return faults;
}

function faultsOfValue(
  schema: GraphQLSchema,
  type: GraphQLOutputType,
  field: FieldNode,
  value: unknown,
  path: Path,
): string[] {
  if (value === null) return isNonNullType(type) ? [`${path.join('.')} may not be null`] : [];
  const nullable = getNullableType(type);
  if (isListType(nullable)) {
    if (!Array.isArray(value)) return [`${path.join('.')} is no list`];
    return value.flatMap((item, index) => faultsOfValue(schema, nullable.ofType, field, item, [...path, index]));
  }
  if (isObjectType(nullable)) return faultsOfObject(schema, nullable, [field.selectionSet as never], value, path);
  if (isInterfaceType(nullable)) {
    const type = schema.getType(String((value as Record<string, unknown>)['__typename']));
    if (!isObjectType(type) || !schema.isSubType(nullable, type)) return [`${path.join('.')} is of no possible type`];
    return faultsOfObject(schema, type, [field.selectionSet as never], value, path);
  }
  const named = getNamedType(nullable);
  const fits =
    (named.name === 'String' && typeof value === 'string') ||
    (named.name === 'ID' && typeof value === 'string') ||
    (named.name === 'Int' && Number.isInteger(value)) ||
    (named.name === 'Boolean' && typeof value === 'boolean') ||
    (isEnumType(named) && named.getValue(value as string) !== undefined) ||
    named.name === 'Any';
  return fits ? [] : [`${path.join('.')} is no ${named.name}: ${JSON.stringify(value)}`];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
