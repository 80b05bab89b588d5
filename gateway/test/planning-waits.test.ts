import { describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { print } from 'graphql';
import { readGatewayConfig } from '../src/config.js';
import { createClientErrors } from '@taskgraph/federation-engine/internal/execute/client-errors.js';
import { createAnswer } from '../src/transports/http/answer.js';
import { createOverrideLabels } from '../src/admission/held-labels.js';
import { createPersistedQueries } from '../src/admission/persisted-queries.js';
import { createOperationCache } from '@taskgraph/federation-engine/internal/compile/operation-cache.js';
import { buildSupergraph } from '../../packages/federation-engine/test/build-supergraph.js';
import { composeSdl, library, startGateway } from './fake-subgraphs.js';

const log = createLog({ service: 'gateway', level: 'silent' });
const supergraph = buildSupergraph(
  composeSdl(library().map(({ name, typeDefs }) => ({ name, typeDefs, url: `http://${name}.test` }))),
);
const OPTIONS = {
  maxBytes: 1e7,
  limits: readGatewayConfig({}).documentLimits,
  assumedListSize: 10,
  introspection: true,
};

describe('an operation that waits to be planned', () => {
  it('waits no longer than the operation may take', async () => {
    const operations = createOperationCache({ ...supergraph, plan: () => new Promise(() => undefined) }, OPTIONS);
    const answer = createAnswer({
      operations: () => operations,
      overrideLabels: createOverrideLabels({ labels: [] }),
      limits: { arrive: () => [], admit: () => undefined, headers: () => ({}) },
      persistedQueries: createPersistedQueries(),
      authorization: { unmet: () => [] },
      demand: { admit: () => null, admitPlan: () => undefined },
      client: { send: () => Promise.reject(new Error('nothing is sent')) },
      clientErrors: createClientErrors(() => false),
      telemetry: { operationFinished: () => undefined },
      hideSuggestions: false,
      operationTimeoutMs: 50,
      uploadTimeoutMs: 50,
    });
    const gone = new AbortController();
    const { status, body } = await answer(
      { query: '{ books { id } }', operationName: undefined, variables: {}, extensions: {} },
      {
        method: 'POST',
        multipart: false,
        accepted: { readsStatus: true } as never,
        streams: null,
        showsPlan: null,
        context: {
          requestId: 'r',
          log,
          identity: { kind: 'unverified' },
          authorization: undefined,
          signal: gone.signal,
          cancel: (reason) => gone.abort(reason),
        },
      },
    );
    expect(status).toBe(504);
    expect(JSON.parse(body)).toMatchObject({ errors: [{ extensions: { code: 'DEADLINE_EXCEEDED' } }] });
  });
});

describe('an operation whose @defer the planner fails at', () => {
  it('is planned as a whole', async () => {
    const operations = createOperationCache(
      {
        ...supergraph,
        plan(document, operationName) {
          if (print(document).includes('@defer')) return Promise.reject(new Error('an assertion of the planner'));
          return supergraph.plan(document, operationName);
        },
      },
      OPTIONS,
    );
    const { compiled } = await operations.get('{ books { id ... @defer { author { name } } } }', undefined);
    expect(compiled.step?.kind).toBe('sequence');
  });
});

describe('a subscription that the planner fails at', () => {
  it('is refused without the words of the planner: they may hold names that clients must not know', async () => {
    const typeDefs = 'type Query { a: Int } type Subscription { added: Int }';
    const graph = buildSupergraph(composeSdl([{ name: 'one', url: 'http://one.test', typeDefs }]));
    const plan = () => Promise.reject(new Error('no way to Stealth.radarCode'));
    const operations = createOperationCache({ ...graph, plan }, OPTIONS);
    const refused = await Promise.resolve(operations.get('subscription { added }', undefined)).catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: 'OPERATION_REJECTED', errors: [{ extensions: { reason: 'NOT_SERVED' } }] });
    expect(JSON.stringify(refused)).not.toMatch(/Stealth|radarCode/);
  });
});

describe('a gateway', () => {
  /** The planner is at it for a hundred times as long as it may be. */
  const QUERY = `{ ${Array.from({ length: 150 }, (_, index) => `a${index}: books { title author { name } }`).join(' ')} }`;
  const LIMITS = {
    MAX_OPERATION_ROOT_FIELDS: '150',
    MAX_OPERATION_COST: '1000000',
  };

  it('refuses an operation that takes too long to plan, and counts the planners that this costs', async () => {
    await using gateway = await startGateway(library(), { ...LIMITS, PLAN_TIMEOUT_MS: '1' });
    const { status, body } = await gateway.run(QUERY);
    expect(status).toBe(400);
    expect(body.errors).toMatchObject([{ extensions: { code: 'OPERATION_REJECTED', reason: 'PLAN_TOO_EXPENSIVE' } }]);
    // It costs one planner, however often it comes.
    for (let again = 0; again < 5; again += 1) {
      const { body: known } = await gateway.run(`${QUERY}${' '.repeat(again)}`);
      expect(known.errors).toMatchObject([{ extensions: { reason: 'PLAN_TOO_EXPENSIVE' } }]);
    }
    for (;;) {
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      const restarts = /planner_restarts_total\{[^}]*\} (\d+)/.exec(metrics)?.[1];
      if (restarts !== undefined && restarts !== '0') {
        expect(restarts).toBe('1');
        break;
      }
    }
  });
});
