import type { SecurityCondition } from '../supergraph/security-requirements.js';
import { meetsClaims, type PolicyTable } from './claim-conditions.js';
import type { Asker, PolicyHook, PolicyVerdicts } from './policy-hook.js';

/** Decides about policies (`@policy`). */
export interface Policies {
  /** Decides about those names only, each once in a request. What cannot be decided is not allowed. Never throws. */
  evaluate(names: ReadonlySet<string>, asker: Asker): PolicyVerdicts | Promise<PolicyVerdicts>;
  /** Whether nobody meets a condition, whoever signs in. */
  isHopeless(this: void, condition: SecurityCondition): boolean;
}

export interface PoliciesOptions {
  /** Conditions on claims by the policy's name; any of a policy's conditions allows it. */
  readonly table: PolicyTable;
  /** Asked about policies that are not in the table; null when nobody is. */
  readonly hook: PolicyHook | null;
}

export function createPolicies({ table, hook }: PoliciesOptions): Policies {
  /** What the hook was asked in a request, by the policy's name: a batch of operations is one request. */
  const asked = new WeakMap<Asker, Map<string, Promise<boolean>>>();

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

  return {
    evaluate(names, asker) {
      const { identity } = asker;
      const claims = identity.kind === 'accepted' ? identity.claims : null;
      const verdicts = new Map<string, boolean>();
      const others: string[] = [];
      for (const name of names) {
        const conditions = table.get(name);
        if (conditions) verdicts.set(name, claims !== null && meetsClaims(conditions, claims));
        else others.push(name);
      }
      if (others.length === 0 || !hook) return verdicts;
      return Promise.all(ask(others, asker, hook)).then((told) => new Map([...verdicts, ...told]));
    },
    isHopeless(condition) {
      if (condition.kind === 'authenticated') return false;
      const isKnown = (name: string) => condition.kind === 'scopes' || hook !== null || table.has(name);
      return !condition.anyOf.some((all) => all.every(isKnown));
    },
  };
}
