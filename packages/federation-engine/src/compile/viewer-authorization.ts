import type { Asker } from '../request/context.js';
import type { OperationFacts } from './valid-operation.js';

/** Decides what of an operation its viewer may see (Federation specification, `@authenticated`, `@requiresScopes`, `@policy`). */
export interface Authorization {
  /**
   * The conditions of the graph that the viewer does not meet, in their order: what of the operation asks for them is withheld from
   * them. It is decided before the operation is planned: what is refused costs no plan, and what is left is planned alone.
   *
   * @param alreadyUnmet conditions that count as not met, whatever is decided now
   * @throws Refusal, at once or later, when nothing is left to be subscribed to, or when operations are refused as a whole
   */
  unmet(
    operation: OperationFacts,
    variables: Readonly<Record<string, unknown>>,
    asker: Asker,
    alreadyUnmet?: readonly number[],
  ): readonly number[] | Promise<readonly number[]>;
}
