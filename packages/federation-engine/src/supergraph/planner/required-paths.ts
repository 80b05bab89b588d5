import type { QueryPlanSelectionNode } from '@apollo/query-planner';

/** What a fetch requires of entities, as paths of names joined by dots. */
export function requiredPaths(selections: readonly QueryPlanSelectionNode[], base = ''): string[] {
  return selections.flatMap((selection) => {
    if (selection.kind === 'InlineFragment') return requiredPaths(selection.selections, base);
    const path = base === '' ? selection.name : `${base}.${selection.name}`;
    return [path, ...requiredPaths(selection.selections ?? [], path)];
  });
}

/** What is left of it without some of these paths, and what is below them. */
export function dropPaths(
  selections: readonly QueryPlanSelectionNode[],
  isDropped: (path: string) => boolean,
  base = '',
): QueryPlanSelectionNode[] {
  return selections.flatMap((selection): QueryPlanSelectionNode[] => {
    if (selection.kind === 'InlineFragment')
      return [{ ...selection, selections: dropPaths(selection.selections, isDropped, base) }];
    const path = base === '' ? selection.name : `${base}.${selection.name}`;
    if (isDropped(path)) return [];
    return [
      selection.selections ? { ...selection, selections: dropPaths(selection.selections, isDropped, path) } : selection,
    ];
  });
}
