import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { postGraphQL } from '@taskgraph/testkit';
import { startGateway, type GatewayUnderTest } from './fake-subgraphs.js';
import { newsroom, PUBLISHED } from './subscriptions/newsroom.js';
import { openSocket, subscribe } from './subscriptions/raw-socket.js';

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

/** What a request throws that nobody expects would end this test's own process. */
describe('bytes that are malformed', () => {
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway(newsroom().fakes);
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  const isAlive = async () => (await gateway.run('{ __typename }')).status === 200;

  const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
    fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'multipart/form-data; boundary=b', 'apollo-require-preflight': '1', ...headers },
    });

  it.each([
    ['has no colon', '--b\r\nfoo bar\r\n\r\nx\r\n--b--\r\n'],
    ['has a control character', '--b\r\nfoo: a\u0001b\r\n\r\nx\r\n--b--\r\n'],
    ['has no name', '--b\r\n: x\r\n\r\nx\r\n--b--\r\n'],
    ['is over 16 KB', `--b\r\nfoo: ${'x'.repeat(20_000)}\r\n\r\nx\r\n--b--\r\n`],
    ['does not end', '--b\r\nfoo: x'],
    ['is malformed twice', '--b\r\nfoo bar\r\n\r\nx\r\n--b\r\nfoo bar\r\n\r\nx\r\n--b--\r\n'],
    [
      'follows good fields',
      '--b\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{}\r\n--b\r\nfoo bar\r\n\r\nx\r\n--b--\r\n',
    ],
    [
      'follows a file',
      '--b\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{"query":"{ __typename }","variables":{"f":null}}\r\n--b\r\ncontent-disposition: form-data; name="map"\r\n\r\n{"0":["variables.f"]}\r\n--b\r\ncontent-disposition: form-data; name="0"; filename="a"\r\n\r\nx\r\n--b\r\nfoo bar\r\n\r\nx\r\n--b--\r\n',
    ],
  ])('cost nothing but an answer where the header of a part %s', async (_what, body) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { errors: unknown[] }).errors).toMatchObject([
      { extensions: { code: 'BAD_REQUEST' } },
    ]);
    expect(await isAlive()).toBe(true);
  });

  it.each([
    ['operations', '{"query":"{ caf\u00e9: __typename }"}', '{}', ''],
    ['map', '{"query":"{ __typename }"}', '{"\u00e9":[]}', ''],
    [
      'the name of a file',
      '{"query":"{ __typename }"}',
      '{}',
      '--b\r\ncontent-disposition: form-data; name="0"; filename="\u00e9"\r\n\r\nx\r\n',
    ],
  ])('are no text of a form: %s', async (_what, operations, map, first) => {
    const part = (name: string, value: string) =>
      `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    const body = Buffer.from(`${first}${part('operations', operations)}${part('map', map)}--b--\r\n`, 'latin1');
    const response = await post(body);
    expect([response.status, await response.json()]).toMatchObject([
      400,
      {
        errors: [
          { message: expect.stringMatching(/not in UTF-8/), extensions: { code: 'BAD_REQUEST', reason: 'MULTIPART' } },
        ],
      },
    ]);
    expect(await isAlive()).toBe(true);
  });

  it.each([1, 3])('cost a WebSocket its connection where a ping is nested %s times too deep', async (times) => {
    for (const init of [false, true]) {
      await using socket = await openSocket(gateway, { init });
      socket.send(`{"type":"ping","payload":{"a":${nested(5_000 * times)}}}`);
      expect(await socket.closed).toEqual({ code: 4400, reason: 'Invalid message received' });
    }
    expect(await isAlive()).toBe(true);
  });

  it('cost a WebSocket its connection where variables are nested too deep', async () => {
    await using socket = await openSocket(gateway);
    socket.send(
      `{"type":"subscribe","id":"1","payload":{"query":${JSON.stringify(PUBLISHED)},"variables":{"undeclared":${nested(50_000)}}}}`,
    );
    expect((await socket.closed).code).toBe(4400);
    expect(await isAlive()).toBe(true);
  });

  it.each(['€'.repeat(128), '🦦'.repeat(64), 'é'.repeat(128)])(
    'have room in the reason of a close: the id %s',
    async (id) => {
      await using socket = await openSocket(gateway);
      socket.send(subscribe(id, PUBLISHED));
      socket.send(subscribe(id, PUBLISHED));
      const { code, reason } = await socket.closed;
      expect(code).toBe(4409);
      expect(`Subscriber for ${id} already exists`.startsWith(reason)).toBe(true);
      expect(await isAlive()).toBe(true);
    },
  );

  it.each<[string, Record<string, string>]>([
    ['gzip', { 'content-encoding': 'gzip' }],
    ['an unknown encoding', { 'content-encoding': 'x, y' }],
    ['UTF-16', { 'content-type': 'application/json; charset=utf-16' }],
    ['Latin-1 between quotes', { 'content-type': 'application/json;a=b; Charset="latin1"' }],
    ['a type of its own', { 'content-type': 'application/graphql' }],
    ['no type', { 'content-type': '' }],
    ['a form that is compressed', { 'content-type': 'multipart/form-data; boundary=b', 'content-encoding': 'br' }],
  ])('are answered 415 where they are written in a way that is not read: %s', async (_what, headers) => {
    const answer = await post('{"query":"{ __typename }"}', { 'content-type': 'application/json', ...headers });
    expect([answer.status, await answer.json()]).toEqual([
      415,
      { errors: [{ message: expect.stringMatching(/^Send the request/), extensions: { code: 'BAD_REQUEST' } }] },
    ]);
  });

  it.each<Record<string, string>>([
    { 'content-encoding': 'identity' },
    { 'content-type': 'Application/JSON ; charset=UTF-8' },
    { 'content-type': 'application/json;charset="utf8"' },
  ])('are read where they say what they are: %j', async (headers) => {
    const answer = await post('{"query":"{ __typename }"}', { 'content-type': 'application/json', ...headers });
    expect(answer.status).toBe(200);
  });

  it('are refused where JSON is nested too deep', async () => {
    const query = 'query($x: Int) { __typename }';
    const inBody = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"query":"${query}","variables":{"x":${nested(50_000)}}}`,
    });
    expect(inBody.status).toBe(400);
    expect(await inBody.json()).toEqual({
      errors: [
        {
          message: 'The request body cannot be read: nested deeper than 128 levels.',
          extensions: { code: 'BAD_REQUEST' },
        },
      ],
    });
    const inAddress = await fetch(
      `${gateway.url}/graphql?query={__typename}&variables=${encodeURIComponent(`{"x":${nested(500)}}`)}`,
      { headers: { 'apollo-require-preflight': '1' } },
    );
    expect(inAddress.status).toBe(400);
    const deep = { x: JSON.parse(nested(100)) as unknown };
    expect((await postGraphQL(gateway.url, { query: '{ __typename }', variables: deep })).status).toBe(200);
  });
});
