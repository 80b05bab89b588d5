import { describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { expectData, signTestToken } from '@taskgraph/testkit';
import { library, startGateway, type GatewayUnderTest } from './fake-subgraphs.js';

const QUERY = 'query Shelf { books { id author { name } } }';

async function metricsOf({ url }: GatewayUnderTest): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

function collectLines() {
  const lines: Array<Record<string, unknown>> = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  return { lines, log: createLog({ service: 'gateway', level: 'info', destination }) };
}

describe('what an operation costs', () => {
  it('is estimated before and counted after, in metrics', async () => {
    await using gateway = await startGateway(library());
    for (let round = 0; round < 3; round += 1) expectData(await gateway.run(QUERY));
    expect((await gateway.run('{ nothing }')).body.errors).toHaveLength(1);
    const metrics = await metricsOf(gateway);
    const read = (figure: string, kind: string) =>
      Number(new RegExp(`operation_cost_${figure}\\{[^}]*kind="${kind}"[^}]*\\} (\\d+)`).exec(metrics)?.[1]);
    // A list counts for ten objects before it is known; then it had three books with an author each.
    expect([read('sum', 'estimated'), read('sum', 'actual')]).toEqual([3 * 20, 3 * 6]);
    // What was refused cost nothing.
    expect([read('count', 'estimated'), read('count', 'actual')]).toEqual([3, 3]);
  });
});

describe('what has refused a request', () => {
  it('is counted by layer, of operations and of what never became one', async () => {
    await using gateway = await startGateway(library(), { RATE_LIMITS: '1', RATE_LIMIT_ADDRESS: '6/60' });
    const post = (body: string, type = 'application/json') =>
      fetch(`${gateway.url}/graphql`, { method: 'POST', headers: { 'content-type': type }, body });
    const ask = (query: string) => post(JSON.stringify({ query }));
    await post('{');
    await post('query=1', 'application/x-www-form-urlencoded');
    await post('[]');
    await ask('{');
    await ask('{ nothing }');
    for (let more = 0; more < 5; more += 1) await ask('{ books { title } }');
    const metrics = await metricsOf(gateway);
    const count = (layer: string) =>
      Number(new RegExp(`refusals_total\\{layer="${layer}"[^}]*\\} (\\d+)`).exec(metrics)?.[1]);
    expect([count('transport'), count('parse'), count('validate')]).toEqual([3, 1, 1]);
    expect(count('rate limits')).toBeGreaterThan(0);
  });
});

describe('the health of the gateway', () => {
  it('says of a subgraph what that says of itself, where it says something', async () => {
    let answer = { status: 503, body: { status: 'unavailable' } };
    const [first, ...others] = library();
    if (!first) throw new Error('there is no subgraph');
    await using gateway = await startGateway([
      {
        ...first,
        intercept(request, response) {
          if (request.url !== '/health/ready') return false;
          response.writeHead(answer.status).end(JSON.stringify(answer.body));
          return true;
        },
      },
      ...others,
    ]);
    const health = async () =>
      (await (await fetch(`${gateway.url}/health`)).json()) as {
        status: string;
        dependencies: Record<string, { status: string; error?: string }>;
      };
    /** What was found out a moment ago is told a moment longer. */
    const until = async (holds: (report: Awaited<ReturnType<typeof health>>) => boolean) => {
      while (!holds(await health()));
    };
    const { status, dependencies } = await health();
    expect(status).toBe('degraded');
    expect(dependencies[first.name]).toMatchObject({
      status: 'unavailable',
      error: expect.stringContaining('not ready'),
    });
    // The others have no such page.
    for (const { name } of others) expect(dependencies[name]).toMatchObject({ status: 'ok' });
    answer = { status: 200, body: { status: 'degraded' } };
    await until((report) => report.dependencies[first.name]?.status === 'degraded');
    answer = { status: 200, body: { status: 'ok' } };
    await until((report) => report.status === 'ok');
  });
});

describe('the plan of an operation', () => {
  const headers = { 'apollo-query-plan-experimental': '1' };

  it('is shown to administrators who ask for it, and to nobody else', async () => {
    await using gateway = await startGateway(library());
    const extensions = async (token: string | undefined, more: Record<string, string> = headers) =>
      (await gateway.run(QUERY, { headers: more, ...(token !== undefined && { token }) })).body.extensions;
    const admin = signTestToken({ role: 'ADMIN' });
    expect(await extensions(undefined)).toBeUndefined();
    expect(await extensions('garbage')).toBeUndefined();
    expect(await extensions(signTestToken())).toBeUndefined();
    expect(await extensions(signTestToken({ role: 'ADMIN', expiresInSeconds: -60 }))).toBeUndefined();
    expect(await extensions(admin, {})).toBeUndefined();
    expect((await extensions(admin))?.['__queryPlanExperimental']).toContain('Fetch(service: "authors")');
    const internal = await extensions(admin, { ...headers, 'apollo-query-plan-experimental-format': 'internal' });
    expect(internal?.['__queryPlanExperimental']).toMatchObject({ kind: 'QueryPlan', node: { kind: 'Sequence' } });
  });

  it('is shown to everybody in development', async () => {
    await using gateway = await startGateway(library(), { NODE_ENV: 'development' });
    const { body } = await gateway.run(QUERY, { headers });
    expect(body.extensions?.['__queryPlanExperimental']).toContain('Fetch(service: "authors")');
  });

  it('is shown to nobody where the schema is not', async () => {
    await using gateway = await startGateway(library(), { INTROSPECTION: '0' });
    const { body } = await gateway.run(QUERY, { headers, token: signTestToken({ role: 'ADMIN' }) });
    expect(body.extensions).toBeUndefined();
    expect(body.data?.['books']).toHaveLength(3);
  });
});

describe('the log of operations', () => {
  it('has one line for each, with its outcome and who asked', async () => {
    const { lines, log } = collectLines();
    await using gateway = await startGateway(library(), {}, { log });
    const { request } = await gateway.run(QUERY);
    await gateway.run('{ broken }');
    await gateway.run('{ nothing }');
    const operations = lines.filter(({ msg }) => msg === 'operation');
    expect(operations).toMatchObject([
      { level: 'info', operation: 'Shelf', type: 'query', outcome: 'ok', requestId: request.requestId },
      { operation: null, outcome: 'error', errorCodes: ['INTERNAL_SERVER_ERROR'] },
      { type: 'unknown', outcome: 'error', errorCodes: ['GRAPHQL_VALIDATION_FAILED'] },
    ]);
    expect(operations[0]?.['durationMs']).toBeGreaterThan(0);
    expect(lines.filter(({ msg }) => msg === 'slow operation')).toEqual([]);
    // Nor does it say what was answered.
    expect(JSON.stringify(lines)).not.toContain('Austen');
  });

  it('warns of a slow one, with its cost and plan', async () => {
    const { lines, log } = collectLines();
    await using gateway = await startGateway(library(), { SLOW_OPERATION_MS: '1' }, { log });
    // The first run of an operation is planned, which takes longer than a millisecond.
    expectData(await gateway.run(QUERY));
    expect(lines.find(({ msg }) => msg === 'slow operation')).toMatchObject({
      level: 'warn',
      operation: 'Shelf',
      cost: { estimated: 20, actual: 6 },
      plan: expect.stringContaining('Fetch(service: "authors")'),
    });
  });
});

describe('what a client writes into its operation', () => {
  it.each([
    ['an argument', 'mutation { login(input: { password: "of Ada" }) }'],
    ['a block', 'mutation { login(input: { password: """of Ada""" }) }'],
    ['a list', 'mutation { login(input: { codes: ["1", "of Ada"] }) }'],
    ['what a variable is if it is not given', 'mutation($p: String = "of Ada") { login(input: { password: $p }) }'],
  ])('is in no line of a log, slow as the operation may be: %s', async (_what, query) => {
    const { lines, log } = collectLines();
    const typeDefs = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
      input LoginInput { password: String codes: [String!] }
      type Query { me: String }
      type Mutation { login(input: LoginInput!): Boolean }`;
    const resolvers = { Query: { me: () => 'me' }, Mutation: { login: () => true } };
    await using gateway = await startGateway(
      [{ name: 'accounts', typeDefs, resolvers }],
      { SLOW_OPERATION_MS: '1' },
      { log },
    );
    expectData(await gateway.run(query));
    expect(lines.find(({ msg }) => msg === 'slow operation')?.['plan']).toMatch(
      /Fetch\(service: "accounts"\)[^]*login/,
    );
    expect(JSON.stringify(lines)).not.toContain('of Ada');
  });
});

describe('a time-out of one subgraph', () => {
  it('stands in for that of all', async () => {
    let answer: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (answer = resolve));
    const [books, authors] = library({ books: { Query: { books: () => new Promise(() => undefined) } } });
    if (!books || !authors) throw new Error('the library has two subgraphs');
    const slow = {
      ...authors,
      resolvers: { Query: { authors: () => released.then(() => [{ id: 'a', name: 'Jane' }]) } },
    };
    await using gateway = await startGateway([books, slow], {
      SUBGRAPH_TIMEOUT_MS: '100',
      AUTHORS_TIMEOUT_MS: '20000',
    });
    const result = gateway.run('{ authors { name } novel: books { id } }');
    // When the one has been given up, the other has taken as long.
    while (!/fetch_duration_seconds_count\{[^}]*subgraph="books",outcome="unavailable"/.test(await metricsOf(gateway)));
    answer();
    const { body } = await result;
    expect(body.errors).toMatchObject([
      { path: ['novel'], extensions: { code: 'UNAVAILABLE', subgraph: 'books', reason: 'TIMEOUT' } },
    ]);
    expect(body.data ?? null).toBeNull();
    expect(await metricsOf(gateway)).toMatch(
      /fetch_duration_seconds_count\{[^}]*subgraph="authors",outcome="ok"[^}]*\} 1/,
    );
  });
});
