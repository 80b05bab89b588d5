import { afterEach, describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { createPlannerThread, PlanTooExpensive, type PlannerThread } from '../src/supergraph/planner-thread.js';
import { composeSdl, library, startGateway } from './fake-subgraphs.js';

const log = createLog({ service: 'gateway', level: 'silent' });
const supergraph = composeSdl(library().map(({ name, typeDefs }) => ({ name, typeDefs, url: `http://${name}.test` })));
const QUERY = '{ books { title author { name } } }';

describe('the planner in its thread', () => {
  let thread: PlannerThread;
  let restarts = 0;
  function start(limits: { planTimeoutMs?: number; maxWaiting?: number } = {}): PlannerThread {
    restarts = 0;
    thread = createPlannerThread({
      log,
      planTimeoutMs: 10_000,
      loadTimeoutMs: 60_000,
      maxWaiting: 100,
      onRestart: () => (restarts += 1),
      ...limits,
    });
    return thread;
  }
  afterEach(() => thread.close());

  it('plans for the version that it is asked for, the one before included', async () => {
    const planner = start();
    await planner.load(1, supergraph);
    const { apiSdl, subgraphs } = await planner.load(
      2,
      supergraph.replaceAll('title: String!', 'title: String!\n  subtitle: String'),
    );
    expect(apiSdl).toContain('subtitle');
    expect(subgraphs.map(({ name }) => name)).toEqual(['authors', 'books']);
    expect(JSON.parse(await planner.plan(1, QUERY, undefined))).toMatchObject({
      kind: 'QueryPlan',
      node: { kind: 'Sequence' },
    });
    await expect(planner.plan(1, '{ books { subtitle } }', undefined)).rejects.toThrow('subtitle');
    expect(await planner.plan(2, '{ books { subtitle } }', undefined)).toContain('subtitle');
  });

  it('refuses a supergraph that cannot be served, and goes on with the one before', async () => {
    const planner = start();
    await planner.load(1, supergraph);
    await expect(planner.load(2, 'type Query { a: Int }')).rejects.toThrow();
    await expect(planner.load(3, 'no SDL')).rejects.toThrow();
    expect(await planner.plan(1, QUERY, undefined)).toContain('authors');
  });

  it('is replaced when a plan takes too long; who waits behind it is told to come again', async () => {
    const planner = start({ planTimeoutMs: 1 });
    await planner.load(1, supergraph);
    const outcomes = await Promise.allSettled([planner.plan(1, QUERY, undefined), planner.plan(1, QUERY, undefined)]);
    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: expect.any(PlanTooExpensive) as unknown },
      { status: 'rejected', reason: { code: 'UNAVAILABLE' } },
    ]);
    expect(restarts).toBe(1);
    // The new one has been given the graph.
    await expect(planner.plan(1, '{ nothing }', undefined)).rejects.not.toThrow('no longer planned for');
    await planner.load(2, supergraph);
  });

  it('sheds plans beyond those that may wait', async () => {
    const planner = start({ maxWaiting: 2 });
    await planner.load(1, supergraph);
    const waiting = [planner.plan(1, QUERY, undefined), planner.plan(1, QUERY, undefined)];
    await expect(planner.plan(1, QUERY, undefined)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'OVERLOADED',
    });
    await Promise.all(waiting);
  });
});

describe('a gateway', () => {
  it('refuses an operation that takes too long to plan, and counts the planners that this costs', async () => {
    await using gateway = await startGateway(library(), { PLAN_TIMEOUT_MS: '1' });
    const { status, body } = await gateway.run(QUERY);
    expect(status).toBe(400);
    expect(body.errors).toMatchObject([{ extensions: { code: 'OPERATION_REJECTED' } }]);
    for (;;) {
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      if (/planner_restarts_total\{[^}]*\} [1-9]/.test(metrics)) break;
    }
  });
});
