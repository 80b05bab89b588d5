import {
  Kind,
  print,
  visit,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import { apartName, clientName } from './client-names.js';
import { everyField, responseNameOf } from './every-field.js';

/**
 * Renames what a client's operation calls by a name that stands for something else at the same place.
 *
 * - The planner asks for keys and required fields under their own names, beside what the client selects, and merges fields by
 *   response name: of `{ users { id: name posts { title } } }` it would lose the name, or send it as the key.
 * - Below types that exclude each other a name may stand for several calls: `... on Poster { piece { art(size: BIG) } }` and
 *   `... on Banner { piece { art(size: SMALL) } }`. The planner knows the place by its names alone, and asks for one of them.
 *
 * Such a field is fetched under another name; {@link clientName} is the way back, for the writer of the answer.
 *
 * @param taken names that the planner asks for on its own account
 */
export function setResponseNamesApart(document: DocumentNode, taken: ReadonlySet<string>): DocumentNode {
  const rivals = findRivals(document);
  return visit(document, {
    FragmentDefinition: {
      // What introspection answers is no data of subgraphs.
      enter: ({ typeCondition }) => (typeCondition.name.value.startsWith('__') ? false : undefined),
    },
    Field: {
      enter(field) {
        if (isIntrospection(field)) return false;
        const responseName = responseNameOf(field);
        const number = rivals.get(responseName)?.get(callOf(field)) ?? 0;
        const isApart =
          number > 0 || clientName(responseName) !== responseName || (!isPlain(field) && taken.has(responseName));
        if (!isApart) return undefined;
        return { ...field, alias: { kind: Kind.NAME as const, value: apartName(responseName, number) } };
      },
    },
  });
}

/**
 * Numbers the calls that share a response name at some place of the answer, by that name. A call has one number everywhere, so
 * that fragments stay what they are; the first, 0, keeps the name.
 */
function findRivals(document: DocumentNode): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const rivals = new Map<string, Map<string, number>>();
  if (!hasSeveralCalls(document)) return rivals;
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);

  function number(name: string, calls: Iterable<string>): void {
    const numbers = rivals.get(name) ?? new Map<string, number>();
    rivals.set(name, numbers);
    for (const call of calls) {
      if (numbers.has(call)) continue;
      // The field of that name keeps it: the planner may ask for the field under its own name as well.
      const first = call === name ? numbers.keys().next().value : undefined;
      if (first !== undefined) numbers.set(first, numbers.size);
      numbers.set(call, call === name ? 0 : numbers.size);
    }
  }

  function walk(selectionSets: readonly SelectionSetNode[]): void {
    const places = new Map<string, Map<string, SelectionSetNode[]>>();
    for (const field of everyField(selectionSets, fragments)) {
      if (isIntrospection(field)) continue;
      const name = responseNameOf(field);
      const call = callOf(field);
      const calls = places.get(name) ?? new Map<string, SelectionSetNode[]>();
      const inner = calls.get(call) ?? [];
      if (field.selectionSet) inner.push(field.selectionSet);
      places.set(name, calls.set(call, inner));
    }
    for (const [name, calls] of places) {
      if (calls.size > 1) number(name, calls.keys());
      for (const inner of calls.values()) if (inner.length > 0) walk(inner);
    }
  }

  for (const definition of document.definitions)
    if (definition.kind === Kind.OPERATION_DEFINITION) walk([definition.selectionSet]);
  return rivals;
}

/** Most documents have no name for two calls: they need no closer look. */
function hasSeveralCalls(document: DocumentNode): boolean {
  const calls = new Map<string, string>();
  let found = false;
  visit(document, {
    Field(field) {
      if (found || isIntrospection(field)) return false;
      const name = responseNameOf(field);
      const call = callOf(field);
      found ||= (calls.get(name) ?? call) !== call;
      calls.set(name, call);
      return undefined;
    },
  });
  return found;
}

/** Whether a field has its own name and no arguments. */
function isPlain(field: FieldNode): boolean {
  return responseNameOf(field) === field.name.value && (field.arguments ?? []).length === 0;
}

function isIntrospection({ name }: FieldNode): boolean {
  return name.value === '__schema' || name.value === '__type';
}

/** A field with its arguments; equal texts are equal calls. */
function callOf({ name, arguments: args }: FieldNode): string {
  if (!args || args.length === 0) return name.value;
  const texts = args.map((argument) => `${argument.name.value}: ${print(sortMembers(argument.value))}`);
  return `${name.value}(${texts.sort().join()})`;
}

function sortMembers(value: ValueNode): ValueNode {
  if (value.kind === Kind.LIST) return { ...value, values: value.values.map(sortMembers) };
  if (value.kind !== Kind.OBJECT) return value;
  const fields = value.fields.map((field) => ({ ...field, value: sortMembers(field.value) }));
  return { ...value, fields: fields.sort((a, b) => (a.name.value < b.name.value ? -1 : 1)) };
}
