import { forbidden, missingViewer, type AppError } from '@taskgraph/service-kit';
import type { GatewayContext } from '../context.js';
import type { Operation } from '../planning/operation.js';
import { toRefusal } from '../planning/refusal.js';
import type { SecuredSelection } from './security-check.js';

/**
 * Refuses operations that select what their viewer may not, before anything is fetched. Subgraphs check again; this saves
 * them the work and answers alike for subgraphs that do not.
 *
 * @throws Refusal
 */
export function authorize(
  operation: Operation,
  variables: Readonly<Record<string, unknown>>,
  { identity }: Pick<GatewayContext, 'identity'>,
): void {
  const { secured } = operation;
  if (secured.length === 0 || identity.kind === 'unverified') return;
  const values = operation.conditions(variables);
  for (const selection of secured) {
    if (isLeftOut(selection, values)) continue;
    const fault = judge(selection, identity);
    if (fault) throw toRefusal(fault, selection.path);
  }
}

function isLeftOut({ unless }: SecuredSelection, values: ReadonlyMap<string, boolean>): boolean {
  return unless.some(({ variable, is }) => values.get(variable) === is);
}

function judge({ scopes }: SecuredSelection, identity: GatewayContext['identity']): AppError | null {
  if (identity.kind !== 'accepted')
    return missingViewer({ tokenProblem: identity.kind === 'refused' ? identity.problem : null });
  const held = identity.viewer.scopes;
  const allowed = scopes.length === 0 || scopes.some((all) => all.every((scope) => held.includes(scope)));
  return allowed ? null : forbidden('Your role does not allow this.', 'SCOPE_MISSING');
}
