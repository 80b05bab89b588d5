import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { signTestToken } from '@taskgraph/testkit';
import { readGatewayConfig } from '../../src/config.js';
import { createClientErrors } from '@taskgraph/federation-engine/internal/execute/client-errors.js';
import { createConcurrencyLimit } from '@taskgraph/federation-engine/internal/subgraphs/concurrency-limit.js';
import { createOperationCache } from '@taskgraph/federation-engine/internal/compile/operation-cache.js';
import { Refusal } from '@taskgraph/federation-engine/internal/request/refusal.js';
import { createSubscriptions } from '@taskgraph/federation-engine/internal/live/subscriptions.js';
import { buildSupergraph } from '../../../packages/federation-engine/test/build-supergraph.js';
import { composeSdl, startGateway } from '../fake-subgraphs.js';
import { connectClient, news, newsroom } from './newsroom.js';
import { openSocket, subscribe } from './raw-socket.js';

const IDS = 'subscription { published { id } }';
const NAMES = 'subscription Names { published { id author { name } } }';
const TOO_MANY = {
  type: 'error',
  payload: [{ extensions: { code: 'RATE_LIMITED', reason: 'TOO_MANY_SUBSCRIPTIONS' } }],
};

describe('subscriptions of who has not signed in', () => {
  it('are bounded for each address, over all connections; users have their own', async () => {
    await using gateway = await startGateway(newsroom().fakes, {
      SUBSCRIPTION_MAX_PER_ADDRESS: '2',
      TRUST_PROXY: 'loopback',
    });
    const { feed } = gateway.subgraphs['news']!;
    // What a client writes itself stands before what its proxy has added.
    const connect = (address: string, token?: string) =>
      openSocket(gateway, { headers: { 'x-forwarded-for': address }, ...(token !== undefined && { token }) });
    await using one = await connect('10.0.0.1');
    await using two = await connect('9.9.9.9, 10.0.0.1');
    one.send(subscribe('1', IDS));
    two.send(subscribe('2', NAMES));
    await feed.untilActive(2);
    two.send(subscribe('3', IDS));
    expect(await two.next()).toMatchObject({ id: '3', ...TOO_MANY });
    const overHttp = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        'x-forwarded-for': '10.0.0.1',
        connection: 'close',
      },
      body: JSON.stringify({ query: IDS }),
    });
    expect(await overHttp.text()).toContain('TOO_MANY_SUBSCRIPTIONS');
    await using other = await connect('10.0.0.2');
    await using user = await connect('10.0.0.1', signTestToken());
    other.send(subscribe('4', 'subscription Other { published { id } }'));
    await feed.untilActive(3);
    user.send(subscribe('5', IDS));
    await feed.untilActive(4);
    one.send({ type: 'complete', id: '1' });
    await feed.untilActive(3);
    two.send(subscribe('6', 'subscription Again { published { id } }'));
    await feed.untilActive(4);
  });
});

describe('viewers who share a subscription at a subgraph', () => {
  it('are not held up by one whose events take long to answer, who has all of them later', async () => {
    const [slow, quick] = [signTestToken({ role: 'ADMIN' }), signTestToken({ role: 'ADMIN' })];
    const held: ServerResponse[] = [];
    let isHolding = true;
    const intercept = (request: IncomingMessage, response: ServerResponse) => {
      if (!isHolding || request.headers.authorization !== `Bearer ${slow}`) return false;
      held.push(response);
      return true;
    };
    const [newsFake, authors, ratings] = newsroom().fakes;
    await using gateway = await startGateway([newsFake!, { ...authors!, intercept }, ratings!], {
      SUBSCRIPTION_MAX_QUEUED_EVENTS: '2',
    });
    const { feed } = gateway.subgraphs['news']!;
    await using slowClient = connectClient(gateway, { token: slow });
    await using quickClient = connectClient(gateway, { token: quick });
    const late = slowClient.subscribe(NAMES);
    await feed.untilActive(1);
    const prompt = quickClient.subscribe(NAMES);
    while (!(await metrics(gateway.url)).includes('_subscriptions{transport="websocket",service="gateway"} 2'));
    const ids = Array.from({ length: 12 }, (_, index) => String(index + 1));
    for (const id of ids) {
      feed.publish(news(id, { eventId: `e${id}` }));
      expect((await prompt.next()).extensions).toMatchObject({ eventId: `e${id}` });
    }
    // The slow one has a subscription of its own when it has answered what it had.
    expect(await metrics(gateway.url)).toMatch(/subscription_groups_behind_total\{subgraph="news"[^}]*\} 1/);
    isHolding = false;
    for (const response of held) response.end('{"data":{"_entities":[{"name":"Ada"}]}}');
    const told: unknown[] = [];
    for (const _ of ids) told.push((await late.next()).extensions?.['eventId']);
    expect(told).toEqual(ids.map((id) => `e${id}`));
    feed.publish(news('13', { eventId: 'e13' }));
    expect((await prompt.next()).extensions).toMatchObject({ eventId: 'e13' });
    expect((await late.next()).extensions).toMatchObject({ eventId: 'e13' });
    late.stop();
    prompt.stop();
    await feed.untilActive(0);
  });
});

