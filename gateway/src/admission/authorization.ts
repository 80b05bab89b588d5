import type { Viewer } from '@taskgraph/service-kit';
import { OperationTypeNode } from 'graphql';
import type { Identity } from '../context.js';
import { toWithheldError, unmetFault } from '../execution/withheld-errors.js';
import type { Operation } from '../planning/operation.js';
import type { OperationCache } from '../planning/operation-cache.js';
import { Refusal, toRefusal } from '../planning/refusal.js';
import type { SecuredSelection } from '../planning/secured-selections.js';
import type { Withholding } from '../planning/withheld-selections.js';
import type { SecurityCondition } from '../supergraph/security-requirements.js';
import type { Policies } from './policies.js';
import type { Asker, PolicyVerdicts } from './policy-hook.js';

type Variables = Readonly<Record<string, unknown>>;

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
    variables: Variables,
    asker: Asker,
    alreadyUnmet?: readonly number[],
  ): Operation | Promise<Operation>;
}

export interface AuthorizationOptions {
  readonly operations: () => Pick<OperationCache, 'withheld'>;
  readonly policies: Policies;
  /** Whether an operation that asks for anything that its viewer may not see is refused as a whole. */
  readonly rejects: boolean;
}

/** Of an operation, found out once. */
interface Asked {
  /** Indices of conditions that are known with the viewer. */
  readonly ofViewer: readonly number[];
  /** Selections that ask for policies. */
  readonly ofPolicies: ReadonlyArray<{ readonly selection: SecuredSelection; readonly indices: readonly number[] }>;
}

export function createAuthorization({ operations, policies, rejects }: AuthorizationOptions): Authorization {
  const known = new WeakMap<Operation, Asked>();

  function askedOf(operation: Operation): Asked {
    let asked = known.get(operation);
    if (!asked) known.set(operation, (asked = readAsked(operation)));
    return asked;
  }

  function decide(
    operation: Operation,
    variables: Variables,
    { identity }: Asker,
    indices: readonly number[],
    verdicts: PolicyVerdicts,
    alreadyUnmet: readonly number[],
  ): Operation | Promise<Operation> {
    const found = indices.filter((index) => !isMet(conditionAt(operation, index), identity, verdicts));
    const unmet = alreadyUnmet.length === 0 ? found : ordered([...found, ...alreadyUnmet]);
    if (unmet.length === 0) return operation;
    assertServed(operation, variables, identity, new Set(unmet));
    return operations().withheld(operation, unmet);
  }

  /** @throws Refusal */
  function assertServed(
    operation: Operation,
    variables: Variables,
    identity: Identity,
    unmet: ReadonlySet<number>,
  ): void {
    const isSubscription = operation.type === OperationTypeNode.SUBSCRIPTION;
    if (!rejects && !isSubscription) return;
    const values = operation.conditions(variables);
    for (const selection of operation.secured) {
      const { path, conditions } = selection;
      if (isLeftOut(selection, values) || (!rejects && path.length > 1)) continue;
      const failed = conditions.filter((index) => unmet.has(index)).map((index) => conditionAt(operation, index));
      if (failed.length === 0) continue;
      const withheld: Withholding = { conditions: failed, isHopeless: failed.some(policies.isHopeless) };
      const fault = unmetFault(withheld, identity);
      if (rejects) throw toRefusal(fault, path);
      throw new Refusal(fault.code, [toWithheldError(path, withheld, identity)]);
    }
  }

  return {
    admit(operation, variables, asker, alreadyUnmet = NOTHING) {
      if (operation.secured.length === 0) return operation;
      const { ofViewer, ofPolicies } = askedOf(operation);
      // Without keys nobody is known here, so subgraphs decide. Of policies they know nothing.
      const indices = asker.identity.kind === 'unverified' ? [] : ofViewer;
      if (ofPolicies.length === 0) return decide(operation, variables, asker, indices, NO_VERDICTS, alreadyUnmet);
      const values = operation.conditions(variables);
      const wanted = ofPolicies.filter(({ selection }) => !isLeftOut(selection, values));
      const policyIndices = ordered(wanted.flatMap((each) => each.indices));
      const names = new Set(policyIndices.flatMap((index) => namesOf(conditionAt(operation, index))));
      const all = ordered([...indices, ...policyIndices]);
      const decideBy = (told: PolicyVerdicts) => decide(operation, variables, asker, all, told, alreadyUnmet);
      const verdicts = policies.evaluate(names, asker);
      return verdicts instanceof Promise ? verdicts.then(decideBy) : decideBy(verdicts);
    },
  };
}

const NO_VERDICTS: PolicyVerdicts = new Map();
const NOTHING: readonly number[] = [];

function ordered(indices: readonly number[]): number[] {
  return [...new Set(indices)].sort((one, other) => one - other);
}

function readAsked(operation: Operation): Asked {
  const isPolicy = (index: number) => conditionAt(operation, index).kind === 'policies';
  const all = ordered(operation.secured.flatMap(({ conditions }) => conditions));
  return {
    ofViewer: all.filter((index) => !isPolicy(index)),
    ofPolicies: operation.secured.flatMap((selection) => {
      const indices = selection.conditions.filter(isPolicy);
      return indices.length === 0 ? [] : [{ selection, indices }];
    }),
  };
}

function conditionAt({ supergraph }: Operation, index: number): SecurityCondition {
  return supergraph.requirements.conditions[index] as SecurityCondition;
}

function namesOf(condition: SecurityCondition): readonly string[] {
  return condition.kind === 'policies' ? condition.anyOf.flat() : [];
}

function isLeftOut({ unless }: SecuredSelection, values: ReadonlyMap<string, boolean>): boolean {
  return unless.some(({ variable, is }) => values.get(variable) === is);
}

function isMet(condition: SecurityCondition, identity: Identity, verdicts: PolicyVerdicts): boolean {
  switch (condition.kind) {
    case 'authenticated':
      return identity.kind === 'accepted';
    case 'scopes': {
      if (identity.kind !== 'accepted') return false;
      const held = scopesOf(identity.viewer);
      return condition.anyOf.some((all) => all.every((scope) => held.has(scope)));
    }
    case 'policies':
      return condition.anyOf.some((all) => all.every((policy) => verdicts.get(policy) === true));
  }
}

/** The verifier remembers viewers as long as their tokens. */
const scopes = new WeakMap<Viewer, ReadonlySet<string>>();

function scopesOf(viewer: Viewer): ReadonlySet<string> {
  let held = scopes.get(viewer);
  if (!held) scopes.set(viewer, (held = new Set(viewer.scopes)));
  return held;
}
