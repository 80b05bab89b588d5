import { describe, expect, it } from '@jest/globals';
import type { Asker } from '@taskgraph/federation-engine/internal/request/context.js';
import { createOperationCache } from '@taskgraph/federation-engine/internal/compile/operation-cache.js';
import { Refusal } from '@taskgraph/federation-engine/internal/request/refusal.js';
import { print } from 'graphql';
import { createAuthorization } from '../../src/admission/authorization.js';
import { createPolicies } from '../../src/admission/policies.js';
import type { PolicyHook } from '../../src/admission/policy-hook.js';
import { readGatewayConfig } from '../../src/config.js';
import { buildSupergraph } from '../../../packages/federation-engine/test/build-supergraph.js';
import { composeSdl } from '../fake-subgraphs.js';

const supergraph = buildSupergraph(
  composeSdl([
    {
      name: 'one',
      url: 'http://one.test',
      typeDefs: `
        extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@authenticated", "@policy"])
        type Query { open: String secret: String @authenticated staff: String @policy(policies: [["staff"]]) }
        type Subscription { secrets: String @authenticated }
      `,
    },
  ]),
);
const SIGNED_IN = { identity: { kind: 'accepted', viewer: { scopes: [] }, claims: {} } } as unknown as Asker;
const NOBODY = { identity: { kind: 'absent' } } as unknown as Asker;

/** Operations whose viewers are judged before they are planned, and what is planned of them. */
function start({ rejects = false, hook = null as PolicyHook | null } = {}) {
  const planned: string[] = [];
  const operations = createOperationCache(
    {
      ...supergraph,
      plan(document, ...others) {
        planned.push(print(document).replace(/\s+/g, ' ').trim());
        return supergraph.plan(document, ...others);
      },
    },
    { maxBytes: 1e7, limits: readGatewayConfig({}).documentLimits, introspection: true },
  );
  const authorization = createAuthorization({ policies: createPolicies({ table: new Map(), hook }), rejects });
  const get = (text: string, asker: Asker) =>
    operations.get(text, undefined, undefined, {
      admit: () => undefined,
      unmet: (facts) => authorization.unmet(facts, {}, asker),
      client: '',
    });
  return { planned, get };
}

describe('an operation of which something is withheld', () => {
  it('is planned once, for what remains, and the whole for who may see it', async () => {
    const { planned, get } = start();
    const left = await get('{ open secret }', NOBODY);
    expect(planned).toEqual(['{ open }']);
    expect(await get('{ open secret }', NOBODY)).toBe(left);
    // Of texts that differ in white space only, what remains is one operation.
    expect(await get('{ open   secret }', NOBODY)).toBe(left);
    expect(planned).toEqual(['{ open }']);

    const whole = await get('{ open secret }', SIGNED_IN);
    expect(planned).toEqual(['{ open }', '{ open secret }']);
    expect(left.unmet).toHaveLength(1);
    expect(whole.unmet).toEqual([]);
    expect(left.base).toBe(whole.base);
    // Both are known from here on, at once.
    expect(get('{ open secret }', NOBODY)).toBe(left);
    expect(get('{open secret}', SIGNED_IN)).toBe(whole);
    expect(planned).toHaveLength(2);
  });

  it('is planned when a policy that takes time has been decided', async () => {
    let decide: (allowed: boolean) => void = () => undefined;
    const asked = new Promise<boolean>((resolve) => (decide = resolve));
    const { planned, get } = start({ hook: async () => new Map([['staff', await asked]]) });
    const found = get('{ open staff }', SIGNED_IN);
    expect(planned).toEqual([]);
    decide(false);
    await found;
    expect(planned).toEqual(['{ open }']);
  });
});

describe('an operation that is refused for what its viewer may not see', () => {
  it('is not planned at all', async () => {
    const { planned, get } = start({ rejects: true });
    const refused = async (text: string) => get(text, NOBODY);
    await expect(refused('{ open secret }')).rejects.toThrow(Refusal);
    await expect(refused('{ open secret }')).rejects.toThrow(Refusal);
    expect(planned).toEqual([]);
    await get('{ open }', NOBODY);
    expect(planned).toEqual(['{ open }']);
  });

  it('is not planned when nothing of a subscription is left', async () => {
    const { planned, get } = start();
    await expect((async () => get('subscription { secrets }', NOBODY))()).rejects.toThrow(Refusal);
    expect(planned).toEqual([]);
    expect((await get('subscription { secrets }', SIGNED_IN)).compiled.primary?.subgraph).toBe('one');
  });
});
