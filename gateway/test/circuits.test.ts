import { describe, expect, it } from '@jest/globals';
import { sumOfMetric } from '@taskgraph/testkit';
import { startGateway, type FakeSubgraph } from './fake-subgraphs.js';
import { openSocket } from './subscriptions/raw-socket.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';

/** Accounts whose logins take longer than anybody waits. */
function accounts(): FakeSubgraph {
  return {
    name: 'accounts',
    typeDefs: `${LINK}
      type Query { me: String }
      type Mutation { login(password: String!): Boolean }`,
    resolvers: {
      Query: { me: () => 'me' },
      Mutation: { login: () => new Promise(() => undefined) },
    },
  };
}

async function circuitOf(url: string): Promise<string | undefined> {
  const health = (await (await fetch(`${url}/health`)).json()) as {
    dependencies: Record<string, { details: { circuit: string } }>;
  };
  return health.dependencies['accounts']?.details.circuit;
}

describe('the circuit of a subgraph', () => {
  it('opens when the subgraph is gone, closes when it is back, and its metric shows both', async () => {
    await using gateway = await startGateway([accounts()]);
    const { accounts: subgraph } = gateway.subgraphs;
    const stateOf = async () =>
      sumOfMetric(await (await fetch(`${gateway.url}/metrics`)).text(), 'taskgraph_gateway_circuit_state', {
        subgraph: 'accounts',
      });
    expect(await stateOf()).toBe(0);
    await subgraph?.stop();
    while ((await stateOf()) !== 2) expect((await gateway.run('{ me }')).body.data).toEqual({ me: null });
    await subgraph?.start();
    while ((await stateOf()) !== 0) await gateway.run('{ me }');
    expect((await gateway.run('{ me }')).body).toEqual({ data: { me: 'me' } });
  });

  it('makes health tell that the subgraph is degraded, though it answers a probe, and takes nothing from readiness', async () => {
    let isSick = true;
    const probeBytes = String('{"query":"{__typename}"}'.length);
    await using gateway = await startGateway([
      {
        ...accounts(),
        intercept(request, response) {
          if (!isSick || request.method !== 'POST' || request.headers['content-length'] === probeBytes) return false;
          response.writeHead(502).end('Bad gateway');
          return true;
        },
      },
    ]);
    const read = async () =>
      (await (await fetch(`${gateway.url}/health`)).json()) as {
        status: string;
        dependencies: Record<string, { status: string; error?: string }>;
      };
    // The first answer to a probe closes the circuit for a moment.
    let report = await read();
    while (report.dependencies['accounts']?.status !== 'degraded') {
      for (let calls = 0; calls < 20; calls += 1) await gateway.run('{ me }');
      report = await read();
    }
    expect(report).toMatchObject({
      status: 'degraded',
      dependencies: { accounts: { error: expect.stringMatching(/^it answers, but the circuit is open: /) } },
    });
    expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200);
    isSick = false;
    while ((await read()).status !== 'ok') await gateway.run('{ me }');
    expect((await gateway.run('{ me }')).body).toEqual({ data: { me: 'me' } });
  });

  it('is not opened by one request whose operations are all too expensive', async () => {
    await using gateway = await startGateway([accounts()], {
      SUBGRAPH_TIMEOUT_MS: '3000',
      MAX_OPERATION_ROOT_FIELDS: '150',
    });
    const logins = Array.from({ length: 150 }, (_, index) => `l${index}: login(password: "x")`).join(' ');
    const batch = Array.from({ length: 10 }, (_, index) => ({ query: `mutation M${index} { ${logins} }` }));
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(batch),
    });
    const answers = (await response.json()) as Array<{ errors: Array<{ extensions: Record<string, unknown> }> }>;
    expect(answers).toHaveLength(10);
    for (const { errors } of answers) expect(errors[0]?.extensions).toMatchObject({ reason: 'TIMEOUT' });
    const { body } = await gateway.run('{ me }');
    expect(body).toEqual({ data: { me: 'me' } });
    expect(await circuitOf(gateway.url)).toBe('closed');
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(metrics).toMatch(/taskgraph_circuit_verdicts_total\{[^}]*verdict="none"[^}]*reason="TIMEOUT"[^}]*\} [1-9]/);
  });

  it.each([
    ['a line end', 'Bearer a\r\nX: 1'],
    ['a NUL', 'Bearer a\0'],
    ['a character beyond Latin-1', 'Bearer ключ'],
    ['more than servers take', `Bearer ${'a'.repeat(9_000)}`],
  ])(
    'is not touched by credentials that hold %s: they are refused before anything is fetched',
    async (_what, value) => {
      await using gateway = await startGateway([accounts()], {}, { jwks: undefined } as never);
      for (let round = 0; round < 10; round += 1) {
        await using socket = await openSocket(gateway, { init: false });
        socket.send({ type: 'connection_init', payload: { authorization: value } });
        expect(await socket.closed).toEqual({ code: 4403, reason: 'Forbidden: TOKEN_INVALID' });
      }
      expect(gateway.subgraphs['accounts']?.requests).toEqual([]);
      expect(await circuitOf(gateway.url)).toBe('closed');
      expect((await gateway.run('{ me }', { token: 'any' })).body).toEqual({ data: { me: 'me' } });
    },
  );
});
