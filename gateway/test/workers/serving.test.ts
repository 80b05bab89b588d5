import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hasRedisServer, signTestToken, startRedisServer } from '@taskgraph/testkit';
import { library } from '../fake-subgraphs.js';
import { connectClient, news, newsroom } from '../subscriptions/newsroom.js';
import { linesOf, startWorkers, until, type WorkersUnderTest } from './start-workers.js';

const BOOKS = 'query Books { books { id title } }';
const OPERATIONS = 'taskgraph_gateway_operation_duration_seconds_count{operation="Books"';

describe('two workers', () => {
  let gateway: WorkersUnderTest;
  beforeAll(async () => {
    gateway = await startWorkers(library(), { METRICS_OPERATIONS: 'Books' });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  const askMany = (count: number, query = BOOKS) =>
    Promise.all(Array.from({ length: count }, () => gateway.ask(query)));

  it('serve at one port, and say in the log which of them it was', async () => {
    expect(gateway.pids().size).toBe(2);
    const answers = await askMany(10);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    const served = await until(
      () => linesOf(gateway.process).filter(({ msg }) => msg === 'operation'),
      (lines) => lines.length >= 10,
    );
    expect(new Set(served.map(({ worker }) => worker))).toEqual(new Set(gateway.pids().keys()));
  });

  it('are counted together at the port for operators, and nowhere else', async () => {
    const before = (await gateway.metric(OPERATIONS)) ?? 0;
    await askMany(8);
    expect(await gateway.metric(OPERATIONS)).toBe(before + 8);
    expect(await gateway.metric('taskgraph_gateway_workers')).toBe(2);
    expect(await gateway.metric('taskgraph_build_info')).toBe(1);
    expect((await fetch(`${gateway.url}/metrics`)).status).toBe(404);
    expect((await fetch(`${gateway.url}/health`)).status).toBe(404);
    expect((await gateway.health()).status).toBe('ok');
  });

  it('compile an operation once each, and none of them has a planner to restart', async () => {
    const query = `query Books { books { id title author { id name } } } # ${Date.now()}`;
    const plans = 'taskgraph_gateway_compile_duration_seconds_count{phase="plan"';
    const before = (await gateway.metric(plans)) ?? 0;
    for (let round = 0; round < 6; round += 1) expect((await gateway.ask(query)).body.errors).toBeUndefined();
    expect(await gateway.metric(plans)).toBe(before + 2);
    expect(await gateway.metric('taskgraph_gateway_planner_restarts_total')).toBe(0);
  });

  it('log what they are told to, all of them', async () => {
    const set = (level: string) => fetch(`${gateway.operationsUrl}/log-level?level=${level}`, { method: 'PUT' });
    expect((await set('debug')).status).toBe(200);
    const changed = () =>
      linesOf(gateway.process).filter(
        ({ msg, before }) => msg === 'the level of the log was changed' && before === 'info',
      );
    expect(new Set((await until(changed, (lines) => lines.length >= 3)).map(({ worker }) => worker))).toEqual(
      new Set([undefined, ...gateway.pids().keys()]),
    );
    await set('info');
  });

  it('take a new supergraph, and refuse together what cannot be served', async () => {
    const original = await readFile(gateway.supergraphPath, 'utf8');
    const refusals = 'taskgraph_gateway_supergraph_reloads_total{outcome="refused"';
    await writeFile(gateway.supergraphPath, 'type Query { nonsense');
    await until(
      () => gateway.metric(refusals),
      (count) => count === 1,
    );
    expect((await askMany(4)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    await writeFile(gateway.supergraphPath, original.replaceAll('broken: String', 'broken: String\n  added: String'));
    const typenames = () => askMany(8, '{ __type(name: "Query") { fields { name } } }');
    await until(typenames, (answers) =>
      answers.every(({ body }) =>
        (body.data?.['__type'] as { fields: Array<{ name: string }> }).fields.some(({ name }) => name === 'added'),
      ),
    );
    expect((await askMany(4)).map(({ body }) => body.errors)).toEqual([undefined, undefined, undefined, undefined]);
    const loads = 'taskgraph_gateway_supergraph_reloads_total{outcome="ok"';
    await until(
      () => gateway.metric(loads),
      (count) => count === 2,
    );
  });
});

describe('what is live, at two workers,', () => {
  let gateway: WorkersUnderTest;
  beforeAll(async () => {
    gateway = await startWorkers(newsroom().fakes);
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it('reaches clients of each, and goes on at another after the last event', async () => {
    const { feed } = gateway.subgraphs['news']!;
    const query = 'subscription { published { id } }';
    await using first = connectClient(gateway);
    await using second = connectClient(gateway);
    const heard = [first.subscribe(query), second.subscribe(query)];
    // One channel of each worker.
    await feed.untilActive(2);
    feed.publish(news('1', { eventId: 'w1' }));
    feed.publish(news('2', { eventId: 'w2' }));
    const events = ['1', '2'].map((id) => ({ data: { published: { id } }, extensions: { eventId: `w${id}` } }));
    for (const results of heard) expect([await results.next(), await results.next()]).toEqual(events);
    for (let worker = 0; worker < 2; worker += 1) {
      await using returning = connectClient(gateway);
      const results = returning.subscribe(query, { lastEventId: 'w1' });
      expect(await results.next()).toEqual(events[1]);
      results.stop();
    }
    for (const results of heard) results.stop();
  });

  it('is opened at any of them by the URL that one has made for an EventSource', async () => {
    const response = await fetch(`${gateway.url}/graphql/event-source`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        connection: 'close',
        authorization: `Bearer ${signTestToken()}`,
      },
      body: JSON.stringify({ query: 'subscription { mine { id } }' }),
    });
    const { url } = (await response.json()) as { url: string };
    const { feed } = gateway.subgraphs['news']!;
    for (let worker = 0; worker < 2; worker += 1) {
      const before = feed.subscriptions.length;
      const stop = new AbortController();
      const headers = { accept: 'text/event-stream', connection: 'close' };
      const opened = await fetch(`${gateway.url}${url}`, { headers, signal: stop.signal });
      expect(opened.status).toBe(200);
      await feed.untilSeen(before + 1);
      stop.abort();
    }
  });
});

(hasRedisServer() ? describe : describe.skip)('limits of rates, with Redis,', () => {
  it('are those of all workers together', async () => {
    await using redis = await startRedisServer();
    await using gateway = await startWorkers(library(), {
      REDIS_URL: redis.url,
      RATE_LIMITS: '1',
      RATE_LIMIT_ANONYMOUS: '20/3600',
      RATE_LIMIT_EXEMPT: 'none',
    });
    let served = 0;
    // Both refuse, one after the other.
    for (let refused = 0; refused < 4;) {
      const { status } = await gateway.ask('{ __typename }');
      if (status === 429) refused += 1;
      else refused = 0;
      if (status === 200) served += 1;
      // What one has counted is known to the other when it has told Redis, and asked.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(served).toBeGreaterThanOrEqual(20);
    // Each by itself would have let through 20.
    expect(served).toBeLessThan(35);
  });
});
