import { possibleTypes } from './cache.js';

/** What is wrong with an input, as far as every problem says it. */
export interface Problem {
  readonly __typename: string;
  readonly message: string;
}

/** The members of a result that are problems, or may be one. */
type ProblemOf<Result> = Result extends { readonly __typename: infer Name extends string }
  ? string extends Name
    ? Result
    : Name extends `${string}Problem`
      ? Result
      : never
  : never;

const known = new Set(possibleTypes['Problem']);

/**
 * Tells a problem from a success, also one that did not exist when the client was written, if the operation asks for it by
 * `... on Problem { message }`.
 */
export function isProblem<Result extends { readonly __typename?: string } | null | undefined>(
  result: Result,
): result is ProblemOf<NonNullable<Result>> & Result {
  const name = result?.__typename;
  return name !== undefined && (known.has(name) || name.endsWith('Problem'));
}
