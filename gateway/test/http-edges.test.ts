import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startGateway, type GatewayUnderTest } from './fake-subgraphs.js';
import { newsroom, PUBLISHED } from './subscriptions/newsroom.js';

const BODY = '{"query":"{ __typename }"}';

describe('a request', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway(newsroom().fakes, { CORS_ORIGINS: 'https://app.example.com' });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  /** Sends bytes as they are, and reads until the gateway closes. */
  async function send(text: string): Promise<string> {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk));
    socket.on('error', () => undefined);
    socket.write(text);
    await once(socket, 'close');
    return answer;
  }
  const post = (target: string, headers: readonly string[] = ['host: api.example.org'], body = BODY) =>
    send(
      [
        `POST ${target} HTTP/1.1`,
        ...headers,
        'connection: close',
        'content-type: application/json',
        ...(headers.some((header) => /^(content-length|transfer-encoding)/i.test(header))
          ? []
          : [`content-length: ${body.length}`]),
        '',
        body,
      ].join('\r\n'),
    );
  const statusOf = (answer: string) => [...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status));

  it.each([
    '/graphql',
    '/graphql/',
    '/graphql?x=1',
    '/graphql/?x=1',
    'http://api.example.org/graphql',
    'HTTP://x/graphql/',
  ])('to %s is served', async (target) => {
    const answer = await post(target, ['host: api.example.org', 'origin: https://app.example.com']);
    expect(statusOf(answer)).toEqual([200]);
    expect(answer).toContain('{"data":{"__typename":"Query"}}');
    expect(answer.toLowerCase()).toContain('access-control-allow-origin: https://app.example.com');
    expect(answer.toLowerCase()).toContain('x-content-type-options: nosniff');
    expect(answer.toLowerCase()).not.toContain('x-powered-by');
  });

  it.each(['//graphql', '/GRAPHQL', '/graphql/x', '/graphql%2f', '/./graphql', '/graphql;x', 'http://x', '*', '/'])(
    'to %s is not',
    async (target) => {
      expect(statusOf(await post(target))).toEqual([404]);
    },
  );

  it.each(
    (
      [
        ['two lengths', ['host: x', 'content-length: 26', 'content-length: 3']],
        [
          'a length and chunks',
          ['host: x', 'content-length: 26', 'transfer-encoding: chunked'],
          '0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n',
        ],
        ['an unknown transfer coding', ['host: x', 'transfer-encoding: xchunked']],
        ['chunks that are chunked', ['host: x', 'transfer-encoding: chunked, identity']],
        ['a length that is none', ['host: x', 'content-length: +26']],
        ['a folded header', ['host: x', 'content-length: 26', 'x-a: b', ' transfer-encoding: chunked']],
        ['a space before the colon', ['host: x', 'content-length : 26']],
        ['no host', []],
        ['two hosts', ['host: a', 'host: b']],
      ] as Array<[string, string[], string?]>
    ).map(([what, headers, body]) => [what, headers, body ?? BODY] as const),
  )('with %s is refused, whole', async (_what, headers, body) => {
    const statuses = statusOf(await post('/graphql', headers, body));
    expect(statuses).toHaveLength(1);
    expect(statuses[0]).toBe(400);
  });

  it('to another scheme is refused', async () => {
    expect(statusOf(await post('ftp://x/graphql'))).toEqual([400]);
  });

  it.each([
    ['TRACE', 405],
    ['PUT', 405],
    ['DELETE', 405],
    ['OPTIONS', 204],
  ])('by %s is answered %d', async (method, status) => {
    const answer = await send(
      `${method} /graphql HTTP/1.1\r\nhost: x\r\nx-secret: shibboleth\r\nconnection: close\r\n\r\n`,
    );
    expect(statusOf(answer)).toEqual([status]);
    expect(answer.toLowerCase()).toContain('allow: ');
    expect(answer).not.toContain('shibboleth');
  });

  it('by HEAD is answered as by GET, without a body and without an end that does not come', async () => {
    const head = (query: string, accept: string) =>
      fetch(`${gateway.url}/graphql?query=${encodeURIComponent(query)}`, {
        method: 'HEAD',
        headers: { accept, 'apollo-require-preflight': '1' },
      });
    expect((await head('{ __typename }', 'application/json')).status).toBe(200);
    const stream = await head(PUBLISHED, 'text/event-stream, application/json');
    expect(await stream.text()).toBe('');
    await gateway.subgraphs['news']?.feed.untilActive(0);
    expect(gateway.subgraphs['news']?.requests).toEqual([]);
  });

  it('for the explorer gets a page that nobody can frame', async () => {
    const page = await fetch(`${gateway.url}/graphql`, { headers: { accept: 'text/html' } });
    expect([page.status, page.headers.get('content-security-policy'), page.headers.get('x-frame-options')]).toEqual([
      200,
      "frame-ancestors 'none'",
      'DENY',
    ]);
  });
});
