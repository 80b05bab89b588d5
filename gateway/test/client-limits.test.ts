import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { createLog, createMetrics, createRateLimits } from '@taskgraph/service-kit';
import { hasRedisServer, postGraphQL, signTestToken, startRedisServer, uploadGraphQL } from '@taskgraph/testkit';
import { OperationTypeNode } from 'graphql';
import { WebSocket } from 'ws';
import type { OperationContext } from '@taskgraph/federation-engine/internal/request/context.js';
import { createClientLimits } from '../src/admission/client-limits.js';
import { library, startGateway, startGatewayOn, type FakeSubgraph } from './fake-subgraphs.js';
import { connectClient } from './subscriptions/newsroom.js';

const LIMITED = { RATE_LIMITS: '1', TRUST_PROXY: 'loopback' };
const BOOKS = '{ books { title } }';
const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });

describe('a client without a token', () => {
  it('is answered 429 when its address has asked for more than it may, with what to do, and others are not', async () => {
    await using gateway = await startGateway(library(), { ...LIMITED, RATE_LIMIT_ANONYMOUS: '20/60' });
    const answers = await Promise.all(Array.from({ length: 30 }, () => gateway.run(BOOKS, from('192.0.2.1'))));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(20);
    const refused = answers.find(({ status }) => status === 429)!;
    expect(refused.body.data).toBeUndefined();
    expect(refused.body.errors).toEqual([
      {
        message: expect.stringMatching(/^There were too many operations from this address .* Try again in \d+ s\.$/),
        extensions: { code: 'RATE_LIMITED', reason: 'ANONYMOUS_QUOTA', retryAfter: expect.any(Number) },
      },
    ]);
    const { headers } = refused;
    expect(headers.get('retry-after')).toBe(String(refused.body.errors?.[0]?.extensions?.['retryAfter']));
    expect(headers.get('ratelimit-policy')).toBe('"address";q=6000;w=60, "anonymous";q=20;w=60');
    expect(headers.get('ratelimit')).toMatch(/^"address";r=59\d\d;t=\d+, "anonymous";r=0;t=\d+$/);
    expect((await gateway.run(BOOKS, from('192.0.2.2'))).status).toBe(200);
    // A token that is none is no way around it, and neither is a header that its own proxy has not written.
    expect((await gateway.run(BOOKS, { ...from('192.0.2.1'), token: 'garbage' })).status).toBe(429);
    expect((await gateway.run(BOOKS, from('192.0.2.77, 192.0.2.1'))).status).toBe(429);
    expect((await gateway.run(BOOKS, { ...from('192.0.2.1'), token: signTestToken() })).status).toBe(200);
  });

  it('is one client with all addresses of its network, and is told 429 by the defaults at 300 queries', async () => {
    await using gateway = await startGateway(library(), LIMITED);
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, index) => gateway.run(BOOKS, from(`2001:db8:1:2::${index.toString(16)}`))),
    );
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(100);
    expect((await gateway.run(BOOKS, from('2001:db8:1:3::1'))).status).toBe(200);
  });

  it('is counted for each operation of a batch and over WebSocket', async () => {
    await using gateway = await startGateway(library(), { ...LIMITED, RATE_LIMIT_ANONYMOUS: '5/60' });
    const batch = (count: number) =>
      fetch(`${gateway.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-forwarded-for': '192.0.2.1' },
        body: JSON.stringify(Array.from({ length: count }, () => ({ query: BOOKS }))),
      });
    const first = (await (await batch(8)).json()) as Array<{ errors?: unknown }>;
    expect(first.map(({ errors }) => errors === undefined)).toEqual([
      true,
      true,
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect((await batch(2)).status).toBe(429);

    await using client = connectClient(gateway);
    for (let round = 0; round < 5; round += 1) {
      const one = client.subscribe(BOOKS);
      expect((await one.next()).data).toBeTruthy();
      await one.ended;
    }
    const refused = await client.subscribe(BOOKS).ended;
    expect(refused).toEqual([
      expect.objectContaining({
        extensions: expect.objectContaining({ code: 'RATE_LIMITED', reason: 'ANONYMOUS_QUOTA' }),
      }),
    ]);
  });

  it('is refused before its body is read, and at the handshake, once its address is over', async () => {
    await using gateway = await startGateway(library(), { ...LIMITED, RATE_LIMIT_ADDRESS: '3/60' });
    for (let round = 0; round < 3; round += 1) await gateway.run(BOOKS, from('127.0.0.1'));
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: 'x'.repeat(2_000_000),
    });
    expect([response.status, response.headers.get('connection')]).toEqual([429, 'close']);
    const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    const [, refusal] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    expect([refusal.statusCode, Number(refusal.headers['retry-after']) > 0]).toEqual([429, true]);
    refusal.socket.destroy();
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(text).toMatch(/taskgraph_rate_limited_total\{limit="address",service="gateway"\} [1-9]/);
  });
});

describe('a user', () => {
  const ada = signTestToken();
  const ADD = 'mutation { addBook(title: "Persuasion") { title } }';

  it('is limited in fields of mutations, wherever he is, and reads on', async () => {
    await using gateway = await startGateway(library(), { ...LIMITED, RATE_LIMIT_MUTATIONS: '10/60' });
    const many = `mutation { ${Array.from({ length: 4 }, (_, index) => `a${index}: addBook(title: "x") { title }`).join(' ')} ...More }
      fragment More on Mutation { b: addBook(title: "y") { title } }`;
    for (const address of ['192.0.2.1', '192.0.2.2'])
      expect((await gateway.run(many, { token: ada, ...from(address) })).status).toBe(200);
    const refused = await gateway.run(ADD, { token: ada, ...from('192.0.2.3') });
    expect([refused.status, refused.body.errors?.[0]?.extensions?.['reason']]).toEqual([429, 'MUTATIONS_QUOTA']);
    expect((await gateway.run(BOOKS, { token: ada })).status).toBe(200);
    expect((await gateway.run(ADD, { token: signTestToken() })).status).toBe(200);
  });

  it('is limited in what operations cost, as they are estimated', async () => {
    await using gateway = await startGateway(library(), { ...LIMITED, RATE_LIMIT_COST: '25/60' });
    const statuses: number[] = [];
    for (let round = 0; round < 4; round += 1) statuses.push((await gateway.run(BOOKS, { token: ada })).status);
    // Ten books are assumed.
    expect(statuses).toEqual([200, 200, 429, 429]);
    const { headers } = await gateway.run('{ __typename }', { token: ada });
    expect(headers.get('ratelimit-policy')).toBe('"address";q=6000;w=60');
  });

  it('is limited in files and their bytes', async () => {
    const files: FakeSubgraph = {
      name: 'files',
      typeDefs: 'scalar Upload type Query { one: Int } type Mutation { keep(file: Upload!): Int }',
      resolvers: { Query: { one: () => 1 } },
      intercept(request, response) {
        if (!request.headers['content-type']?.startsWith('multipart/')) return false;
        request
          .resume()
          .on('end', () => response.setHeader('content-type', 'application/json').end('{"data":{"keep":1}}'));
        return true;
      },
    };
    await using gateway = await startGateway([files], {
      ...LIMITED,
      RATE_LIMIT_UPLOADS: '3/60',
      RATE_LIMIT_UPLOAD_BYTES: '100000/60',
    });
    const upload = (token: string, bytes: number) =>
      uploadGraphQL(`${gateway.url}/graphql`, {
        query: 'mutation($file: Upload!) { keep(file: $file) }',
        variables: { file: null },
        files: { 'variables.file': { filename: 'a', content: Buffer.alloc(bytes), contentType: 'image/png' } },
        token,
      });
    const reasonOf = async (token: string, bytes: number) => {
      const { status, body } = await upload(token, bytes);
      return status === 200 ? body.data : body.errors?.[0]?.extensions?.['reason'];
    };
    for (let round = 0; round < 3; round += 1) expect(await reasonOf(ada, 10)).toEqual({ keep: 1 });
    expect(await reasonOf(ada, 10)).toBe('UPLOADS_QUOTA');
    const eve = signTestToken();
    expect(await reasonOf(eve, 80_000)).toEqual({ keep: 1 });
    expect(await reasonOf(eve, 80_000)).toBe('UPLOAD_BYTES_QUOTA');
  });
});

describe('limits', () => {
  it('leave this machine alone in development, and anybody where they are off', async () => {
    const settings = { RATE_LIMITS: '1', RATE_LIMIT_ANONYMOUS: '1/60' };
    await using development = await startGateway(library(), { ...settings, NODE_ENV: 'development' });
    for (let round = 0; round < 5; round += 1) expect((await development.run(BOOKS)).status).toBe(200);
    await using shown = await startGatewayOn(development, {
      ...settings,
      NODE_ENV: 'development',
      RATE_LIMIT_EXEMPT: 'none',
    });
    expect([(await shown.run(BOOKS)).status, (await shown.run(BOOKS)).status]).toEqual([200, 429]);
    await using off = await startGatewayOn(development, { ...settings, RATE_LIMIT_ANONYMOUS: 'off' });
    for (let round = 0; round < 5; round += 1) expect((await off.run(BOOKS)).status).toBe(200);
  });

  it('keep a bounded number of however many addresses', async () => {
    const rate = { quota: 10, windowSeconds: 60 };
    const rates = { address: rate, anonymous: rate, mutations: null, uploads: null, uploadBytes: null, cost: rate };
    const metrics = createMetrics('gateway');
    const log = createLog({ service: 'gateway', level: 'silent' });
    const limits = createRateLimits({ redisUrl: undefined, log, metrics });
    const clients = createClientLimits({ rates, limits, isExempt: () => false });
    const demand = { type: OperationTypeNode.QUERY, rootFields: 1, cost: 1, files: 0, bytes: 0 };
    for (let index = 0; index < 200_000; index += 1) {
      const address = `2001:db8:${(index >> 16).toString(16)}:${(index & 0xffff).toString(16)}::1`;
      const context = { address, identity: { kind: 'absent' }, log } as unknown as OperationContext;
      clients.admit(demand, context, clients.arrive(context));
    }
    const text = await metrics.registry.metrics();
    for (const limit of ['address', 'anonymous', 'cost'])
      expect(text).toContain(`taskgraph_rate_limit_keys{limit="${limit}",service="gateway"} 100000`);
  });

  (hasRedisServer() ? it : it.skip)('are those of all gateways with one Redis, some moments later', async () => {
    await using redis = await startRedisServer();
    const settings = { ...LIMITED, REDIS_URL: redis.url, RATE_LIMIT_ANONYMOUS: '20/600' };
    await using one = await startGateway(library(), settings);
    await using other = await startGatewayOn(one, settings);
    const ask = (url: string) => postGraphQL(url, { query: BOOKS, headers: { 'x-forwarded-for': '192.0.2.1' } });
    let answered = 0;
    for (let round = 0; ; round += 1) {
      const { status } = await ask(round % 2 ? one.url : other.url);
      if (status === 429) break;
      answered += 1;
      // Each on its own would let through forty.
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    expect(answered).toBeLessThan(40);
    while ((await ask(one.url)).status !== 429 || (await ask(other.url)).status !== 429);
  });
});
