import type { Authorization } from './compile/authorization.js';
import type { OperationCache } from './compile/operation-cache.js';
import type { Operation } from './compile/operation.js';
import type { Asker } from './request/context.js';
import type { SecurityCondition } from './supergraph/security-requirements.js';

/** Whether a condition is met for whoever asks; each is asked about once in a request. What throws meets none. */
export type AuthorizeHook = (condition: SecurityCondition, asker: Asker) => boolean | Promise<boolean>;

/** Everybody may see everything: subgraphs decide. */
export const ADMIT_ALL: Authorization = { admit: (operation) => operation };

/** Decides by a host's word about each condition of an operation (Federation specification, `@authenticated` and its kin). */
export function authorizeBy(hook: AuthorizeHook, operations: () => Pick<OperationCache, 'withheld'>): Authorization {
  /** The conditions of an operation, found out once. */
  const known = new WeakMap<Operation, readonly number[]>();

  function conditionsOf(operation: Operation): readonly number[] {
    let indices = known.get(operation);
    if (!indices) {
      indices = [...new Set(operation.secured.flatMap(({ conditions }) => conditions))].sort(
        (one, other) => one - other,
      );
      known.set(operation, indices);
    }
    return indices;
  }

  return {
    admit(operation, _variables, asker, alreadyUnmet = []) {
      if (operation.secured.length === 0) return operation;
      return decide(operation, conditionsOf(operation), asker, alreadyUnmet);
    },
  };

  async function decide(
    operation: Operation,
    indices: readonly number[],
    asker: Asker,
    alreadyUnmet: readonly number[],
  ): Promise<Operation> {
    const { conditions } = operation.supergraph.requirements;
    const met = await Promise.all(
      indices.map(async (index) => {
        try {
          return !alreadyUnmet.includes(index) && (await hook(conditions[index] as SecurityCondition, asker));
        } catch (error) {
          asker.log.error({ err: error }, 'a condition cannot be decided, so it is not met');
          return false;
        }
      }),
    );
    const unmet = indices.filter((_index, place) => met[place] !== true);
    return unmet.length === 0 ? operation : operations().withheld(operation, unmet);
  }
}
