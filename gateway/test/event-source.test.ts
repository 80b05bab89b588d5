import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { signTestToken } from '@taskgraph/testkit';
import { startGateway, startGatewayOn, type GatewayUnderTest } from './fake-subgraphs.js';
import type { FakeFeed } from './fake-subgraphs.js';
import { news, newsroom } from './subscriptions/newsroom.js';

const MINE = 'subscription { mine { id title } }';

describe('an EventSource', () => {
  let gateway: GatewayUnderTest;
  let feed: FakeFeed;
  beforeAll(async () => {
    gateway = await startGateway(newsroom().fakes);
    feed = gateway.subgraphs['news']!.feed;
  });
  beforeEach(async () => feed.untilActive(0));
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  const ask = (body: unknown, headers: Record<string, string> = {}, on = gateway) =>
    fetch(`${on.url}/graphql/event-source`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const bearer = (options = {}) => ({ authorization: `Bearer ${signTestToken(options)}` });
  const urlFor = async (body: unknown, headers: Record<string, string> = {}, on = gateway) =>
    ((await (await ask(body, headers, on)).json()) as { url: string }).url;
  const open = (url: string, on = gateway) =>
    fetch(`${on.url}${url}`, { headers: { accept: 'text/event-stream', connection: 'close' } });
  const first = async (response: Response) => {
    let text = '';
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      const data = /^data: (.+)\n\n/m.exec(text)?.[1];
      if (data) return JSON.parse(data) as unknown;
    }
    throw new Error(`no event in ${text}`);
  };

  it('subscribes in the name of whoever asked for its URL, which does not show the token', async () => {
    const headers = bearer();
    const answer = await ask({ query: MINE }, headers);
    expect(answer.status).toBe(201);
    const { url, expiresInSeconds } = (await answer.json()) as { url: string; expiresInSeconds: number };
    expect([answer.headers.get('location'), expiresInSeconds, answer.headers.get('cache-control')]).toEqual([
      url,
      30,
      'no-store',
    ]);
    expect(url).not.toContain(headers.authorization.split('.')[2]);
    const response = await open(url);
    await feed.untilActive(1);
    feed.publish(news('1', { field: 'mine' }));
    expect(await first(response)).toMatchObject({ data: { mine: { id: '1', title: 'Title 1' } } });
  });

  it('is anonymous without a ticket, and nobody with one that is not for it', async () => {
    expect(await first(await open(await urlFor({ query: MINE })))).toMatchObject({
      errors: [
        {
          extensions: { code: 'UNAUTHENTICATED', reason: 'UNAUTHORIZED_FIELD_OR_TYPE', cause: 'TOKEN_MISSING' },
        },
      ],
    });
    const url = await urlFor({ query: '{ __typename }' }, bearer());
    const other = url.replace('__typename', 'a%3A__typename');
    expect(other).not.toBe(url);
    for (const bad of [other, `${url}x`, url.slice(0, -8), `${url}&query=x`, url.replace(/ticket=.*/, 'ticket=')])
      expect((await open(bad)).status).toBe(401);
    expect((await open(url)).status).toBe(200);
  });

  it('has no time to lose', async () => {
    await using hasty = await startGatewayOn(gateway, { EVENT_SOURCE_LIFETIME_SECONDS: '3' });
    const url = await urlFor({ query: '{ __typename }' }, bearer(), hasty);
    const statuses = new Set<number>();
    while (!statuses.has(401)) statuses.add((await open(url, hasty)).status);
    expect([...statuses]).toEqual([200, 401]);
  });

  it('may be opened at another gateway that has the same secret', async () => {
    const EVENT_SOURCE_SECRET = 'a secret of two gateways that is long enough';
    await using one = await startGatewayOn(gateway, { EVENT_SOURCE_SECRET });
    await using two = await startGatewayOn(gateway, { EVENT_SOURCE_SECRET });
    const url = await urlFor({ query: '{ __typename }' }, bearer(), one);
    expect((await open(url, two)).status).toBe(200);
    expect((await open(url, gateway)).status).toBe(401);
  });

  it('gives a ticket only for what a URL can carry, and to who is known', async () => {
    const refused = async (response: Response) => [
      response.status,
      ((await response.json()) as { errors: Array<{ extensions: object }> }).errors[0]?.extensions,
    ];
    expect(await refused(await ask({ query: MINE }, bearer({ expiresInSeconds: -60 })))).toEqual([
      401,
      { code: 'UNAUTHENTICATED', reason: 'TOKEN_EXPIRED' },
    ]);
    expect(await refused(await ask({ query: `{ ${'x'.repeat(12_000)} }` }))).toEqual([413, { code: 'BAD_REQUEST' }]);
    expect(await refused(await ask([]))).toEqual([400, { code: 'BAD_REQUEST' }]);
    expect(await refused(await fetch(`${gateway.url}/graphql/event-source`))).toEqual([405, { code: 'BAD_REQUEST' }]);
  });

  it('carries variables, names and the last event', async () => {
    const body = {
      query: 'query A($id: ID!) { article(id: $id) { id } } query B { __typename }',
      operationName: 'A',
      variables: { id: 'ä &?#+%' },
      extensions: {},
    };
    expect(await first(await open(await urlFor(body, bearer())))).toEqual({ data: { article: { id: 'ä &?#+%' } } });
  });
});
