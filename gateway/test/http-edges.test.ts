import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startGateway, type GatewayUnderTest } from './fake-subgraphs.js';
import { newsroom, PUBLISHED } from './subscriptions/newsroom.js';

const BODY = '{"query":"{ __typename }"}';
const CHUNKED = `1a\r\n${BODY}\r\n0\r\n\r\n`;

function webSocket(path: string, ...headers: readonly string[]): string {
  const upgrade = ['connection: Upgrade', 'upgrade: websocket', 'sec-websocket-version: 13'];
  return [`GET ${path} HTTP/1.1`, 'host: x', ...upgrade, ...headers, '', ''].join('\r\n');
}

describe('a request', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway(newsroom().fakes, {
      CORS_ORIGINS: 'https://app.example.com',
      ALLOWED_HOSTS: 'x, api.example.org',
    });
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
        ['another coding beside chunks', ['host: x', 'transfer-encoding: gzip, chunked'], CHUNKED],
        ['another coding before chunks', ['host: x', 'transfer-encoding: x', 'transfer-encoding: chunked'], CHUNKED],
        ['chunks twice', ['host: x', 'transfer-encoding: chunked, chunked'], CHUNKED],
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

  it('in chunks is served, and by HTTP/1.0, which has none, refused', async () => {
    const headers =
      'host: x\r\ncontent-type: application/json\r\ntransfer-encoding: Chunked\r\nconnection: close\r\n\r\n';
    const by = (version: string) => send(`POST /graphql HTTP/${version}\r\n${headers}${CHUNKED}`).then(statusOf);
    expect([await by('1.1'), await by('1.0')]).toEqual([[200], [400]]);
  });

  it.each(['h2c', 'foo/2', 'TLS/1.0'])('that would rather go on in %s is answered as it is', async (protocol) => {
    const wish = ['host: x', `upgrade: ${protocol}`, 'http2-settings: AAMAAABkAAQCAAAAAAIAAAAA'];
    const connection = 'connection: Upgrade, HTTP2-Settings';
    const json = ['content-type: application/json', `content-length: ${BODY.length}`];
    const posted = await send(['POST /graphql HTTP/1.1', ...wish, connection, ...json, '', BODY].join('\r\n'));
    expect([statusOf(posted), posted.includes('{"data":{"__typename":"Query"}}')]).toEqual([[200], true]);
    for (const path of ['/health/live', '/graphql?query={__typename}']) {
      const got = await send(
        [`GET ${path} HTTP/1.1`, ...wish, connection, 'apollo-require-preflight: 1', '', ''].join('\r\n'),
      );
      expect(statusOf(got)).toEqual([200]);
    }
  });

  it.each([
    ['is no HTTP', 'nonsense\r\n\r\n', 400],
    ['has headers without an end', `GET / HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['has no host', 'GET /health/live HTTP/1.1\r\n\r\n', 400],
    ['has two hosts', 'GET /health/live HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n', 400],
    ['expects what is not known', 'POST /graphql HTTP/1.1\r\nhost: x\r\nexpect: tea\r\n\r\n', 417],
    ['is for a proxy', 'CONNECT x:80 HTTP/1.1\r\nhost: x\r\n\r\n', 405],
    ['reads no path', 'GET * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 404],
    ['is for no path', 'OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 204],
    ['is for nothing there', 'GET //graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 404],
    ['opens a WebSocket elsewhere', webSocket('/elsewhere'), 404],
    ['opens a WebSocket without a key', webSocket('/graphql'), 400],
    ['opens a WebSocket from a foreign page', webSocket('/graphql', 'origin: https://foreign.example'), 403],
    [
      'is from a foreign page',
      'OPTIONS /graphql HTTP/1.1\r\nhost: x\r\norigin: https://a.b\r\nconnection: close\r\n\r\n',
      204,
    ],
  ])('that %s is answered, and nobody guesses of what type that is', async (_what, text, status) => {
    const answer = await send(text);
    expect(statusOf(answer)).toEqual([status]);
    expect(answer.toLowerCase()).toContain('x-content-type-options: nosniff');
    if (status === 405) expect(answer.toLowerCase()).toContain('allow: ');
  });

  it('for a WebSocket by a target with a host is answered once, whatever its header says', async () => {
    const answer = await send(webSocket('http://x/graphql').replace('host: x', 'host: evil.example'));
    expect(statusOf(answer)).toEqual([400]);
    const other = await send(webSocket('http://evil.example/graphql'));
    expect(statusOf(other)).toEqual([421]);
  });

  it.each([
    ['elsewhere', webSocket('/elsewhere')],
    ['without a key', webSocket('/graphql')],
    ['from a foreign page', webSocket('/graphql', 'origin: https://foreign.example')],
  ])('for a WebSocket %s leaves no connection, whether its client ends it or not', async (_what, text) => {
    const socket = connect({ port: Number(new URL(gateway.url).port), host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(text);
    await once(socket.resume(), 'end');
    // The system answers for a connection that is gone by a reset.
    const write = setInterval(() => socket.write('x'), 20);
    await closed;
    clearInterval(write);
  });

  it.each([
    ['POST /graphql', 'content-type: application/json', 'content-length: 26'],
    ['GET /graphql?query={__typename}', 'apollo-require-preflight: 1'],
    ['GET /graphql', 'accept: text/html'],
    ['GET /health'],
    ['GET /metrics'],
    [
      'GET /graphql',
      'connection: Upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
      'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
      'origin: http://rebound.example:3000',
    ],
  ])('by a name that a stranger lets stand for this machine is refused: %s', async (line, ...headers) => {
    for (const host of ['rebound.example:3000', 'localhost.rebound.example']) {
      const answer = await send([`${line} HTTP/1.1`, `host: ${host}`, ...headers, '', BODY].join('\r\n'));
      expect(statusOf(answer)).toEqual([421]);
    }
    const target = line.replace('/', 'http://rebound.example/');
    const answer = await send([`${target} HTTP/1.1`, 'host: x', ...headers, '', BODY].join('\r\n'));
    expect(statusOf(answer)).toEqual([421]);
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
