import type { ResponsePath } from '@apollo/query-planner';
import type { TypesWithin } from '../../supergraph/supergraph.js';
import type { PathStep } from './steps.js';

/** Begins an element of a path that is a type condition. */
export const FRAGMENT = '... on ';
const ITEMS = '@';

/**
 * Compiles the path of what a fetch fills: a response name, `@` for the items of a list, either with types behind a bar
 * (`@|[Book,Film]`) where only objects of these are meant.
 */
export function compilePath(path: ResponsePath): PathStep[] {
  return path.map((element) => {
    const [name = '', types] = String(element).split('|');
    const only = types === undefined ? null : new Set(types.replace(/^\[|\]$/g, '').split(','));
    return name === ITEMS ? { kind: 'items', types: only } : { kind: 'field', name, types: only };
  });
}

/** Compiles a path of names and type conditions (`... on Book`), in which lists are not mentioned. */
export function compileConditionedPath(path: readonly string[], typesWithin: TypesWithin): PathStep[] {
  return path.map((element) => {
    if (!element.startsWith(FRAGMENT)) return { kind: 'field', name: element, types: null };
    const condition = element.slice(FRAGMENT.length);
    return { kind: 'type', condition, types: typesWithin(condition) };
  });
}

/** Compiles the path of what is put off: as {@link compileConditionedPath}, but for lists that are mentioned here and there. */
export function compilePartPath(path: readonly string[], typesWithin: TypesWithin): PathStep[] {
  return compileConditionedPath(
    path.filter((element) => element !== ITEMS),
    typesWithin,
  );
}

/** Response names of a path; list indices are left out. */
export function nameOf(path: readonly PathStep[]): string {
  return path.flatMap((step) => (step.kind === 'field' ? [step.name] : [])).join('.');
}
