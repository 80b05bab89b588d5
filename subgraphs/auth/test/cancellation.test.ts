import type { ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { createUpstream } from '@taskgraph/federation-engine/upstream';
import { createPasswordHasher } from '../src/modules/passwords/password-hasher.js';
import { PASSWORD, startAuthGraph } from './auth-graph.js';

const LOGINS = 400;
/** Documents of more fields than a gateway would let pass are what is tried here. */
const LARGE_DOCUMENTS = { MAX_OPERATION_ALIASES: '1000', MAX_OPERATION_ROOT_FIELDS: '1000', DEMAND_CONTROL: 'off' };
const MANY_LOGINS = `mutation($input: LoginInput!) { ${Array.from(
  { length: LOGINS },
  (_, index) => `l${index}: login(input: $input) { __typename }`,
).join(' ')} }`;

/** The auth subgraph, which counts the passwords that it verifies and holds the first until it is let go. */
async function startCounted() {
  const hasher = createPasswordHasher();
  const counted = { verified: 0 };
  let reached: () => void = () => undefined;
  let letGo: () => void = () => undefined;
  const first = new Promise<void>((resolve) => (reached = resolve));
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  const graph = await startAuthGraph(LARGE_DOCUMENTS, undefined, {
    passwords: {
      hash: (password, signal) => hasher.hash(password, signal),
      isOutdated: () => false,
      async verify(stored, password, signal) {
        counted.verified += 1;
        if (counted.verified === 1) {
          reached();
          await gate;
        }
        return hasher.verify(stored, password, signal);
      },
    },
  });
  const closed = new Promise<void>((resolve) =>
    graph.service.server.on('request', (_request, response: ServerResponse) =>
      response.once('close', () => {
        if (!response.writableFinished) resolve();
      }),
    ),
  );
  return { graph, counted, first, letGo, closed };
}

describe('an operation that nobody waits for any more', () => {
  it.each([
    ['its client goes away', 60_000, true],
    // Long enough for a busy machine to come to the first.
    ['its time is up', 8_000, false],
  ])('logs nobody in after that: %s', async (_what, timeoutMs, leaves) => {
    const { graph, counted, first, letGo, closed } = await startCounted();
    await using _graph = graph;
    const { email } = await graph.register();
    const upstream = createUpstream({
      name: 'auth',
      url: graph.url,
      log: createLog({ service: 'test', level: 'silent' }),
      timeoutMs,
    });
    await using _upstream = { [Symbol.asyncDispose]: () => upstream.close() };
    const client = new AbortController();
    const answer = upstream.send({
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: MANY_LOGINS, variables: { input: { email, password: PASSWORD } } }),
      idempotent: false,
      signal: client.signal,
    });
    const refused = expect(answer).rejects.toThrow();
    await first;
    if (leaves) client.abort(new Error('gone'));
    await refused;
    await closed;
    letGo();
    // What is left would go on while others are served.
    const others = 5;
    for (let login = 0; login < others; login += 1) await graph.login(email);
    expect(counted.verified).toBe(1 + others);
    const { rows } = await graph.pool.query('SELECT count(*)::int AS sessions FROM sessions');
    // One was opened by registering, and none by the login that was under way.
    expect(rows).toEqual([{ sessions: 1 + others }]);
  });

  it('gives its place in the queue of passwords to others', async () => {
    const hasher = createPasswordHasher();
    const client = new AbortController();
    const outcomes: string[] = [];
    const waiting = Array.from({ length: 200 }, () =>
      hasher.hash(PASSWORD, client.signal).then(
        () => outcomes.push('hashed'),
        (error: Error) => outcomes.push(error.message),
      ),
    );
    client.abort(new Error('gone'));
    await hasher.hash(PASSWORD, new AbortController().signal);
    await Promise.all(waiting);
    expect(outcomes).toEqual(Array(200).fill('gone'));
    await expect(hasher.verify(null, PASSWORD, client.signal)).rejects.toThrow('gone');
  });
});

describe("the subgraph's own port", () => {
  it('takes operations of no more than 100 root fields, fragments spread', async () => {
    await using graph = await startAuthGraph();
    const fields = (count: number, name = 'f') =>
      Array.from({ length: count }, (_, index) => `${name}${index}: me { id }`).join(' ');
    expect(JSON.stringify((await graph.run(`{ ${fields(100)} }`)).body)).not.toContain('OPERATION_REJECTED');
    for (const query of [
      `{ ${fields(101)} }`,
      `{ ${fields(50)} ...F } fragment F on Query { ${fields(51, 'g')} }`,
      `{ ... { ${fields(101)} } }`,
    ]) {
      const { body } = await graph.run(query);
      expect(body.errors).toMatchObject([
        { extensions: { code: 'OPERATION_REJECTED', reason: 'TOO_MANY_ROOT_FIELDS' } },
      ]);
    }
  });
});
