import { afterEach, describe, expect, it } from '@jest/globals';
import { SILENT } from '../src/request/log.js';
import { createPlannerThread, PlanTooExpensive, type PlannerThread } from '../src/supergraph/planner-thread.js';
import { composeSdl, library } from './fake-subgraphs.js';
import { writeFaultyPlanner } from './faulty-planner.js';

const log = SILENT;
const supergraph = composeSdl(library().map(({ name, typeDefs }) => ({ name, typeDefs, url: `http://${name}.test` })));
const QUERY = '{ books { title author { name } } }';

describe('the planner in its thread', () => {
  let thread: PlannerThread;
  let restarts = 0;
  function start(limits: { planTimeoutMs?: number; maxWaiting?: number; entry?: URL } = {}): PlannerThread {
    restarts = 0;
    thread = createPlannerThread({
      log,
      planTimeoutMs: 60_000,
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
    await using endless = await writeFaultyPlanner({
      onRequest: `while (request.kind === 'plan' && request.text.includes('author'));`,
    });
    const planner = start({ planTimeoutMs: 50, entry: endless.entry });
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
    // One is being planned, two wait.
    const waiting = [1, 2, 3].map(() => planner.plan(1, QUERY, undefined, [], 'user:1'));
    await expect(planner.plan(1, QUERY, undefined, [], 'user:1')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'OVERLOADED',
    });
    await Promise.all(waiting);
  });

  it('lets clients take turns, and sheds those of the client that has brought most', async () => {
    const planner = start({ maxWaiting: 10 });
    await planner.load(1, supergraph);
    const order: string[] = [];
    const ask = (client: string) =>
      planner.plan(1, QUERY, undefined, [], client).then(
        () => order.push(client),
        () => order.push(`${client} shed`),
      );
    const flood = Array.from({ length: 11 }, () => ask('flood'));
    await Promise.all([ask('other'), ask('third'), ...flood]);
    // One of the flood was being planned already, and two of it went for those of others.
    expect(order.filter((each) => each.endsWith('shed'))).toEqual(['flood shed', 'flood shed']);
    expect(order.filter((each) => !each.endsWith('shed')).indexOf('third')).toBeLessThanOrEqual(4);
    expect(order).toHaveLength(13);
  });

  it('plans what was asked of a version before it was released', async () => {
    const planner = start();
    await planner.load(1, supergraph);
    const plans = Promise.all([1, 2, 3].map(() => planner.plan(1, QUERY, undefined, [], 'a')));
    planner.release(1);
    for (const plan of await plans) expect(plan).toContain('authors');
  });
});
