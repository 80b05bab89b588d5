import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  Kind,
  parse,
  typeFromAST,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql';
import { readConditions } from '../../request/selection-conditions.js';
import { nameOf } from './compile-path.js';
import { UnsupportedPlan } from './compile-plan.js';
import { joinPath, producedPaths } from './produced-paths.js';
import type { Step } from './steps.js';

/** Names of interfaces that no object type implements, by schema. */
const empty = new WeakMap<GraphQLSchema, ReadonlySet<string>>();

/**
 * Makes sure that a plan fetches what it was made for.
 *
 * Of a field whose type no object type implements, the planner leaves out what it finds no way to, without a word: the client
 * would get a null that no subgraph was asked for.
 *
 * @throws UnsupportedPlan
 */
export function assertAnswerable(
  schema: GraphQLSchema,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  root: GraphQLCompositeType,
  { selectionSet }: { readonly selectionSet: SelectionSetNode },
  steps: ReadonlyArray<Step | null>,
): void {
  const emptyTypes = emptyTypesOf(schema);
  if (emptyTypes.size === 0) return;
  const fetched = fetchedPlaces(steps);

  function walk({ selections }: SelectionSetNode, parent: GraphQLCompositeType, path: string): void {
    for (const selection of selections) {
      if (readConditions(selection.directives) === null) continue;
      if (selection.kind === Kind.FIELD) {
        const definition = 'getFields' in parent ? parent.getFields()[selection.name.value] : undefined;
        const type = definition && getNamedType(definition.type);
        if (!selection.selectionSet || !isCompositeType(type)) continue;
        const place = joinPath(path, (selection.alias ?? selection.name).value);
        if (emptyTypes.has(type.name) && !fetched.has(place)) throw new UnsupportedPlan(explain(place, type.name));
        walk(selection.selectionSet, type, place);
        continue;
      }
      const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value);
      const type = fragment?.typeCondition ? typeFromAST(schema, fragment.typeCondition) : parent;
      if (fragment && isCompositeType(type)) walk(fragment.selectionSet, type, path);
    }
  }

  walk(selectionSet, root, '');
}

function explain(place: string, type: string): string {
  return `${place} is of type ${type}, which no object type implements: what is selected of it cannot be fetched.`;
}

function emptyTypesOf(schema: GraphQLSchema): ReadonlySet<string> {
  let names = empty.get(schema);
  if (!names) {
    const types = Object.values(schema.getTypeMap());
    names = new Set(
      types
        .filter((type) => isAbstractType(type) && schema.getPossibleTypes(type).length === 0)
        .map(({ name }) => name),
    );
    empty.set(schema, names);
  }
  return names;
}

/** Places of objects that any fetch may bring. */
function fetchedPlaces(steps: ReadonlyArray<Step | null>): ReadonlySet<string> {
  const places = new Set<string>();
  const visit = (inner: Step | null): void => {
    switch (inner?.kind) {
      case undefined:
        return;
      case 'sequence':
      case 'parallel':
        inner.steps.forEach(visit);
        return;
      case 'condition':
        visit(inner.ifTrue);
        visit(inner.ifFalse);
        return;
      case 'defer':
        visit(inner.primary.step);
        for (const part of inner.deferred) visit(part.step);
        return;
      case 'fetch':
        for (const place of producedPaths(parse(inner.operation, { noLocation: true }), nameOf(inner.path)).objects)
          places.add(place);
    }
  };
  steps.forEach(visit);
  return places;
}
