import type { FetchDataRewrite } from '@apollo/query-planner';
import type { TypesWithin } from '../../supergraph/supergraph.js';
import { compileConditionedPath } from './compile-path.js';
import type { ContextArgument, Rewrite } from './steps.js';

const UP = '..';

/** Compiles the planner's rewrites of data: the last element of a path is the member that is changed. */
export function compileRewrites(
  rewrites: readonly FetchDataRewrite[] | undefined,
  typesWithin: TypesWithin,
): readonly Rewrite[] {
  return (rewrites ?? []).flatMap((rewrite): Rewrite[] => {
    const member = rewrite.path.at(-1);
    if (member === undefined) return [];
    const path = compileConditionedPath(rewrite.path.slice(0, -1), typesWithin);
    return rewrite.kind === 'ValueSetter'
      ? [{ kind: 'set', path, member, value: rewrite.setValueTo }]
      : [{ kind: 'rename', path, member, to: rewrite.renameKeyTo }];
  });
}

/** Compiles the rewrites that give arguments their values from what is around an entity: one level up for each `..`. */
export function compileContexts(
  rewrites: readonly FetchDataRewrite[] | undefined,
  typesWithin: TypesWithin,
): readonly ContextArgument[] {
  return (rewrites ?? []).flatMap((rewrite): ContextArgument[] => {
    if (rewrite.kind !== 'KeyRenamer') return [];
    const levels = rewrite.path.findIndex((element) => element !== UP);
    // A path that only leads up names no member.
    const path = levels === -1 ? null : compileConditionedPath(rewrite.path.slice(levels), typesWithin);
    return [{ variable: rewrite.renameKeyTo, levels, path }];
  });
}
