import type { Authorization } from './compile/viewer-authorization.js';
import type { SecuredSelection } from './compile/security/secured-selections.js';
import type { OperationFacts } from './compile/valid-operation.js';
import type { Asker } from './request/context.js';
import type { SecurityCondition } from './supergraph/planner/security-requirements.js';

/** Whether a viewer meets a condition; each is asked about once in a request. What throws meets none. */
export type AuthorizeHook = (condition: SecurityCondition, asker: Asker) => boolean | Promise<boolean>;

/** Everybody may see everything: subgraphs decide. */
export const ADMIT_ALL: Authorization = { unmet: () => NONE };

const NONE: readonly number[] = [];

/** Decides by a host's word about each condition of an operation (Federation specification, `@authenticated` and its kin). */
export function authorizeBy(hook: AuthorizeHook): Authorization {
  /** The conditions of an operation, found out once. */
  const known = new WeakMap<readonly SecuredSelection[], readonly number[]>();

  function conditionsOf({ secured }: OperationFacts): readonly number[] {
    let indices = known.get(secured);
    if (!indices) {
      indices = [...new Set(secured.flatMap(({ conditions }) => conditions))].sort((one, other) => one - other);
      known.set(secured, indices);
    }
    return indices;
  }

  return {
    unmet(operation, _variables, asker, alreadyUnmet = NONE) {
      if (operation.secured.length === 0) return NONE;
      return decide(operation, conditionsOf(operation), asker, alreadyUnmet);
    },
  };

  async function decide(
    operation: OperationFacts,
    indices: readonly number[],
    asker: Asker,
    alreadyUnmet: readonly number[],
  ): Promise<readonly number[]> {
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
    return indices.filter((_index, place) => met[place] !== true);
  }
}
