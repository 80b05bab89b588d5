import { forbidden, missingViewer, type AppError, type Viewer } from '@taskgraph/service-kit';
import type { GatewayContext, Identity } from '../context.js';
import type { Operation } from '../planning/operation.js';
import { toRefusal } from '../planning/refusal.js';
import type { SecuredSelection } from '../planning/secured-selections.js';
import type { SecurityCondition } from '../supergraph/security-requirements.js';

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
  const { secured, supergraph } = operation;
  if (secured.length === 0 || identity.kind === 'unverified') return;
  const values = operation.conditions(variables);
  for (const selection of secured) {
    if (isLeftOut(selection, values)) continue;
    for (const index of selection.conditions) {
      const fault = judge(supergraph.requirements.conditions[index] as SecurityCondition, identity);
      if (fault) throw toRefusal(fault, selection.path);
    }
  }
}

function isLeftOut({ unless }: SecuredSelection, values: ReadonlyMap<string, boolean>): boolean {
  return unless.some(({ variable, is }) => values.get(variable) === is);
}

function judge(condition: SecurityCondition, identity: Identity): AppError | null {
  if (identity.kind !== 'accepted')
    return missingViewer({ tokenProblem: identity.kind === 'refused' ? identity.problem : null });
  switch (condition.kind) {
    case 'authenticated':
      return null;
    case 'scopes': {
      const held = scopesOf(identity.viewer);
      const allowed = condition.anyOf.some((all) => all.every((scope) => held.has(scope)));
      return allowed ? null : forbidden('Your role does not allow this.', 'SCOPE_MISSING');
    }
    case 'policies':
      return forbidden('A policy does not allow this.', 'POLICY_UNMET');
  }
}

/** The verifier remembers viewers as long as their tokens. */
const scopes = new WeakMap<Viewer, ReadonlySet<string>>();

function scopesOf(viewer: Viewer): ReadonlySet<string> {
  let held = scopes.get(viewer);
  if (!held) scopes.set(viewer, (held = new Set(viewer.scopes)));
  return held;
}
