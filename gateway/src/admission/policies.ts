import type { Asker, Claims } from '@taskgraph/federation-engine/internal/request/context.js';
import type { SecurityCondition } from '@taskgraph/federation-engine/internal/supergraph/planner/security-requirements.js';
import { meetsClaims, type PolicyTable } from './claim-conditions.js';
import type { PolicyHook, PolicyVerdicts } from './policy-hook.js';

/** Decides about policies (`@policy`). */
export interface Policies {
  /**
   * Decides about those names only, each once in a request. What cannot be decided is not allowed. What the table says of a
   * token is remembered as long as the token and the set of names are. Never throws.
   */
  evaluate(names: ReadonlySet<string>, asker: Asker): PolicyVerdicts | Promise<PolicyVerdicts>;
  /** Whether nobody meets a condition, whichever user signs in. */
  isHopeless(this: void, condition: SecurityCondition): boolean;
}

export interface PoliciesOptions {
  /** Conditions on claims by the policy's name; any of a policy's conditions allows it. */
  readonly table: PolicyTable;
  /** Asked about policies that are not in the table; null when nobody is. */
  readonly hook: PolicyHook | null;
}

interface Told {
  readonly verdicts: PolicyVerdicts;
  /** That are not in the table. */
  readonly others: readonly string[];
}

const NOBODY = {};

export function createPolicies({ table, hook }: PoliciesOptions): Policies {
  /** What the hook was asked in a request, by the policy's name: a batch of operations is one request. */
  const asked = new WeakMap<Asker, Map<string, Promise<boolean>>>();
  /** What the table says, by a token's claims, which are remembered with the token, and by what is asked. */
  const told = new WeakMap<object, WeakMap<ReadonlySet<string>, Told>>();

  function ask(names: readonly string[], asker: Asker, hook: PolicyHook): Array<Promise<readonly [string, boolean]>> {
    let known = asked.get(asker);
    if (!known) asked.set(asker, (known = new Map<string, Promise<boolean>>()));
    const unknown = names.filter((name) => !known.has(name));
    if (unknown.length > 0) {
      const verdicts = hook(unknown, asker);
      for (const name of unknown)
        known.set(
          name,
          verdicts.then((told) => told.get(name) === true),
        );
    }
    return names.map(async (name) => [name, (await known.get(name)) === true] as const);
  }

  function byTable(names: ReadonlySet<string>, claims: Claims | null): Told {
    const verdicts = new Map<string, boolean>();
    const others: string[] = [];
    for (const name of names) {
      const conditions = table.get(name);
      if (conditions) verdicts.set(name, claims !== null && meetsClaims(conditions, claims));
      else others.push(name);
    }
    return { verdicts, others };
  }

  return {
    evaluate(names, asker) {
      const { identity } = asker;
      const claims = identity.kind === 'accepted' ? identity.claims : null;
      let ofToken = told.get(claims ?? NOBODY);
      if (!ofToken) told.set(claims ?? NOBODY, (ofToken = new WeakMap()));
      let known = ofToken.get(names);
      if (!known) ofToken.set(names, (known = byTable(names, claims)));
      const { verdicts, others } = known;
      if (others.length === 0 || !hook) return verdicts;
      return Promise.all(ask(others, asker, hook)).then((answers) => new Map([...verdicts, ...answers]));
    },
    isHopeless(condition) {
      if (condition.kind === 'authenticated') return false;
      const isKnown = (name: string) => condition.kind === 'scopes' || hook !== null || table.has(name);
      return !condition.anyOf.some((all) => all.every(isKnown));
    },
  };
}
