import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { signTestToken } from '@taskgraph/testkit';
import { createClient } from 'graphql-sse';
import { startGateway, type GatewayUnderTest } from '../fake-subgraphs.js';
import type { FakeFeed } from '../fake-subgraphs.js';
import { collect, news, newsroom, PUBLISHED } from './newsroom.js';

const MULTIPART = 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0", application/json';
const FIRST = { published: { id: '1', title: 'Title 1', author: { name: 'Ada' }, stars: 1 } };

/** Reads a response as it comes; `until` resolves when the text has something. */
function readText(response: Response) {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  let text = '';
  const more = async () => {
    const { done, value } = await reader.read();
    text += decoder.decode(value, { stream: !done });
    return !done;
  };
  return {
    text: () => text,
    async until(part: string) {
      while (!text.includes(part)) if (!(await more())) throw new Error(`the stream ended without ${part}: ${text}`);
    },
    /** Waits for `part` somewhere behind `before`. */
    async untilAfter(part: string, before: string) {
      while (!text.slice(text.indexOf(before)).includes(part)) if (!(await more())) throw new Error('the stream ended');
    },
    async end() {
      while (await more());
      return text;
    },
  };
}

describe('subscriptions over HTTP', () => {
  let gateway: GatewayUnderTest;
  let feed: FakeFeed;
  beforeAll(async () => {
    gateway = await startGateway(newsroom().fakes, { SUBSCRIPTION_HEARTBEAT_MS: '100' });
    feed = gateway.subgraphs['news']!.feed;
  });
  beforeEach(async () => feed.untilActive(0));
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });
  const post = (accept: string, body: object, headers: Record<string, string> = {}, signal?: AbortSignal) =>
    fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept, connection: 'close', ...headers },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    });
  const get = (query: string, headers: Record<string, string>, more = '') =>
    fetch(`${gateway.url}/graphql?query=${encodeURIComponent(query)}${more}`, {
      headers: { connection: 'close', ...headers },
    });

  describe('in parts', () => {
    it('come as payloads with heartbeats in between, and end with the last delimiter', async () => {
      const response = await post(MULTIPART, { query: PUBLISHED });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('multipart/mixed;boundary="graphql";subscriptionSpec=1.0');
      const stream = readText(response);
      await feed.untilActive(1);
      feed.publish(news('1', { eventId: 'p1' }));
      await stream.until('"payload"');
      await stream.untilAfter('{}', '"payload"');
      feed.complete();
      const text = await stream.end();
      const parts = text.split('\r\n--graphql').slice(1);
      expect(parts.pop()).toBe('--\r\n');
      const bodies = parts.map((part) => {
        const [head, body] = part.split('\r\n\r\n') as [string, string];
        expect(head).toBe('\r\ncontent-type: application/json');
        return JSON.parse(body) as object;
      });
      expect(bodies.filter((body) => Object.keys(body).length > 0)).toEqual([
        { payload: { data: FIRST, extensions: { eventId: 'p1' } } },
      ]);
    });

    it('tell what ends them as errors without a payload', async () => {
      feed.refuse([{ message: 'No such topic.', extensions: { code: 'NOT_FOUND' } }]);
      const text = await (await post(MULTIPART, { query: PUBLISHED })).text();
      feed.refuse(null);
      expect(text).toContain(
        '{"payload":null,"errors":[{"message":"No such topic.","extensions":{"code":"NOT_FOUND","subgraph":"news"}}]}\r\n--graphql--',
      );
    });

    it('are refused as any operation is, with its status where that is read', async () => {
      const invalid = await post(`${MULTIPART}, application/graphql-response+json`, {
        query: 'subscription { nothing }',
      });
      expect([invalid.status, invalid.headers.get('content-type')]).toEqual([
        400,
        'application/graphql-response+json; charset=utf-8',
      ]);
      const expired = await post(
        MULTIPART,
        { query: PUBLISHED },
        {
          authorization: `Bearer ${signTestToken({ expiresInSeconds: -60 })}`,
        },
      );
      expect(await expired.json()).toMatchObject({
        errors: [{ extensions: { code: 'UNAUTHENTICATED', reason: 'TOKEN_EXPIRED' } }],
      });
      const plain = await post('application/json', { query: PUBLISHED });
      expect(await plain.json()).toMatchObject({ errors: [{ extensions: { code: 'OPERATION_REJECTED' } }] });
      const batch = await post(MULTIPART, [{ query: PUBLISHED }]);
      expect(await batch.json()).toMatchObject([{ errors: [{ extensions: { code: 'OPERATION_REJECTED' } }] }]);
    });

    it('serve queries as JSON', async () => {
      const response = await post(MULTIPART, { query: '{ article(id: "1") { title } }' });
      expect(await response.json()).toEqual({ data: { article: { title: 'Title 1' } } });
    });

    it('end when their token does', async () => {
      const token = signTestToken({ expiresInSeconds: 2 });
      const response = await post(MULTIPART, { query: PUBLISHED }, { authorization: `Bearer ${token}` });
      const text = await response.text();
      expect(text).toMatch(/\{"payload":null,"errors":\[.*"TOKEN_EXPIRED".*\]\}\r\n--graphql--\r\n$/);
      expect(text).toContain('"UNAUTHENTICATED"');
    });

    it('begin where the client left off', async () => {
      feed.publish(news('1', { eventId: 'mp1' }));
      feed.publish(news('2', { eventId: 'mp2' }));
      const response = await post(MULTIPART, { query: PUBLISHED, extensions: { lastEventId: 'mp1' } });
      const stream = readText(response);
      await stream.until('mp2');
      feed.complete();
      await stream.end();
    });

    it('are read by Apollo Client 4', async () => {
      const child = spawn(
        process.execPath,
        [
          new URL('../clients/apollo-subscriber.mjs', import.meta.url).pathname,
          'multipart',
          `${gateway.url}/graphql`,
          PUBLISHED,
        ],
        { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'] } },
      );
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const next = async () => JSON.parse((await lines.next()).value as string) as object;
      await feed.untilActive(1);
      feed.publish(news('1', { eventId: 'ac1' }));
      expect(await next()).toMatchObject({ data: FIRST });
      feed.complete();
      expect(await next()).toEqual({ complete: true });
      await new Promise((resolve) => child.once('close', resolve));
    });
  });

  describe('as server-sent events', () => {
    it('come with their ids, heartbeats in between, and a last event', async () => {
      const response = await post('text/event-stream', { query: PUBLISHED });
      expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
      const stream = readText(response);
      await feed.untilActive(1);
      feed.publish(news('1', { eventId: 'e1' }));
      await stream.until('event: next');
      feed.complete();
      const blocks = (await stream.end()).split('\n\n').filter((block) => block !== ':' && block !== '');
      expect(blocks).toEqual([
        `event: next\nid: e1\ndata: ${JSON.stringify({ data: FIRST, extensions: { eventId: 'e1' } })}`,
        'event: complete\ndata: ',
      ]);
    });

    it('are served to GET, with the Last-Event-ID of a client that comes back, and not to foreign pages', async () => {
      feed.publish(news('1', { eventId: 'g1' }));
      feed.publish(news('2', { eventId: 'g2' }));
      const headers = { accept: 'text/event-stream' };
      const stream = readText(await get(PUBLISHED, { ...headers, 'last-event-id': 'g1' }));
      await stream.until('id: g2');
      feed.complete();
      await stream.end();
      const byExtension = readText(
        await get(PUBLISHED, headers, `&extensions=${encodeURIComponent('{"lastEventId":"g1"}')}`),
      );
      await byExtension.until('id: g2');
      feed.complete();
      await byExtension.end();
      const foreign = await get(PUBLISHED, { accept: 'text/event-stream', origin: 'https://evil.example.net' });
      expect(foreign.status).toBe(403);
      await foreign.text();
    });

    it('bring queries and refusals as a single event', async () => {
      const query = await (await post('text/event-stream', { query: '{ article(id: "1") { title } }' })).text();
      expect(query).toBe('event: next\ndata: {"data":{"article":{"title":"Title 1"}}}\n\nevent: complete\ndata: \n\n');
      const invalid = await (await post('text/event-stream', { query: 'subscription { nothing }' })).text();
      expect(invalid).toMatch(
        /^event: next\ndata: \{"errors":.*GRAPHQL_VALIDATION_FAILED.*\n\nevent: complete\ndata: \n\n$/,
      );
    });

    it('are read by graphql-sse', async () => {
      const client = createClient({ url: `${gateway.url}/graphql`, retryAttempts: 0 });
      const { sink, results } = collect();
      client.subscribe({ query: PUBLISHED }, sink as never);
      await feed.untilActive(1);
      feed.publish(news('1', { eventId: 'sse1' }));
      expect(await results.next()).toEqual({ data: FIRST, extensions: { eventId: 'sse1' } });
      feed.complete();
      expect(await results.ended).toBe('completed');
      client.dispose();
    });

    it('stop at the subgraph when the client goes away', async () => {
      const away = new AbortController();
      const response = await post('text/event-stream', { query: PUBLISHED }, {}, away.signal);
      await feed.untilActive(1);
      away.abort();
      await response.text().catch(() => undefined);
      await feed.untilActive(0);
    });
  });
});

describe('Apollo Client 4', () => {
  it('subscribes with GraphQLWsLink', async () => {
    await using gateway = await startGateway(newsroom().fakes);
    const { feed } = gateway.subgraphs['news']!;
    const child = spawn(
      process.execPath,
      [
        new URL('../clients/apollo-subscriber.mjs', import.meta.url).pathname,
        'websocket',
        `${gateway.url}/graphql`,
        PUBLISHED,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'] } },
    );
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async () => JSON.parse((await lines.next()).value as string) as object;
    await feed.untilActive(1);
    feed.publish(news('1', { eventId: 'aw1' }));
    expect(await next()).toMatchObject({ data: FIRST });
    feed.complete();
    expect(await next()).toEqual({ complete: true });
    await new Promise((resolve) => child.once('close', resolve));
  });
});
