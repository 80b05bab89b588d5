import type { Linter } from 'eslint';

export declare function sdlRules(
  foreignTypes: readonly string[],
  options?: { readonly hasConnections?: boolean },
): Linter.RulesRecord;
