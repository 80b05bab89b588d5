import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { library, startGateway, type GatewayUnderTest } from './fake-subgraphs.js';

const LOGINS = [{ name: 'Mara', email: 'mara@example.com', password: 'paper boats' }];

const PAGE_HEADERS = {
  'content-security-policy': expect.stringContaining("script-src 'self';"),
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

/** Reads the whole of an answer: what is left unread keeps its connection. */
async function get(url: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { headers });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe('the explorer', () => {
  it('is a page with all that it loads, under a policy that lets it load nothing else', async () => {
    await using gateway = await startGateway(library());
    const page = await get(`${gateway.url}/explorer`);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/unsafe-eval|https?:|\*/);
    expect(page.headers.get('x-frame-options')).toBe('DENY');
    const files = [...page.text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, file]) => file ?? '');
    expect(files.length).toBeGreaterThan(1);
    const workers = ['editor', 'json', 'graphql'].map((name) => `/explorer/${name}.worker.js`);
    for (const file of [...files, ...workers]) {
      const found = await get(gateway.url + file);
      expect([file, found.status, found.headers.get('content-type')]).toEqual([
        file,
        200,
        expect.stringMatching(/^text\/(javascript|css)/),
      ]);
      // `fetch` asks for the whole of it again, as it has no cache.
      const again = await request(gateway.url + file, {
        headers: { 'if-none-match': found.headers.get('etag') ?? '' },
      });
      await again.body.dump();
      expect(again.statusCode).toBe(304);
    }
  });

  it('knows where GraphQL is, and tells nothing of another graph than its own: no operations and no accounts', async () => {
    await using gateway = await startGateway(library(), {}, { explorerLogins: LOGINS });
    const settings = await get(`${gateway.url}/explorer/settings.json`);
    expect(JSON.parse(settings.text)).toEqual({ endpoint: '/graphql', examples: '', signsIn: false, logins: [] });
  });

  it.each(['/explorer', '/explorer/', '/explorer/main.js', '/explorer/settings.json'])(
    'tells who would change %s what it takes',
    async (path) => {
      await using gateway = await startGateway(library());
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
        const answer = await request(gateway.url + path, { method });
        expect([method, answer.statusCode, answer.headers.allow]).toEqual([
          method,
          method === 'OPTIONS' ? 204 : 405,
          'GET, HEAD, OPTIONS',
        ]);
        const text = await answer.body.text();
        if (method !== 'OPTIONS') expect(JSON.parse(text).errors[0].extensions.code).toBe('BAD_REQUEST');
      }
    },
  );

  it.each([
    '/explorer/../package.json',
    '/explorer/%2e%2e/index.js',
    '/explorer/nothing.js',
    '/explorer/..%2findex.js',
  ])('serves nothing but its files: %s', async (path) => {
    await using gateway = await startGateway(library());
    expect((await get(gateway.url + path)).status).toBeGreaterThanOrEqual(400);
  });

  it.each([
    [{ NODE_ENV: 'development', INTROSPECTION: '', SANDBOX: '' }, 200],
    [{ NODE_ENV: 'production', INTROSPECTION: '', SANDBOX: '' }, 404],
    [{ INTROSPECTION: '0', SANDBOX: '1' }, 404],
    [{ INTROSPECTION: '1', SANDBOX: '0' }, 404],
    [{ INTROSPECTION: '1', SANDBOX: '1' }, 200],
  ])('is there where the Sandbox is and the schema is no secret: %j, %i', async (settings, status) => {
    await using gateway = await startGateway(library(), settings);
    for (const path of ['/explorer', '/explorer/settings.json', '/explorer/main.js'])
      expect((await get(gateway.url + path)).status).toBe(status);
  });

  it('is where the page of Apollo Sandbox goes that cannot be loaded', async () => {
    await using gateway = await startGateway(library());
    const headers = { accept: 'text/html' };
    const page = (await get(`${gateway.url}/graphql`, headers)).text;
    expect(page).toContain('<script src="/explorer/fall-back.js"></script></body>');
    expect(page).toContain('initialSubscriptionEndpoint');
    expect(page).toContain('"apollographql-client-name":"sandbox"');
    await using secret = await startGateway(library(), { INTROSPECTION: '0' });
    expect((await get(`${secret.url}/graphql`, headers)).text).not.toContain('fall-back.js');
  });
});

describe('a refusal of a page', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway(library());
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  it.each([
    ['/explorer/main.js', { 'if-match': '"x"' }, 412, 'CONFLICT'],
    ['/explorer', { 'if-unmodified-since': 'Sun, 29 Nov 1998 00:00:00 GMT' }, 412, 'CONFLICT'],
    ['/explorer', { range: 'bytes=9999999-' }, 416, 'BAD_REQUEST'],
    ['/explorer/nothing.js', {}, 404, 'NOT_FOUND'],
    ['/explorer/main%2ejs', {}, 404, 'NOT_FOUND'],
    ['/api/docs', { 'if-unmodified-since': 'Sun, 29 Nov 1998 00:00:00 GMT' }, 412, 'CONFLICT'],
    ['/api/docs/scalar.js', { range: 'bytes=99999999-' }, 416, 'BAD_REQUEST'],
    ['/api/docs/nothing.js', {}, 404, 'NOT_FOUND'],
    ['/api/docs/scalar%2ejs', {}, 404, 'NOT_FOUND'],
    ['POST /explorer', {}, 405, 'BAD_REQUEST'],
    ['PUT /explorer/settings.json', {}, 405, 'BAD_REQUEST'],
    ['POST /api/docs', {}, 405, 'BAD_REQUEST'],
  ])(
    'at %s, asked with %j, is told in the form of all that is told there, under the policy of the page',
    async (line, sent, status, code) => {
      const [, method = 'GET', path = ''] = /^(?:([A-Z]+) )?(.*)$/.exec(line) ?? [];
      const answer = await request(gateway.url + path, { method: method as 'GET', headers: sent });
      const { headers } = answer;
      const inRest = path.startsWith('/api');
      const body = (await answer.body.json()) as Record<string, unknown>;
      expect(body).toMatchObject(
        inRest
          ? { status, code, requestId: headers['x-request-id'] }
          : { errors: [{ message: expect.any(String), extensions: { code } }] },
      );
      expect(answer.statusCode).toBe(status);
      expect(headers).toMatchObject({
        'content-type': inRest ? 'application/problem+json' : 'application/json; charset=utf-8',
        'cache-control': inRest ? 'no-store' : 'no-cache',
        'x-request-id': expect.any(String),
        ...PAGE_HEADERS,
      });
      expect(headers['content-range']).toEqual(status === 416 ? expect.stringMatching(/^bytes \*\/\d+$/) : undefined);
      expect(headers.etag).toBeUndefined();
      expect(headers.allow).toBe(status === 405 ? 'GET, HEAD, OPTIONS' : undefined);
    },
  );
});
