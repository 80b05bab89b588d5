import { buildSubgraphSchema } from '@apollo/subgraph';
import { describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { signTestToken } from '@taskgraph/testkit';
import { graphql, parse, type GraphQLFormattedError } from 'graphql';
import { createAuthorization } from '../../src/admission/authorization.js';
import { parsePolicyTable } from '../../src/admission/claim-conditions.js';
import { createPolicies } from '../../src/admission/policies.js';
import { readGatewayConfig } from '../../src/config.js';
import type { OperationContext } from '@taskgraph/federation-engine/internal/request/context.js';
import { createClientErrors } from '@taskgraph/federation-engine/internal/execute/client-errors.js';
import { runOperation } from '@taskgraph/federation-engine/internal/execute/run-operation.js';
import { bodyOf, type SubgraphClient } from '@taskgraph/federation-engine/internal/subgraphs/subgraph-client.js';
import { createOperationCache } from '@taskgraph/federation-engine/internal/compile/operation-cache.js';
import { buildSupergraph } from '../../../packages/federation-engine/test/build-supergraph.js';
import { generateOperation } from '../../../packages/federation-engine/test/differential/generate-operation.js';
import { createRandom, type Random } from '../../../packages/federation-engine/test/differential/random.js';
import { composeSdl, startGateway, type FakeSubgraph } from '../fake-subgraphs.js';
import { generateGuardedGraph, type GuardedGraph } from './guarded-graph.js';
import { answerAsWritten, type ReferenceViewer } from './reference.js';

const GRAPHS = 16;
const CASES = 200;
const HTTP_GRAPHS = 4;
const HTTP_CASES = 60;

const POLICIES = JSON.stringify({ p: { can: 'p' }, q: { can: 'q' }, r: { can: ['r', 'everything'] } });
const log = createLog({ service: 'gateway', level: 'silent' });

function generateViewer(random: Random, scopes: readonly string[]): ReferenceViewer {
  if (random.chance(0.3)) return { isSignedIn: false, scopes: [], policies: [] };
  return { isSignedIn: true, scopes: random.some(scopes, 0.5), policies: random.some(['p', 'q', 'r'], 0.5) };
}

/** Everything that a graph's subgraphs have, in this process. */
function clientOf(subgraphs: readonly FakeSubgraph[]): SubgraphClient {
  const schemas = new Map(
    subgraphs.map(({ name, typeDefs, resolvers }) => [
      name,
      buildSubgraphSchema([{ typeDefs: parse(typeDefs), resolvers: (resolvers ?? {}) as never }]),
    ]),
  );
  return {
    async send(request) {
      const { subgraph } = request;
      const { query, variables } = JSON.parse(bodyOf(request)) as { query: string; variables: Record<string, unknown> };
      const answer = await graphql({ schema: schemas.get(subgraph)!, source: query, variableValues: variables });
      const { data, errors } = JSON.parse(JSON.stringify(answer)) as {
        data: Record<string, unknown> | null;
        errors?: GraphQLFormattedError[];
      };
      return { data, errors: errors ?? [], policy: null };
    },
  };
}

function gatewayOf(graph: GuardedGraph) {
  const supergraph = buildSupergraph(
    composeSdl(graph.subgraphs.map(({ name, typeDefs }) => ({ name, typeDefs, url: `http://${name}.test` }))),
  );
  const { documentLimits: limits } = readGatewayConfig({});
  const operations = createOperationCache(supergraph, { maxBytes: 1e8, limits, introspection: true });
  const policies = createPolicies({ table: parsePolicyTable(POLICIES), hook: null });
  const authorization = createAuthorization({ policies, rejects: false });
  const client = clientOf(graph.subgraphs);

  async function run(query: string, variables: Record<string, unknown>, viewer: ReferenceViewer) {
    const { signal } = new AbortController();
    const identity = viewer.isSignedIn
      ? { kind: 'accepted', viewer: { scopes: viewer.scopes }, claims: { can: viewer.policies } }
      : { kind: 'absent' };
    const context = { requestId: 'r', log, identity, authorization: undefined, signal } as unknown as OperationContext;
    const operation = await operations.get(query, undefined, undefined, {
      admit: () => undefined,
      unmet: (facts) => authorization.unmet(facts, variables, context),
      client: '',
    });
    const result = await runOperation(operation.compiled, { variables, context, client, signal, incremental: false });
    return {
      data: JSON.parse(result.data) as unknown,
      errors: createClientErrors(() => false).ofResult(result, context),
    };
  }
  return { schema: supergraph.schema, run };
}

/** Compares an answer with the one as written. Returns how many fields were withheld. */
function expectAsWritten(
  answer: { readonly data?: unknown; readonly errors?: readonly GraphQLFormattedError[] | undefined },
  expected: ReturnType<typeof answerAsWritten>,
  isSignedIn: boolean,
  what: string,
): number {
  const errors = answer.errors ?? [];
  const told = {
    what,
    data: answer.data ?? null,
    withheld: errors.map(({ path }) => (path ?? []).join('.')).sort(),
    others: errors.filter(({ extensions }) => extensions?.['reason'] !== 'UNAUTHORIZED_FIELD_OR_TYPE'),
    codes: [...new Set(errors.map(({ extensions }) => extensions?.['code']))],
  };
  expect(told).toEqual({
    what,
    data: expected.data,
    withheld: [...expected.withheld].sort(),
    others: [],
    codes: expected.withheld.size === 0 ? [] : [isSignedIn ? 'FORBIDDEN' : 'UNAUTHENTICATED'],
  });
  return expected.withheld.size;
}

describe('what viewers see of guarded graphs', () => {
  let cases = 0;
  let withheld = 0;
  let whole = 0;

  it.each(Array.from({ length: GRAPHS }, (_, seed) => seed))(
    `is what was written: graph %i, ${CASES} cases`,
    async (seed) => {
      const graph = generateGuardedGraph(seed);
      const { schema, run } = gatewayOf(graph);
      const random = createRandom(seed + 1_000);
      for (let index = 0; index < CASES; index += 1) {
        const { query, variables } = generateOperation(schema, seed * 10_000 + index);
        const viewer = generateViewer(random, ['admin', 'a', 'b', 'c']);
        const expected = answerAsWritten(graph, schema, query, variables, viewer);
        const count = expectAsWritten(
          await run(query, variables, viewer),
          expected,
          viewer.isSignedIn,
          `graph ${seed}, case ${index}: ${JSON.stringify(viewer)} ${JSON.stringify(variables)}\n${query}`,
        );
        cases += 1;
        if (count > 0) withheld += 1;
        else whole += 1;
      }
    },
  );

  it('is tried often enough, with and without something that is withheld', () => {
    expect(cases).toBeGreaterThanOrEqual(3_000);
    expect(withheld).toBeGreaterThan(cases / 5);
    expect(whole).toBeGreaterThan(cases / 5);
  });

  it.each(Array.from({ length: HTTP_GRAPHS }, (_, seed) => seed))('is the same over HTTP: graph %i', async (seed) => {
    const graph = generateGuardedGraph(seed);
    const { schema } = gatewayOf(graph);
    // What operations cost is another test's.
    await using gateway = await startGateway(graph.subgraphs, {
      AUTHORIZATION_POLICIES: POLICIES,
      DEMAND_CONTROL: 'off',
    });
    const random = createRandom(seed + 2_000);
    for (let index = 0; index < HTTP_CASES; index += 1) {
      const { query, variables } = generateOperation(schema, seed * 10_000 + 5_000 + index);
      const viewer = generateViewer(random, ['admin']);
      const token = signTestToken({
        role: viewer.scopes.includes('admin') ? 'ADMIN' : 'USER',
        claims: { can: viewer.policies },
      });
      const { body } = await gateway.run(query, { variables, ...(viewer.isSignedIn && { token }) });
      const expected = answerAsWritten(graph, schema, query, variables, viewer);
      expectAsWritten(
        body,
        expected,
        viewer.isSignedIn,
        `graph ${seed}, case ${index}: ${JSON.stringify(viewer)}\n${query}`,
      );
    }
  });
});