describe('a planner that is busy when the graph changes', () => {
  it('ends no subscription: it goes on as it was until it is planned', async () => {
    const supergraph = buildSupergraph(
      composeSdl(newsroom().fakes.map(({ name, typeDefs }) => ({ name, typeDefs, url: `http://${name}.test` }))),
    );
    const limits = readGatewayConfig({}).documentLimits;
    const cache = () => createOperationCache(supergraph, { maxBytes: 1e7, limits, introspection: true });
    const before = cache();
    let tries = 0;
    const after = cache();
    const busy = {
      ...after,
      get(...request: Parameters<typeof after.get>) {
        tries += 1;
        if (tries > 3) return after.get(...request);
        const extensions = { code: 'UNAVAILABLE', reason: 'OVERLOADED' };
        return Promise.reject(new Refusal('UNAVAILABLE', [{ message: 'Try again shortly.', extensions }]));
      },
    };
    let operations = before;
    const ended: unknown[] = [];
    const subscriptions = createSubscriptions({
      operations: () => operations,
      client: { send: () => Promise.reject(new Error('nothing is sent')) },
      sockets: { subscribe: () => () => undefined, close: async () => undefined },
      urlOf: () => 'http://news.test',
      overrideLabels: () => () => false,
      authorization: { unmet: async () => [] },
      clientErrors: createClientErrors(() => false),
      log: createLog({ service: 'gateway', level: 'silent' }),
      telemetry: new Proxy({}, { get: () => () => undefined }) as never,
      runs: createConcurrencyLimit({ maxActive: 1, maxWaiting: Infinity }),
      runTimeoutMs: 1_000,
      maxQueuedEvents: 10,
      retryMs: 1_000,
      stableMs: 1_000,
      sharedScopes: [],
      maxSubscriptions: 10,
      maxPerUser: 10,
      maxPerAddress: 10,
    });
    const operation = await before.get(IDS, undefined);
    subscriptions.start(
      {
        kind: 'subscription',
        operation,
        text: IDS,
        operationName: undefined,
        variables: {},
        lastEventId: null,
      } as never,
      {
        id: '1',
        requestId: 'r',
        outlet: {
          transport: 'websocket',
          address: '127.0.0.1',
          credentials: { identity: { kind: 'absent' }, authorization: undefined, expiresAtMs: Infinity },
          next: () => undefined,
          fail: (_subscription, errors) => void ended.push(errors),
          complete: () => void ended.push('completed'),
        },
      },
    );
    operations = busy;
    let isPlanned = false;
    void subscriptions.refresh().then(() => (isPlanned = true));
    while (!isPlanned) await nextTurn();
    expect(tries).toBe(4);
    expect(ended).toEqual([]);
    expect(subscriptions.count()).toBe(1);
    await subscriptions.drain();
  });
});

async function metrics(url: string): Promise<string> {
  return (await fetch(`${url}/metrics`, { headers: { connection: 'close' } })).text();
}
