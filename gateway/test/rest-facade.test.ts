import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { library, startGateway, type FakeSubgraph } from './fake-subgraphs.js';

const LONG_NAME = 'Ada '.repeat(1_000);

/** The one operation of the façade that this graph has is `Me`, of `/api/auth/profile`. */
function people(intercept?: FakeSubgraph['intercept']): FakeSubgraph[] {
  const typeDefs = `type Query { me: User }
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
