import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { library, startGateway, type FakeSubgraph } from './fake-subgraphs.js';

/** Takes a body. */
const VERIFY = '/api/auth/verify';
const LONG_NAME = 'Ada '.repeat(1_000);

/** Of the operations of the façade, this graph has `Me`, of `/api/auth/profile`, and `VerifyToken`. */
function people(intercept?: FakeSubgraph['intercept']): FakeSubgraph[] {
  const typeDefs = `type Query { me: User verifyToken(token: String!): Verified! }
    type Verified { valid: Boolean! expiresAt: String user: User }
    type User { id: ID! email: String! emailVerified: Boolean! displayName: String! role: String! createdAt: String! }`;
  const me = () => ({
    id: '1',
    email: 'ada@example.com',
    emailVerified: true,
    displayName: LONG_NAME,
    role: 'USER',
    createdAt: '2026-01-01T00:00:00Z',
  });
  return [{ name: 'auth', typeDefs, resolvers: { Query: { me } }, ...(intercept && { intercept }) }];
}

async function get(url: string, headers: Record<string, string> = {}, method = 'GET') {
  const response = await fetch(url, { method, headers });
  const text = await response.text();
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, text, body: isJson && text ? JSON.parse(text) : null };
}

/** Sends bytes as they are, and reads until the gateway closes. */
async function deliver(url: string, text: string) {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  socket.on('error', () => undefined);
  socket.write(text);
  await once(socket, 'close');
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  return {
    head: {
      status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]),
      type: /^content-type: (.*)$/im.exec(head)?.[1],
    },
    body: JSON.parse(body) as unknown,
  };
}

/** What goes nowhere, for as long as its client waits. */
const hang = (request: IncomingMessage, _response: ServerResponse) => request.method === 'POST';

