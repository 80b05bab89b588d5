import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { startGateway, type GatewayUnderTest } from './fake-subgraphs.js';
import { newsroom, PUBLISHED } from './subscriptions/newsroom.js';

const LISTED = 'https://app.example.com';
const FOREIGN = 'https://evil.example.net';

describe('a page', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway(newsroom().fakes, { CORS_ORIGINS: `${LISTED}, https://*.example.org` });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  /** The status that answers the handshake: 101 when it succeeds. */
  function upgrade(headers: Record<string, string>): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers });
      socket.once('open', () => {
        socket.once('close', () => resolve(101));
        socket.close();
      });
      socket.once('unexpected-response', (request, response) => {
        resolve(response.statusCode);
        request.destroy();
      });
      socket.once('error', reject);
    });
  }

  const stream = async (headers: Record<string, string>) => {
    const leave = new AbortController();
    const response = await fetch(`${gateway.url}/graphql?query=${encodeURIComponent(PUBLISHED)}`, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: leave.signal,
    });
    const type = response.headers.get('content-type');
    leave.abort();
    return [response.status, type?.split(';')[0]];
  };

  const own = () => gateway.url;
  it.each([
    ['without an origin', () => ({}), true],
    ['of an origin that is listed', () => ({ origin: LISTED }), true],
    ['of an origin below one that is listed', () => ({ origin: 'https://a.example.org' }), true],
    ['of the gateway itself', () => ({ origin: own() }), true],
    ['of a foreign origin', () => ({ origin: FOREIGN }), false],
    ['of no origin', () => ({ origin: 'null' }), false],
    ['of the same host at another port', () => ({ origin: 'http://127.0.0.1:1' }), false],
  ] as const)('%s opens WebSockets and streams of events: %3$s', async (_page, headers, may) => {
    expect(await upgrade(headers())).toBe(may ? 101 : 403);
    expect(await stream(headers())).toEqual(may ? [200, 'text/event-stream'] : [403, 'application/json']);
  });

  it('that cannot read the answer, and sends no origin, opens no stream', async () => {
    const active = () => gateway.subgraphs['news']?.feed;
    expect((await stream({ 'sec-fetch-site': 'cross-site' }))[0]).toBe(403);
    expect((await stream({ 'sec-fetch-site': 'same-origin' }))[0]).toBe(200);
    await active()?.untilActive(0);
  });
});
