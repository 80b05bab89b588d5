import type { Asker } from '../request/context.js';
import type { Operation } from './operation.js';

/** Decides what of an operation its viewer may see (Federation specification, `@authenticated`, `@requiresScopes`, `@policy`). */
export interface Authorization {
  /**
   * Returns the operation as this viewer may run it: itself, or one without what is withheld, which is answered null.
   *
   * @param alreadyUnmet conditions that count as not met, whatever is decided now
   * @throws Refusal, at once or later, when nothing is left to be subscribed to, or when operations are refused as a whole
   */
  admit(
    operation: Operation,
    variables: Readonly<Record<string, unknown>>,
    asker: Asker,
    alreadyUnmet?: readonly number[],
  ): Operation | Promise<Operation>;
}