describe('the REST façade', () => {
  it('tells a client that asks too often when to come again, whatever it asks for', async () => {
    const settings = { RATE_LIMITS: '1', RATE_LIMIT_ANONYMOUS: '3/60' };
    await using gateway = await startGateway(people(), settings);
    const url = `${gateway.url}/api/auth/profile`;
    for (let count = 0; count < 3; count += 1) expect((await get(url)).status).toBe(200);
    const refused = await get(url);
    expect(refused.body).toMatchObject({ status: 429, code: 'RATE_LIMITED', reason: 'ANONYMOUS_QUOTA' });
    expect([refused.status, refused.headers.get('content-type')]).toEqual([429, 'application/problem+json']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.headers.get('ratelimit')).toMatch(/"anonymous";r=0/);
    // The graph is the same client's.
    expect((await gateway.run('{ me { id } }')).status).toBe(429);
  });

  it('answers what the graph answers, letter by letter, and refuses by the error that the graph tells', async () => {
    const [fake] = people() as [FakeSubgraph];
    const me = {
      id: '1',
      email: 'ada@example.com',
      emailVerified: true,
      role: 'USER',
      createdAt: '2026-01-01T00:00:00Z',
    };
    let displayName: string | null = 'Ada "\\"\n\u2028 \u{1f600} \ud800 é';
    await using gateway = await startGateway([
      { ...fake, resolvers: { Query: { me: () => ({ ...me, displayName }) } } },
    ]);
    const url = `${gateway.url}/api/auth/profile`;
    const ask = () => gateway.run('{ me { id email emailVerified displayName role createdAt } }');
    const whole = await ask();
    expect(whole.body.data?.['me']).toMatchObject({ id: '1', displayName: expect.stringContaining('é') });
    expect(await get(url)).toMatchObject({ status: 200, body: whole.body.data?.['me'] });
    // Null comes up to the root.
    displayName = null;
    const { extensions, message } = (await ask()).body.errors?.[0] ?? {};
    expect(extensions).toMatchObject({ code: 'INTERNAL_SERVER_ERROR', subgraph: 'auth' });
    expect(await get(url)).toMatchObject({
      status: 500,
      body: { code: extensions?.['code'], subgraph: 'auth', detail: message },
    });
  });

  it('is 503 while the service is down, and the answer again when it is back', async () => {
    await using gateway = await startGateway(people());
    const url = `${gateway.url}/api/auth/profile`;
    await gateway.subgraphs['auth']?.stop();
    const down = await get(url);
    expect(down.body).toMatchObject({ status: 503, code: 'UNAVAILABLE', type: 'urn:taskgraph:problem:unavailable' });
    expect(down.status).toBe(503);
    await gateway.subgraphs['auth']?.start();
    while ((await get(url)).status !== 200);
  });

  it('is 504 when there is no answer in time', async () => {
    await using gateway = await startGateway(people(hang), { OPERATION_TIMEOUT_MS: '100' });
    const late = await get(`${gateway.url}/api/auth/profile`);
    expect(late.body).toMatchObject({ status: 504, code: 'DEADLINE_EXCEEDED' });
    expect(late.status).toBe(504);
  });

  it.each(['/api/openapi.json', '/explorer/settings.json'])(
    'does not send %s again to who wants it only where nothing is',
    async (path) => {
      await using gateway = await startGateway(people(), { COMPRESSION: '1' });
      const whole = await get(gateway.url + path);
      expect([whole.status, whole.body]).toEqual([200, expect.any(Object)]);
      for (const method of ['GET', 'HEAD']) {
        const none = await get(gateway.url + path, { 'if-none-match': ' * ' }, method);
        expect([none.status, none.text, none.headers.get('content-type')]).toEqual([304, '', null]);
        for (const name of ['cache-control', 'vary', 'content-security-policy'])
          expect([name, none.headers.get(name)]).toEqual([name, whole.headers.get(name)]);
      }
      expect((await get(gateway.url + path, { 'if-none-match': '"other"' })).status).toBe(200);
    },
  );

  it('says with the refusal of a body in another coding what it takes', async () => {
    await using gateway = await startGateway(people());
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const answer = await get(gateway.url + VERIFY, headers, 'POST');
    expect([answer.status, answer.headers.get('accept')]).toEqual([415, 'application/json']);
  });

  it('compresses answers where that is on, for whoever takes it', async () => {
    const packed = { 'accept-encoding': 'br, gzip' };
    await using gateway = await startGateway(people(), { COMPRESSION: '1' });
    for (const path of ['/api/auth/profile', '/api/openapi.json']) {
      const answer = await get(gateway.url + path, packed);
      expect([answer.status, answer.headers.get('content-encoding')]).toEqual([200, 'gzip']);
      expect(answer.headers.get('vary')).toMatch(/accept-encoding/i);
      const length = Number(answer.headers.get('content-length'));
      expect(length).toBeLessThan(answer.text.length);
      for (const refusing of ['identity', 'gzip;q=0']) {
        const whole = await get(gateway.url + path, { 'accept-encoding': refusing });
        expect([whole.headers.get('content-encoding'), whole.text]).toEqual([null, answer.text]);
        expect(whole.headers.get('vary')).toMatch(/accept-encoding/i);
      }
    }
    await using plain = await startGateway(people());
    const whole = await get(`${plain.url}/api/auth/profile`, packed);
    expect([whole.headers.get('content-encoding'), whole.body.displayName]).toEqual([null, LONG_NAME]);
  });

  const SLOW = { BODY_IDLE_TIMEOUT_MS: '200' };
  const EARLY: ReadonlyArray<readonly [what: string, status: number, text: (path: string) => string]> = [
    ['by another name', 421, (path) => `GET ${path} HTTP/1.1\r\nhost: rebound.example\r\n\r\n`],
    ['by another name in the target', 421, (path) => `GET http://r.example${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`],
    ['without a host', 400, (path) => `GET ${path} HTTP/1.1\r\n\r\n`],
    ['to another scheme', 400, (path) => `GET ftp://localhost${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`],
    ['with an expectation', 417, (path) => `POST ${path} HTTP/1.1\r\nhost: localhost\r\nexpect: tea\r\n\r\n`],
    ['in bytes that are no HTTP', 400, (path) => `GET ${path} HTTP/1.1\r\nhost : localhost\r\n\r\n`],
    ['with endless headers', 431, (path) => `GET ${path} HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(20_000)}\r\n\r\n`],
    [
      'with a body that stands still',
      408,
      (path) =>
        `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{`,
    ],
    [
      'for a WebSocket',
      404,
      (path) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n`,
    ],
  ];

  it.each(EARLY)('tells in its own form of a request %s, and elsewhere in the form of GraphQL', async (...each) => {
    const [, status, text] = each;
    await using gateway = await startGateway(people(), SLOW);
    await using other = await startGateway(people(), { ...SLOW, REST_API: '0' });
    // What nothing answers has no body that is waited for.
    const inRest = status === 408 ? [VERIFY] : [VERIFY, '/api', '/api?x=1'];
    for (const path of inRest) {
      const { head, body } = await deliver(gateway.url, text(path));
      expect([path, head.status, head.type]).toEqual([path, status, 'application/problem+json']);
      const code = status === 404 ? 'NOT_FOUND' : 'BAD_REQUEST';
      const type = `urn:taskgraph:problem:${code.toLowerCase().replace('_', '-')}`;
      expect(body).toEqual({ type, title: expect.any(String), status, detail: expect.any(String), code });
    }
    // The endpoint takes WebSockets, with a key.
    const atEndpoint = status === 404 ? 400 : status;
    for (const [url, path, expected] of [
      [gateway.url, '/graphql', atEndpoint],
      [gateway.url, '/apis', status],
      [other.url, VERIFY, status],
    ] as const) {
      if (status === 408 && path !== '/graphql') continue;
      const { head, body } = await deliver(url, text(path));
      expect([path, head.status, head.type]).toEqual([path, expected, 'application/json; charset=utf-8']);
      expect(body).toMatchObject({ errors: [{ extensions: { code: expect.any(String) } }] });
    }
  });

  it('is not there at all where it is off', async () => {
    await using gateway = await startGateway(people(), { REST_API: '0' });
    for (const path of ['', '/auth/profile', '/openapi.json', '/docs', '/docs/scalar.js'])
      expect({ path, status: (await get(`${gateway.url}/api${path}`)).status }).toEqual({ path, status: 404 });
    expect((await gateway.run('{ me { id } }')).body.data).toEqual({ me: { id: '1' } });
  });
});

describe('the page of the REST façade', () => {
  it('is there with all that it loads, under a policy that lets it load nothing else', async () => {
    // A schema that is a secret says nothing about routes.
    await using gateway = await startGateway(library(), { INTROSPECTION: '0', SANDBOX: '0' });
    const page = await get(`${gateway.url}/api/docs`);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/unsafe-eval|https?:|\*/);
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    const files = [...page.text.matchAll(/src="(\/[^"]+)"/g)].map(([, file]) => file ?? '');
    expect(files).toHaveLength(2);
    for (const file of files) {
      const { status, headers } = await get(gateway.url + file);
      expect([file, status, headers.get('content-type')]).toEqual([
        file,
        200,
        expect.stringMatching(/^text\/javascript/),
      ]);
    }
    const other = await get(`${gateway.url}/api/docs`, {}, 'POST');
    expect([other.status, other.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
    for (const path of ['/api/docs/nothing.js', '/api/docs/..%2findex.js', '/api/docs/%2e%2e/index.js'])
      expect({ path, status: (await get(gateway.url + path)).status }).toEqual({ path, status: 404 });
  });
});
