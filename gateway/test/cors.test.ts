import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { signTestToken } from '@taskgraph/testkit';
import { startGateway, type GatewayUnderTest } from './fake-subgraphs.js';
import { newsroom, PUBLISHED } from './subscriptions/newsroom.js';

const LISTED = 'https://app.example.com';
const FOREIGN = 'https://evil.example.net';
const MULTIPART = 'multipart/mixed;subscriptionSpec="1.0", application/json';
const JSON_TYPE = { 'content-type': 'application/json' };

describe('a page of another origin', () => {
  let gateway: GatewayUnderTest;
  const newsroomFakes = newsroom().fakes;
  beforeAll(async () => {
    gateway = await startGateway(newsroomFakes, { CORS_ORIGINS: `${LISTED}, https://*.example.org`, COMPRESSION: '1' });
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });
  const send = (method: string, headers: Record<string, string>, body?: string, path = '/graphql') =>
    fetch(`${gateway.url}${path}`, { method, headers, ...(body !== undefined && { body }) });
  const corsOf = ({ headers }: Response) =>
    Object.fromEntries(
      [...headers].flatMap(([name, value]) =>
        name.startsWith('access-control-') ? [[name.slice('access-control-'.length), value]] : [],
      ),
    );
  const varies = ({ headers }: Response) => (headers.get('vary') ?? '').toLowerCase().split(/\s*,\s*/);

  it('that is listed is told by the preflight what it may send, before anybody looks at who asks', async () => {
    const seen = Object.values(gateway.subgraphs).map(({ requests }) => requests.length);
    const response = await send('OPTIONS', {
      origin: LISTED,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,x-anything',
      'access-control-request-private-network': 'true',
    });
    expect(response.status).toBe(204);
    expect(await response.text()).toBe('');
    expect(corsOf(response)).toEqual({
      'allow-origin': LISTED,
      'allow-credentials': 'true',
      'allow-methods': 'GET,POST',
      'allow-headers': 'authorization,content-type,x-anything',
      'allow-private-network': 'true',
      'expose-headers': 'ratelimit,ratelimit-policy,retry-after,x-request-id,x-trace-id',
      'max-age': '7200',
    });
    expect(varies(response)).toContain('origin');
    expect(Object.values(gateway.subgraphs).map(({ requests }) => requests.length)).toEqual(seen);
  });

  it('that is not listed is told nothing by the preflight', async () => {
    for (const origin of [FOREIGN, 'null', `${LISTED}.evil.net`]) {
      const response = await send('OPTIONS', { origin, 'access-control-request-method': 'POST' });
      expect(response.status).toBe(204);
      expect(corsOf(response)).toEqual({});
      expect(varies(response)).toContain('origin');
    }
  });

  const multipart = '--b\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{}\r\n--b--\r\n';
  const get = `/graphql?query=${encodeURIComponent('{ __typename }')}`;
  interface Ask {
    readonly method?: string;
    readonly headers?: Record<string, string>;
    readonly body?: string;
    readonly path?: string;
  }
  const post = (query: string, headers: Record<string, string> = {}): Ask => ({
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify({ query }),
  });
  const upload = { 'content-type': 'multipart/form-data; boundary=b' };
  it.each<[string, number, Ask]>([
    ['an answer', 200, post('{ article(id: 1) { title } }')],
    ['a compressed answer', 200, post('{ __typename }', { 'accept-encoding': 'gzip' })],
    ['a batch', 200, { headers: JSON_TYPE, body: '[{"query":"{ __typename }"}]' }],
    ['an answer to GET', 200, { method: 'GET', headers: { 'apollo-require-preflight': '1' }, path: get }],
    ['a stream of events', 200, post('{ __typename }', { accept: 'text/event-stream' })],
    ['a stream of events by GET', 200, { method: 'GET', headers: { accept: 'text/event-stream' }, path: get }],
    ['a refused stream', 200, post(PUBLISHED, { accept: MULTIPART, authorization: 'Bearer x' })],
    ['a refused GET', 400, { method: 'GET', path: get }],
    ['a refused upload', 400, { headers: upload, body: multipart }],
    [
      'an upload that cannot be read',
      400,
      { headers: { ...upload, 'apollo-require-preflight': '1' }, body: multipart },
    ],
    ['a body that is no JSON', 400, { headers: JSON_TYPE, body: '{' }],
    ['a document that is too long', 200, post(`{ ${'__typename '.repeat(20_000)} }`)],
    ['a body that is too long', 413, { headers: JSON_TYPE, body: `"${'x'.repeat(2 ** 20)}"` }],
    ['another content type', 415, { headers: { 'content-type': 'text/plain' }, body: 'x' }],
    ['another method', 405, { method: 'DELETE' }],
    ['what is accepted by nobody', 406, post('{ __typename }', { accept: 'text/csv' })],
  ])('that is listed may read %s', async (_what, status, { method = 'POST', headers = {}, body, path }) => {
    const more = { 'x-request-id': 'of-the-client-0001' };
    const listed = await send(method, { ...headers, ...more, origin: LISTED }, body, path);
    expect([listed.status, corsOf(listed)]).toEqual([
      status,
      {
        'allow-origin': LISTED,
        'allow-credentials': 'true',
        'expose-headers': 'ratelimit,ratelimit-policy,retry-after,x-request-id,x-trace-id',
      },
    ]);
    expect(listed.headers.get('x-request-id')).toBe('of-the-client-0001');
    await listed.text();
    for (const origin of [{ origin: FOREIGN }, {}]) {
      const other = await send(method, { ...headers, ...origin }, body, path);
      expect(corsOf(other)).toEqual({});
      expect(varies(other)).toContain('origin');
      await other.text();
    }
    expect(varies(listed)).toContain('origin');
  });

  it('may read what a token holder is answered, each origin by itself', async () => {
    const ask = (origin: string) =>
      send('POST', { ...JSON_TYPE, origin, authorization: `Bearer ${signTestToken()}` }, '{"query":"{ __typename }"}');
    for (const origin of [LISTED, 'https://a.example.org', 'https://b.example.org'])
      expect((await ask(origin)).headers.get('access-control-allow-origin')).toBe(origin);
  });

  it('is told which methods there are', async () => {
    const response = await send('OPTIONS', {});
    expect([response.status, response.headers.get('allow')]).toEqual([204, 'GET, POST, OPTIONS']);
  });

  it('may call without credentials where every origin may', async () => {
    await using open = await startGateway(newsroomFakes, { CORS_ORIGINS: '*' });
    const response = await fetch(`${open.url}/graphql`, {
      method: 'POST',
      headers: { ...JSON_TYPE, origin: FOREIGN },
      body: '{"query":"{ __typename }"}',
    });
    expect(corsOf(response)).toEqual({
      'allow-origin': '*',
      'expose-headers': 'ratelimit,ratelimit-policy,retry-after,x-request-id,x-trace-id',
    });
    expect(response.headers.get('vary')).toBeNull();
  });

  it('may not call where none is listed, and answers vary with nothing', async () => {
    await using closed = await startGateway(newsroomFakes);
    const response = await fetch(`${closed.url}/graphql`, {
      method: 'POST',
      headers: { ...JSON_TYPE, origin: LISTED },
      body: '{"query":"{ __typename }"}',
    });
    expect(corsOf(response)).toEqual({});
    expect(response.headers.get('vary')).toBeNull();
  });

  it('may be Apollo Sandbox, or of this machine, in development', async () => {
    await using development = await startGateway(newsroomFakes, { NODE_ENV: 'development' });
    for (const origin of ['https://studio.apollographql.com', 'http://localhost:5173', 'http://127.0.0.1:8080']) {
      const response = await fetch(`${development.url}/graphql`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      });
      expect(response.headers.get('access-control-allow-origin')).toBe(origin);
    }
  });

  it.each(['/api/tasks/%zz', '/api/tasks/%ff', '/api/%zz', '/api/%', '/api/%74asks', '/api/tasks//', '/api/nothing'])(
    'that is listed reads why %s is refused, and may ask for it',
    async (path) => {
      const read = await send('GET', { origin: LISTED, 'x-request-id': 'asked-badly-1' }, undefined, path);
      expect(corsOf(read)).toMatchObject({ 'allow-origin': LISTED, 'allow-credentials': 'true' });
      expect(varies(read)).toContain('origin');
      expect([400, 404]).toContain(read.status);
      expect(read.headers.get('content-type')).toBe('application/problem+json');
      expect(read.headers.get('cache-control')).toBe('no-store');
      expect(await read.json()).toMatchObject({ status: read.status, requestId: 'asked-badly-1' });
      const asks = { origin: LISTED, 'access-control-request-method': 'PATCH' };
      const preflight = await send('OPTIONS', asks, undefined, path);
      expect([preflight.status, await preflight.text()]).toEqual([204, '']);
      expect(corsOf(preflight)).toMatchObject({
        'allow-origin': LISTED,
        'allow-methods': 'GET,HEAD,POST,PATCH,DELETE',
      });
      const foreign = await send('GET', { origin: FOREIGN }, undefined, path);
      expect(corsOf(foreign)).toEqual({});
      expect(varies(foreign)).toContain('origin');
    },
  );

  it.each(['/%67raphql', '/graphq%6c', '/%68ealth/live'])(
    'and everybody else learns of %s by each method that there is nothing',
    async (path) => {
      const asks = { origin: LISTED, 'access-control-request-method': 'POST' };
      for (const [method, headers] of [
        ['GET', {}],
        ['POST', JSON_TYPE],
        ['OPTIONS', {}],
        ['OPTIONS', asks],
      ] as const) {
        const answer = await send(method, headers, undefined, path);
        expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 404, null]);
        expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
      }
    },
  );
});

describe('CORS_ORIGINS', () => {
  it('tells what is wrong with it', async () => {
    await expect(
      startGateway(newsroom().fakes, { CORS_ORIGINS: 'https://*.com, https://ok.com, example' }),
    ).rejects.toThrow(/CORS_ORIGINS: "https:\/\/\*\.com" is not an origin[^]*CORS_ORIGINS: "example" is not an origin/);
  });
});
