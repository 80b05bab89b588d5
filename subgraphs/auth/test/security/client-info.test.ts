import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createClientInfoSigner } from '@taskgraph/service-kit';
import { expectData, postGraphQL, TEST_CLIENT_INFO_SECRET } from '@taskgraph/testkit';
import { LOGIN, PASSWORD, startAuthGraph, type AuthGraph, type Tokens } from '../auth-graph.js';

const BEFORE = 'the secret that was there before this one';
const SESSIONS = '{ sessions { ipAddress userAgent clientName } }';
const ADA = { ipAddress: '192.0.2.7', userAgent: 'Firefox/128.0', clientName: 'taskgraph-web' };
const ID = 'request-of-ada';

const sign = createClientInfoSigner(TEST_CLIENT_INFO_SECRET);

describe('where a session was opened', () => {
  let graph: AuthGraph;
  beforeAll(async () => {
    graph = await startAuthGraph({ CLIENT_INFO_SECRET_PREVIOUS: BEFORE });
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  /** Logs somebody new in with these headers; what the session says of it. */
  async function sessionOf(headers: Record<string, string>): Promise<unknown> {
    const { email } = await graph.register();
    const answer = await postGraphQL(graph.url, {
      query: LOGIN,
      variables: { input: { email, password: PASSWORD } },
      headers: { 'user-agent': 'curl/8', ...headers },
    });
    const { accessToken } = (expectData(answer) as { login: Tokens }).login;
    const { sessions } = expectData(await graph.run(SESSIONS, {}, accessToken)) as { sessions: unknown[] };
    return sessions[0];
  }

  const refusals = async () => (await fetch(`${graph.url}/metrics`)).text();

  it.each([TEST_CLIENT_INFO_SECRET, BEFORE])('is what a gateway says that has signed it with %j', async (secret) => {
    const header = createClientInfoSigner(secret)(ADA, ID);
    expect(await sessionOf({ 'x-request-id': ID, 'x-taskgraph-client': header })).toEqual(ADA);
  });

  it.each([
    ['nothing is signed', { 'x-forwarded-for': '192.0.2.7', forwarded: 'for=192.0.2.7' }],
    ['the header is what it would say, unsigned', { 'x-taskgraph-client': JSON.stringify(ADA) }],
    [
      'somebody else has signed',
      { 'x-request-id': ID, 'x-taskgraph-client': createClientInfoSigner('x'.repeat(32))(ADA, ID) },
    ],
    ['it was signed for another request', { 'x-request-id': 'another-request', 'x-taskgraph-client': sign(ADA, ID) }],
    ['it names no request that the sender has named', { 'x-taskgraph-client': sign(ADA, ID) }],
    [
      'it was signed an hour ago',
      {
        'x-request-id': ID,
        'x-taskgraph-client': createClientInfoSigner(TEST_CLIENT_INFO_SECRET, () => Date.now() - 3_600_000)(ADA, ID),
      },
    ],
  ])('is where the connection comes from when %s', async (_how, headers) => {
    expect(await sessionOf({ 'apollographql-client-name': 'taskgraph-web', ...headers })).toEqual({
      ipAddress: '127.0.0.1',
      userAgent: 'curl/8',
      clientName: 'taskgraph-web',
    });
  });

  it('is told by no forged header, and each of those is counted', async () => {
    const text = await refusals();
    for (const [reason, count] of [
      ['malformed', 1],
      ['forged', 1],
      ['other_request', 2],
      ['out_of_date', 1],
    ])
      expect(text).toContain(`taskgraph_client_info_refused_total{reason="${reason}",service="auth"} ${count}`);
  });
});
