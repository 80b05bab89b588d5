import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { signTestToken } from '@taskgraph/testkit';
import { startGateway, type FakeSubgraph, type GatewayUnderTest } from './fake-subgraphs.js';
import { connectClient, news, newsroom } from './subscriptions/newsroom.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';

/** Answers requests one by one, when the test says so, and keeps the order in which they came. */
function turnstile() {
  const held: Array<{ readonly text: string; readonly response: ServerResponse }> = [];
  const seen: string[] = [];
  let isOpen = false;
  const intercept = (request: IncomingMessage, response: ServerResponse): boolean => {
    if (isOpen) return false;
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const { query } = JSON.parse(text) as { query: string };
      // Health probes of the gateway are no part of it.
      if (query === '{__typename}') return void response.end('{"data":{"__typename":"Query"}}');
      seen.push(text);
      held.push({ text, response });
    });
    return true;
  };
  return {
    intercept,
    seen,
    async letOneThrough(answer: (text: string) => object) {
      while (held.length === 0) await nextTurn();
      const { text, response } = held.shift()!;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ data: answer(text) }));
    },
    open() {
      isOpen = true;
    },
  };
}

const SETTINGS = { TRUST_PROXY: 'loopback', ENTITY_CACHE_MIB: '0' };

async function ask(gateway: GatewayUnderTest, address: string, query: string, token?: string): Promise<unknown> {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-forwarded-for': address,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      connection: 'close',
    },
    body: JSON.stringify({ query }),
  });
  return response.json();
}

async function untilWaiting(gateway: GatewayUnderTest, count: number): Promise<void> {
  const line = new RegExp(`subgraph_fetches\\{[^}]*state="waiting"[^}]*\\} ${count}\n`);
  while (!line.test(await (await fetch(`${gateway.url}/metrics`, { headers: { connection: 'close' } })).text()))
    await nextTurn();
}

describe('requests that wait for a subgraph', () => {
  it.each<[string, Record<string, string>, (who: string) => string | undefined]>([
    [
      'whoever is not known, by address, whatever tokens they make up',
      { SUBGRAPH_MAX_CONCURRENCY: '1' },
      (who) => `made-up-${who}`,
    ],
    ['users', { SUBGRAPH_MAX_CONCURRENCY: '1' }, () => undefined],
    [
      'users, where there are fewer connections than fetches may be under way',
      { SUBGRAPH_MAX_CONNECTIONS: '1' },
      () => undefined,
    ],
  ])('are let in by turns: %s', async (_who, settings, madeUp) => {
    const gate = turnstile();
    const shelf: FakeSubgraph = {
      name: 'shelf',
      typeDefs: `${LINK} type Query { n(of: String): String }`,
      intercept: gate.intercept,
    };
    await using gateway = await startGateway([shelf], { ...SETTINGS, ...settings });
    const tokens = { greedy: signTestToken(), modest: signTestToken() };
    const send = (who: 'greedy' | 'modest', index: number) => {
      const address = madeUp('x') === undefined || who === 'greedy' ? '10.0.0.1' : '10.0.0.2';
      return ask(gateway, address, `{ n(of: "${who} ${index}") }`, madeUp(`${who}${index}`) ?? tokens[who]);
    };
    const answers = [send('greedy', 0)];
    while (gate.seen.length === 0) await nextTurn();
    for (let index = 1; index <= 6; index += 1) {
      answers.push(send('greedy', index));
      await untilWaiting(gateway, index);
    }
    answers.push(send('modest', 0));
    await untilWaiting(gateway, 7);
    for (let index = 0; index < answers.length; index += 1) await gate.letOneThrough(() => ({ n: 'done' }));
    expect(await Promise.all(answers)).toEqual(answers.map(() => ({ data: { n: 'done' } })));
    const order = gate.seen.map((text) => /(greedy|modest)/.exec(text)?.[1]);
    expect(order.indexOf('modest')).toBeLessThanOrEqual(2);
  });
});

describe('events that wait to be answered', () => {
  it('are answered by turns: a viewer with many subscriptions holds up no other', async () => {
    const gate = turnstile();
    const [newsFake, authors, ratings] = newsroom().fakes;
    await using gateway = await startGateway([newsFake!, { ...authors!, intercept: gate.intercept }, ratings!], {
      SUBSCRIPTION_MAX_CONCURRENCY: '1',
      ENTITY_CACHE_MIB: '0',
    });
    const { feed } = gateway.subgraphs['news']!;
    await using greedy = connectClient(gateway, { token: signTestToken() });
    await using modest = connectClient(gateway, { token: signTestToken() });
    // Each of another text, so that each has a subscription and fetches of its own.
    const theirs = Array.from({ length: 8 }, (_, index) =>
      greedy.subscribe(`subscription { published { id greedy${index}: title author { greedy${index}: name } } }`),
    );
    await feed.untilActive(8);
    const own = modest.subscribe('subscription { published { id modest: title author { modest: name } } }');
    await feed.untilActive(9);
    feed.publish(news('1', { eventId: 'e1' }));
    const answer = (text: string) => ({ _entities: [{ [/(greedy\d|modest)/.exec(text)?.[1] ?? '']: 'Ada' }] });
    for (let index = 0; index < 9; index += 1) await gate.letOneThrough(answer);
    for (const results of [...theirs, own]) expect((await results.next()).extensions).toEqual({ eventId: 'e1' });
    const order = gate.seen.map((text) => /(greedy|modest)/.exec(text)?.[1]);
    expect(order.indexOf('modest')).toBeLessThanOrEqual(2);
    for (const results of [...theirs, own]) results.stop();
    await feed.untilActive(0);
  });
});
