import { OperationTypeNode } from 'graphql';
import type { Asker, Identity, Viewer } from '@taskgraph/federation-engine/internal/request/context.js';
import { toMissingViewer } from '../identity/not-signed-in.js';
import { toWithheldError, unmetFault } from '@taskgraph/federation-engine/internal/execute/withheld-errors.js';
import type { Authorization } from '@taskgraph/federation-engine/internal/compile/viewer-authorization.js';
import { conditionsOf } from '@taskgraph/federation-engine/internal/compile/conditions.js';
import type { OperationFacts } from '@taskgraph/federation-engine/internal/compile/valid-operation.js';
import { Refusal, toRefusal } from '@taskgraph/federation-engine/internal/request/refusal.js';
import type { SecuredSelection } from '@taskgraph/federation-engine/internal/compile/security/secured-selections.js';
import type { Withholding } from '@taskgraph/federation-engine/internal/compile/security/withheld-selections.js';
import { holds } from '@taskgraph/federation-engine/internal/request/selection-conditions.js';
import type { SecurityCondition } from '@taskgraph/federation-engine/internal/supergraph/planner/security-requirements.js';
import type { Policies } from './policies.js';
import type { PolicyVerdicts } from './policy-hook.js';

type Variables = Readonly<Record<string, unknown>>;

interface AuthorizationOptions {
  readonly policies: Policies;
  /** Whether an operation that asks for anything that its viewer may not see is refused as a whole. */
  readonly rejects: boolean;
}

/** What is to be decided about an operation. */
interface Wanted {
  /** Of conditions, in their order. */
  readonly indices: readonly number[];
  /** Of policies that these conditions name; the same set for the same operation. */
  readonly policies: ReadonlySet<string>;
}

/** Of an operation, found out once. */
interface Asked {
  /** Selections that ask for policies, and that variables may leave out. */
  readonly optional: ReadonlyArray<{ readonly selection: SecuredSelection; readonly indices: readonly number[] }>;
  /** What is wanted whatever the variables are. */
  readonly always: Wanted;
  /** The same where nobody is known here: subgraphs decide about the rest. Of policies they know nothing. */
  readonly alwaysOfUnverified: Wanted;
}

export function createAuthorization({ policies, rejects }: AuthorizationOptions): Authorization {
  const known = new WeakMap<readonly SecuredSelection[], Asked>();

  function askedOf(operation: OperationFacts): Asked {
    let asked = known.get(operation.secured);
    if (!asked) known.set(operation.secured, (asked = readAsked(operation)));
    return asked;
  }

  function wantedOf(operation: OperationFacts, variables: Variables, { identity }: Asker): Wanted {
    const { optional, always, alwaysOfUnverified } = askedOf(operation);
    const fixed = identity.kind === 'unverified' ? alwaysOfUnverified : always;
    if (optional.length === 0) return fixed;
    const values = conditionsOf(operation, variables);
    const more = optional
      .filter(({ selection }) => holds(selection.included, values))
      .flatMap(({ indices }) => indices);
    return more.length === 0 ? fixed : toWanted(operation, [...fixed.indices, ...more]);
  }

  function decide(
    operation: OperationFacts,
    variables: Variables,
    { identity }: Asker,
    indices: readonly number[],
    verdicts: PolicyVerdicts,
    alreadyUnmet: readonly number[],
  ): readonly number[] {
    const isHeld = (index: number) => isMet(conditionAt(operation, index), identity, verdicts);
    if (alreadyUnmet.length === 0 && indices.every(isHeld)) return NOTHING;
    const found = indices.filter((index) => !isHeld(index));
    const unmet = alreadyUnmet.length === 0 ? found : ordered([...found, ...alreadyUnmet]);
    assertServed(operation, variables, identity, new Set(unmet));
    return unmet;
  }

  /** @throws Refusal */
  function assertServed(
    operation: OperationFacts,
    variables: Variables,
    identity: Identity,
    unmet: ReadonlySet<number>,
  ): void {
    const isSubscription = operation.type === OperationTypeNode.SUBSCRIPTION;
    if (!rejects && !isSubscription) return;
    const values = conditionsOf(operation, variables);
    for (const selection of operation.secured) {
      const { path, conditions, included } = selection;
      if (!holds(included, values) || (!rejects && path.length > 1)) continue;
      const failed = conditions.filter((index) => unmet.has(index)).map((index) => conditionAt(operation, index));
      if (failed.length === 0) continue;
      const withheld: Withholding = { conditions: failed, isHopeless: failed.some(policies.isHopeless) };
      const fault = unmetFault(withheld, identity, toMissingViewer);
      if (rejects) throw toRefusal(fault, path);
      throw new Refusal(fault.code, [toWithheldError(path, withheld, identity, toMissingViewer)]);
    }
  }

  return {
    unmet(operation, variables, asker, alreadyUnmet = NOTHING) {
      if (operation.secured.length === 0) return NOTHING;
      const { indices, policies: names } = wantedOf(operation, variables, asker);
      if (names.size === 0) return decide(operation, variables, asker, indices, NO_VERDICTS, alreadyUnmet);
      const decideBy = (told: PolicyVerdicts) => decide(operation, variables, asker, indices, told, alreadyUnmet);
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

function readAsked(operation: OperationFacts): Asked {
  const isPolicy = (index: number) => conditionAt(operation, index).kind === 'policies';
  const ofPolicies = operation.secured.flatMap((selection) => {
    const indices = selection.conditions.filter(isPolicy);
    return indices.length === 0 ? [] : [{ selection, indices }];
  });
  const ofViewer = operation.secured.flatMap(({ conditions }) => conditions.filter((index) => !isPolicy(index)));
  const fixed = ofPolicies.filter(({ selection }) => selection.included.length === 0).flatMap(({ indices }) => indices);
  return {
    optional: ofPolicies.filter(({ selection }) => selection.included.length > 0),
    always: toWanted(operation, [...ofViewer, ...fixed]),
    alwaysOfUnverified: toWanted(operation, fixed),
  };
}

function toWanted(operation: OperationFacts, indices: readonly number[]): Wanted {
  const inOrder = ordered(indices);
  return {
    indices: inOrder,
    policies: new Set(inOrder.flatMap((index) => namesOf(conditionAt(operation, index)))),
  };
}

function conditionAt({ supergraph }: OperationFacts, index: number): SecurityCondition {
  return supergraph.requirements.conditions[index] as SecurityCondition;
}

function namesOf(condition: SecurityCondition): readonly string[] {
  return condition.kind === 'policies' ? condition.anyOf.flat() : [];
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
