import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { signTestToken, subscribeGraphQL } from '@taskgraph/testkit';
import { readGatewayConfig } from '../../src/config.js';
import { startGateway, type FakeSubgraph } from '../fake-subgraphs.js';

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@authenticated", "@policy"])';
const HIDDEN = 'hidden';

const vault: FakeSubgraph = {
  name: 'vault',
  typeDefs: `${LINK}
    type Query {
      open: String
      staff: String @policy(policies: [["staff"]])
      owner: String @policy(policies: [["owner"]])
      either: String @policy(policies: [["staff", "owner"], ["region"]])
      item: Item
    }
    type Item { id: ID! secret: String @policy(policies: [["owner"]]) }
    type Subscription { heard: Item guarded: Item @policy(policies: [["owner"]]) }`,
  resolvers: {
    Query: {
      open: () => 'open',
      staff: () => HIDDEN,
      owner: () => HIDDEN,
      either: () => HIDDEN,
      item: () => ({ id: '1', secret: HIDDEN }),
    },
  },
};

interface Asked {
  readonly policies: string[];
  readonly claims: Record<string, unknown> | null;
  readonly authorization: string | undefined;
}

/** A deployment's service that decides about policies. */
async function startHook(answer: (asked: Asked) => { status?: number; body: string } | 'nothing') {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const { policies, claims } = JSON.parse(text) as Asked;
      const question = { policies, claims, authorization: request.headers.authorization };
      asked.push(question);
      const told = answer(question);
      if (told !== 'nothing') response.writeHead(told.status ?? 200).end(told.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/policies`,
    asked,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const saying = (verdicts: Record<string, unknown>) => () => ({ body: JSON.stringify(verdicts) });

describe('policies of the table', () => {
  const POLICIES = JSON.stringify({
    staff: { role: 'ADMIN' },
    owner: [{ groups: 'owners' }, { level: [7, 8], active: true }],
    region: { region: ['de', 'fr'] },
  });

  it('are met by claims', async () => {
    await using gateway = await startGateway([vault], { AUTHORIZATION_POLICIES: POLICIES });
    const seen = async (token?: string) => {
      const { body } = await gateway.run('{ open staff owner either }', token === undefined ? {} : { token });
      expect(body.data.open).toBe('open');
      return Object.keys(body.data).filter((name) => body.data[name] === HIDDEN);
    };
    const claiming = (claims: Record<string, unknown>) => seen(signTestToken({ claims }));
    expect(await seen()).toEqual([]);
    expect(await seen(signTestToken())).toEqual([]);
    expect(await seen(signTestToken({ role: 'ADMIN' }))).toEqual(['staff']);
    expect(await claiming({ groups: ['others', 'owners'] })).toEqual(['owner']);
    expect(await claiming({ groups: 'owner' })).toEqual([]);
    expect(await claiming({ level: 8, active: true })).toEqual(['owner']);
    expect(await claiming({ level: 8 })).toEqual([]);
    expect(await claiming({ level: '8', active: true })).toEqual([]);
    expect(await claiming({ region: 'fr' })).toEqual(['either']);
    expect(await claiming({ role: 'ADMIN', groups: ['owners'] })).toEqual(['staff', 'owner', 'either']);
  });

  it('tell whether signing in would help', async () => {
    await using gateway = await startGateway([vault], { AUTHORIZATION_POLICIES: '{"staff": {"role": "ADMIN"}}' });
    const codes = async (token?: string) =>
      (await gateway.run('{ staff owner }', token === undefined ? {} : { token })).body.errors?.map(
        ({ extensions }) => extensions,
      );
    const reason = 'UNAUTHORIZED_FIELD_OR_TYPE';
    const unmet = { code: 'FORBIDDEN', reason, cause: 'POLICY_UNMET' };
    expect(await codes()).toEqual([{ code: 'UNAUTHENTICATED', reason, cause: 'TOKEN_MISSING' }, unmet]);
    expect(await codes(signTestToken())).toEqual([unmet, unmet]);
  });

  it.each(['{', '[]', '{"a": {}}', '{"a": []}', '{"a": {"b": null}}', '{"a": "b"}'])(
    'are refused when they say nothing: %s',
    (text) => {
      expect(() => readGatewayConfig({ AUTHORIZATION_POLICIES: text })).toThrow('AUTHORIZATION_POLICIES');
    },
  );
});

describe('policies of a hook', () => {
  it('are asked for once in a request, with the claims, and only when an operation meets them', async () => {
    await using hook = await startHook(saying({ owner: true, staff: false }));
    await using gateway = await startGateway([vault], {
      AUTHORIZATION_POLICY_URL: hook.url,
      AUTHORIZATION_POLICIES: '{"region": {"region": "de"}}',
    });
    const token = signTestToken({ claims: { groups: ['a'] } });
    expect((await gateway.run('{ open }', { token })).body).toEqual({ data: { open: 'open' } });
    expect((await gateway.run('{ open owner @skip(if: true) }', { token })).body).toEqual({ data: { open: 'open' } });
    const skipped = 'query($yes: Boolean!) { open owner @skip(if: $yes) }';
    expect((await gateway.run(skipped, { token, variables: { yes: true } })).body).toEqual({ data: { open: 'open' } });
    expect(hook.asked).toEqual([]);

    const { body } = await gateway.run('{ owner again: owner item { secret } staff }', { token });
    expect(body.data).toEqual({ owner: HIDDEN, again: HIDDEN, item: { secret: HIDDEN }, staff: null });
    expect(hook.asked).toEqual([
      {
        policies: ['owner', 'staff'],
        claims: expect.objectContaining({ role: 'USER', groups: ['a'] }),
        authorization: `Bearer ${token}`,
      },
    ]);

    hook.asked.length = 0;
    const batch = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify([{ query: '{ owner }' }, { query: '{ owner item { secret } }' }]),
    });
    expect(await batch.json()).toEqual([
      { data: { owner: HIDDEN } },
      { data: { owner: HIDDEN, item: { secret: HIDDEN } } },
    ]);
    expect(hook.asked.map(({ policies }) => policies)).toEqual([['owner']]);

    hook.asked.length = 0;
    expect((await gateway.run('{ owner }')).body.data).toEqual({ owner: HIDDEN });
    expect(hook.asked).toEqual([{ policies: ['owner'], claims: null, authorization: undefined }]);
  });

  it.each<readonly [string, Parameters<typeof startHook>[0]]>([
    ['fails', () => ({ status: 500, body: '{"owner": true}' })],
    ['answers late', () => 'nothing'],
    ['does not answer in JSON', () => ({ body: 'true' })],
    ['says neither yes nor no', saying({ owner: 'yes' })],
    [
      'says too much',
      () => ({
        body: JSON.stringify({
          owner: true,
          ...Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`policy${at}`, true])),
        }),
      }),
    ],
    ['says nothing of it', saying({ other: true })],
    ['sends elsewhere', () => ({ status: 302, body: '' })],
  ])('allow nothing when it %s', async (_how, answer) => {
    await using hook = await startHook(answer);
    await using gateway = await startGateway([vault], {
      AUTHORIZATION_POLICY_URL: hook.url,
      AUTHORIZATION_POLICY_TIMEOUT_MS: '200',
    });
    const { body } = await gateway.run('{ open owner }', { token: signTestToken() });
    expect(body).toMatchObject({
      data: { open: 'open', owner: null },
      errors: [{ path: ['owner'], extensions: { code: 'FORBIDDEN', cause: 'POLICY_UNMET' } }],
    });
  });

  it('allow nothing when nobody is there', async () => {
    await using gateway = await startGateway([vault], { AUTHORIZATION_POLICY_URL: 'http://127.0.0.1:1/policies' });
    expect((await gateway.run('{ open owner }', { token: signTestToken() })).body.data).toEqual({
      open: 'open',
      owner: null,
    });
  });
});

describe('policies of subscriptions', () => {
  const event = { root: { heard: { id: '1', secret: HIDDEN }, guarded: { id: '1' } } };

  it('are asked for when a client subscribes, and with each event', async () => {
    let allows = true;
    await using hook = await startHook(() => ({ body: JSON.stringify({ owner: allows }) }));
    await using gateway = await startGateway([vault], { AUTHORIZATION_POLICY_URL: hook.url });
    const { feed } = gateway.subgraphs['vault']!;
    const token = signTestToken();
    await using client = subscribeGraphQL(gateway.url, { query: 'subscription { heard { id secret } }', token });
    await feed.untilActive(1);
    feed.publish(event);
    expect(await client.next()).toMatchObject({ body: { data: { heard: { id: '1', secret: HIDDEN } } } });
    allows = false;
    feed.publish(event);
    expect(await client.next()).toMatchObject({
      body: { data: { heard: { id: '1', secret: null } }, errors: [{ path: ['heard', 'secret'] }] },
    });
    expect(hook.asked).toHaveLength(3);

    // Who subscribes now asks for less; what is allowed later comes with the next subscription.
    await using second = subscribeGraphQL(gateway.url, { query: 'subscription { heard { id secret } }', token });
    await feed.untilActive(2);
    expect(feed.active().at(-1)?.query).not.toContain('secret');
    allows = true;
    feed.publish(event);
    expect(await client.next()).toMatchObject({ body: { data: { heard: { secret: HIDDEN } } } });
    expect(await second.next()).toMatchObject({ body: { data: { heard: { id: '1', secret: null } } } });
  });

  it('refuse a root field, and withhold it when they change', async () => {
    let allows = false;
    await using hook = await startHook(() => ({ body: JSON.stringify({ owner: allows }) }));
    await using gateway = await startGateway([vault], { AUTHORIZATION_POLICY_URL: hook.url });
    const { feed } = gateway.subgraphs['vault']!;
    const subscribe = () =>
      subscribeGraphQL(gateway.url, { query: 'subscription { guarded { id } }', token: signTestToken() });
    await using refused = subscribe();
    expect(await refused.next()).toMatchObject({
      kind: 'failed',
      errors: [{ path: ['guarded'], extensions: { code: 'FORBIDDEN', reason: 'UNAUTHORIZED_FIELD_OR_TYPE' } }],
    });
    allows = true;
    await using client = subscribe();
    await feed.untilActive(1);
    allows = false;
    feed.publish(event);
    const heard = await client.next();
    expect(heard).toMatchObject({ kind: 'event', body: { errors: [{ extensions: { code: 'FORBIDDEN' } }] } });
    expect(JSON.stringify(heard)).not.toContain('"id"');
  });
});
