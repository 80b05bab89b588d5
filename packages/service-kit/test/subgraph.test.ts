import { gzipSync } from 'node:zlib';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'graphql';
import jwt from 'jsonwebtoken';
import {
  AppError,
  createHealth,
  createLog,
  createMetrics,
  createSubgraph,
  createTokenVerifier,
  notFound,
  type RequestContext,
} from '@taskgraph/service-kit';

const typeDefs = parse(/* GraphQL */ `
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@authenticated", "@requiresScopes"])
  type Query {
    open: String
    mine: String @authenticated
    audit: String @requiresScopes(scopes: [["admin"]])
    missing: String
    defect: String
    slow: String
    refused: String
  }
`);

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

function token(role: string, expiresIn = 900): string {
  return jwt.sign({ sid: randomUUID(), role }, privateKey, {
    algorithm: 'ES256',
    keyid: 'k',
    issuer: 'i',
    audience: 'a',
    subject: randomUUID(),
    expiresIn,
  });
}

async function startSubgraph({ introspection = false, operations = false } = {}) {
  const lines: Array<Record<string, unknown>> = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  let releaseSlow: () => void = () => undefined;
  let slowStarted: () => void = () => undefined;
  const started = new Promise<void>((resolve) => (slowStarted = resolve));
  const released = new Promise<void>((resolve) => (releaseSlow = resolve));
  const health = createHealth();
  const service = await createSubgraph<RequestContext>({
    name: 'sample',
    introspection,
    config: {
      host: '127.0.0.1',
      port: 0,
      operations: operations ? { host: '127.0.0.1', port: 0 } : null,
      shutdownGraceMs: 5_000,
    },
    log: createLog({ service: 'sample', level: 'debug', destination }),
    metrics: createMetrics('sample'),
    health,
    typeDefs,
    resolvers: {
      Query: {
        open: () => 'open',
        mine: (_source: unknown, _args: unknown, context: RequestContext) => context.viewer?.userId,
        audit: () => 'audit',
        missing: () => {
          throw notFound('Task');
        },
        refused: () => {
          throw new AppError('CONFLICT', 'No.', { reason: 'BECAUSE', extensions: { detail: 1 } });
        },
        defect: () => {
          throw new TypeError('secret detail');
        },
        slow: async () => {
          slowStarted();
          await released;
          return 'done';
        },
      },
    },
    verifier: createTokenVerifier({ jwks: { getKey: async () => publicKey }, issuer: 'i', audience: 'a' }),
    context: (request) => request,
  });
  const { url } = await service.listen();
  const post = async (query: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query }),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as {
        data?: Record<string, unknown>;
        errors?: Array<{ message: string; path?: string[]; extensions: Record<string, unknown> }>;
      },
    };
  };
  return {
    service,
    url,
    post,
    lines,
    health,
    releaseSlow,
    started,
    [Symbol.asyncDispose]: () => (releaseSlow(), service.close()),
  };
}

describe('a subgraph', () => {
  it('echoes a well-formed request id and makes one otherwise', async () => {
    await using graph = await startSubgraph();
    expect((await graph.post('{ open }', { 'x-request-id': 'request-0001' })).headers.get('x-request-id')).toBe(
      'request-0001',
    );
    expect((await graph.post('{ open }', { 'x-request-id': 'no spaces please' })).headers.get('x-request-id')).toMatch(
      /^[0-9a-f-]{36}$/,
    );
  });

  it('asks for a viewer where the schema does, and says why a token was refused', async () => {
    await using graph = await startSubgraph();
    const anonymous = await graph.post('{ open mine }');
    expect(anonymous.body.data).toEqual({ open: 'open', mine: null });
    expect(anonymous.body.errors).toMatchObject([
      { path: ['mine'], extensions: { code: 'UNAUTHENTICATED', reason: 'TOKEN_MISSING' } },
    ]);

    const expired = await graph.post('{ mine }', { authorization: `Bearer ${token('USER', -60)}` });
    expect(expired.body.errors?.[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED', reason: 'TOKEN_EXPIRED' });

    const known = await graph.post('{ mine }', { authorization: `Bearer ${token('USER')}` });
    expect(known.body.data?.['mine']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('tells operators at their own port, and everybody else nothing but a status', async () => {
    const operations = { operations: true };
    await using graph = await startSubgraph(operations);
    graph.health.register('database', async () => {
      throw new Error('a password in a message');
    });
    const ask = async (url: string, path: string) => {
      const response = await fetch(`${url}${path}`, { headers: { connection: 'close' } });
      return { status: response.status, text: await response.text() };
    };
    const own = graph.service.operationsUrl() ?? '';
    expect(own).not.toBe(graph.url);
    for (const path of ['/health', '/metrics', '/health/', '/HEALTH', '/metrics?x=1', '//metrics'])
      expect((await ask(graph.url, path)).status).toBe(404);
    expect(await ask(graph.url, '/health/live')).toEqual({ status: 200, text: '{"status":"ok"}' });
    expect(await ask(graph.url, '/health/ready')).toEqual({ status: 503, text: '{"status":"unavailable"}' });
    expect((await ask(own, '/health')).text).toContain('a password in a message');
    expect((await ask(own, '/metrics')).text).toContain('http_request_duration_seconds');
    expect((await ask(own, '/health/ready')).status).toBe(503);
    expect((await ask(own, '/graphql?query={open}')).status).toBe(404);
    expect((await ask(graph.url, '/log-level')).status).toBe(404);
    const change = (level: string) =>
      fetch(`${own}/log-level?level=${level}`, { method: 'PUT', headers: { connection: 'close' } });
    expect((await change('loud')).status).toBe(400);
    const { level } = graph.service.log;
    expect(await (await change('fatal')).json()).toEqual({ level: 'fatal' });
    expect(graph.service.log.level).toBe('fatal');
    expect(JSON.parse((await ask(own, '/log-level')).text)).toEqual({ level: 'fatal' });
    await change(level);
    // The end can be watched.
    const slow = graph.post('{ slow }');
    await graph.started;
    const closed = graph.service.close();
    expect((await ask(own, '/health/ready')).text).toBe('{"status":"draining"}');
    graph.releaseSlow();
    await Promise.all([slow, closed]);
    await expect(fetch(own)).rejects.toThrow();
  });

  it('answers operators at its one port when there is no other', async () => {
    await using graph = await startSubgraph();
    expect(graph.service.operationsUrl()).toBeNull();
    for (const path of ['/health', '/metrics']) expect((await fetch(`${graph.url}${path}`)).status).toBe(200);
  });

  it('tells of its schema where it is to', async () => {
    const questions = ['{ __schema { queryType { name } } }', '{ _service { sdl } }', '{ a: _service { b: sdl } }'];
    await using closed = await startSubgraph();
    for (const question of questions) {
      const { body } = await closed.post(question);
      expect(body.data ?? null).toBeNull();
      expect(body.errors?.[0]?.extensions['code']).toBe('GRAPHQL_VALIDATION_FAILED');
    }
    expect((await closed.post('{ opn }')).body.errors?.[0]?.message).toBe('Cannot query field "opn" on type "Query".');
    expect((await closed.post('{ __typename }')).body.data).toEqual({ __typename: 'Query' });
    await using open = await startSubgraph({ introspection: true });
    for (const question of questions) expect((await open.post(question)).body.errors).toBeUndefined();
    expect((await open.post('{ opn }')).body.errors?.[0]?.message).toContain('Did you mean "open"?');
  });

  it('asks for scopes where the schema does', async () => {
    await using graph = await startSubgraph();
    expect(
      (await graph.post('{ audit }', { authorization: `Bearer ${token('USER')}` })).body.errors?.[0]?.extensions,
    ).toMatchObject({ code: 'FORBIDDEN' });
    expect((await graph.post('{ audit }', { authorization: `Bearer ${token('ADMIN')}` })).body.data).toEqual({
      audit: 'audit',
    });
  });

  it('shows a fault with its code and masks a defect, whose stack goes to the log', async () => {
    await using graph = await startSubgraph();
    const { body } = await graph.post('{ missing refused defect }', { 'x-request-id': 'request-0002' });
    expect(body.errors).toEqual([
      expect.objectContaining({ message: 'Task not found.', path: ['missing'], extensions: { code: 'NOT_FOUND' } }),
      expect.objectContaining({ message: 'No.', extensions: { code: 'CONFLICT', reason: 'BECAUSE', detail: 1 } }),
      expect.objectContaining({
        path: ['defect'],
        extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: 'request-0002' },
      }),
    ]);
    expect(JSON.stringify(body)).not.toContain('secret detail');
    expect(graph.lines).toContainEqual(
      expect.objectContaining({
        level: 'error',
        requestId: 'request-0002',
        err: expect.objectContaining({ message: 'secret detail' }),
      }),
    );
  });

  it('gives errors of the document their codes', async () => {
    await using graph = await startSubgraph();
    expect((await graph.post('{ nothing }')).body.errors?.[0]?.extensions['code']).toBe('GRAPHQL_VALIDATION_FAILED');
    expect((await graph.post('{')).body.errors?.[0]?.extensions['code']).toBe('GRAPHQL_PARSE_FAILED');
    const unreadable = await fetch(`${graph.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    });
    expect(unreadable.status).toBe(400);
    expect(await unreadable.json()).toEqual({
      errors: [{ message: 'The request body cannot be read.', extensions: { code: 'BAD_REQUEST' } }],
    });
  });

  it('reads JSON in whatever way it comes, and refuses what is no request', async () => {
    await using graph = await startSubgraph();
    const send = (path: string, headers: Record<string, string>, body: string | Buffer) =>
      fetch(`${graph.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
      });
    const query = JSON.stringify({ query: '{ open }' });
    const answers = [
      await send('/graphql', {}, query),
      await send('/graphql?from=here', { 'content-type': 'Application/JSON; charset=UTF-8' }, query),
      await send('/graphql', { 'content-encoding': 'gzip' }, gzipSync(query)),
      await send('/graphql', { 'content-type': 'application/json; charset=utf-16' }, Buffer.from(query, 'utf16le')),
      await send('/graphql/', {}, query),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(200);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      const text = await answer.text();
      expect(answer.headers.get('content-length')).toBe(String(Buffer.byteLength(text)));
      expect((JSON.parse(text) as { errors?: unknown }).errors).toBeUndefined();
    }
    for (const body of ['7', 'null', '"{ open }"', '{"query":', ''])
      expect((await send('/graphql', {}, body)).status).toBe(400);
    expect((await send('/graphql', {}, Buffer.from('{"query":"{ open } # \xe9"}', 'latin1'))).status).toBe(400);
    expect((await send('/graphql', {}, '{}')).status).toBe(400);
    for (const path of ['/graphqls', '/%F0%9F', '/<script>', '/..%2f..%2fetc/passwd', '/graphql/x?y=1']) {
      const nothing = await send(path, {}, query);
      expect([nothing.status, nothing.headers.get('content-type')]).toEqual([404, 'application/json; charset=utf-8']);
      const errors = [{ message: 'There is nothing at this path.', extensions: { code: 'NOT_FOUND' } }];
      expect(await nothing.json()).toEqual({ errors });
    }
    const deep = `{"query":"{ open }","variables":{"x":${'['.repeat(1_000)}${']'.repeat(1_000)}}}`;
    for (const path of ['/graphql', '/graphql/']) expect((await send(path, {}, deep)).status).toBe(400);
  });

  it.each([
    ['a charset', { 'content-type': 'application/json; charset=latin1' }],
    ['a charset between quotes', { 'content-type': 'application/json; charset="iso-8859-1"' }],
    ['an encoding', { 'content-encoding': 'zstd-or-what' }],
    ['a type', { 'content-type': 'text/plain' }],
    ['a type of forms', { 'content-type': 'application/x-www-form-urlencoded' }],
  ])('answers 415 to %s that it does not take', async (_what, headers) => {
    await using graph = await startSubgraph();
    const answer = await fetch(`${graph.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'apollo-require-preflight': '1', ...headers },
      body: '{"query":"{ open }"}',
    });
    expect([answer.status, await answer.json()]).toEqual([
      415,
      { errors: [{ message: expect.stringMatching(/^Send the request/), extensions: { code: 'BAD_REQUEST' } }] },
    ]);
  });

  it('refuses a subscription that a rule of graphql-js cannot judge', async () => {
    await using graph = await startSubgraph();
    const query = 'subscription($x: Boolean = true) { news @skip(if: $x) }';
    const headers = { 'content-type': 'application/json', 'apollo-require-preflight': '1' };
    for (const answer of [
      await fetch(`${graph.url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) }),
      await fetch(`${graph.url}/graphql?query=${encodeURIComponent(query)}`, { headers }),
    ])
      expect([answer.status, await answer.json()]).toEqual([
        400,
        {
          errors: [{ message: expect.stringContaining('served over WebSockets'), extensions: { code: 'BAD_REQUEST' } }],
        },
      ]);
  });

  it('takes a GET', async () => {
    await using graph = await startSubgraph();
    const answer = await fetch(`${graph.url}/graphql?query={open}`, { headers: { 'apollo-require-preflight': '1' } });
    expect([answer.status, await answer.json()]).toEqual([200, { data: { open: 'open' } }]);
  });

  it('refuses a body over the limit', async () => {
    await using graph = await startSubgraph();
    const response = await fetch(`${graph.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: `{ open } # ${'x'.repeat(2_000_000)}` }),
    });
    expect(response.status).toBe(413);
    expect(response.headers.get('connection')).toBe('close');
  });

  it('reports health with its dependencies, a critical one taking readiness with it', async () => {
    await using graph = await startSubgraph();
    expect((await fetch(`${graph.url}/health/ready`)).status).toBe(200);
    graph.health.register('sidecar', () => Promise.reject(new Error('gone')), { critical: false });
    expect(await (await fetch(`${graph.url}/health`)).json()).toMatchObject({
      status: 'degraded',
      dependencies: { sidecar: { status: 'unavailable', error: 'gone' } },
    });
    graph.health.register('database', () => Promise.reject(new Error('gone')));
    expect((await fetch(`${graph.url}/health/ready`)).status).toBe(503);
    expect((await fetch(`${graph.url}/health/live`)).status).toBe(200);
  });

  it('counts requests by route', async () => {
    await using graph = await startSubgraph();
    await graph.post('{ open }');
    const metrics = await (await fetch(`${graph.url}/metrics`)).text();
    expect(metrics).toMatch(
      /taskgraph_http_request_duration_seconds_count\{[^}]*method="POST",route="\/graphql",status="200"[^}]*\} 1/,
    );
  });

  it('lets a request in flight finish when it is closed, and refuses new ones', async () => {
    const graph = await startSubgraph();
    const agentless = new Promise<string>((resolve, reject) => {
      const request = httpRequest(
        `${graph.url}/graphql`,
        { method: 'POST', headers: { 'content-type': 'application/json' } },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => resolve(text));
        },
      );
      request.on('error', reject);
      request.end(JSON.stringify({ query: '{ slow }' }));
    });
    await graph.started;
    const closed = graph.service.close();
    await expect(fetch(`${graph.url}/health/live`)).rejects.toThrow();
    graph.releaseSlow();
    expect(JSON.parse(await agentless)).toEqual({ data: { slow: 'done' } });
    await closed;
  });
});
