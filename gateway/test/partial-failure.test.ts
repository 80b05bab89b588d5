import type { IncomingMessage } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { expectErrorCode, signTestToken, sumOfMetric } from '@taskgraph/testkit';
import { library, startGateway } from './fake-subgraphs.js';

const QUERY = '{ books { title author { name } } }';

describe('a subgraph that is down', () => {
  it('costs its own fields, each told by its path', async () => {
    await using gateway = await startGateway(library());
    await gateway.subgraphs['authors']?.stop();
    const { body, status } = await gateway.run(QUERY);
    expect(status).toBe(200);
    expect(body.data).toEqual({
      books: [
        { title: 'Emma', author: null },
        { title: 'Persuasion', author: null },
        { title: 'Middlemarch', author: null },
      ],
    });
    expect(body.errors?.map(({ path }) => path)).toEqual([0, 1, 2].map((index) => ['books', index, 'author']));
    for (const { extensions } of body.errors ?? [])
      expect(extensions).toEqual({ code: 'UNAVAILABLE', subgraph: 'authors', reason: 'CONNECTION' });
    // One operation has failed, with three errors; one that a client has got wrong is none of the system's.
    expectErrorCode(await gateway.run('{ nothing }'), 'GRAPHQL_VALIDATION_FAILED');
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(sumOfMetric(metrics, 'taskgraph_gateway_errors_total', { code: 'UNAVAILABLE' })).toBe(3);
    expect(sumOfMetric(metrics, 'taskgraph_gateway_failed_operations_total', {})).toBe(1);
    expect(await (await fetch(`${gateway.url}/health`)).json()).toMatchObject({
      status: 'degraded',
      dependencies: { authors: { status: 'unavailable' } },
    });
  });

  it('is not waited for longer than its time-out', async () => {
    await using gateway = await startGateway(library({ intercept: () => true }), { AUTHORS_TIMEOUT_MS: '100' });
    const { body } = await gateway.run(QUERY);
    expect(body.data.books).toHaveLength(3);
    expect(body.errors?.[0]?.extensions).toEqual({ code: 'UNAVAILABLE', subgraph: 'authors', reason: 'TIMEOUT' });
  });

  it.each([
    ['no JSON', (response: { end: (text: string) => void }) => response.end('<html>')],
    ['JSON that is no answer', (response: { end: (text: string) => void }) => response.end('{"ok":true}')],
    [
      'a bad gateway',
      (response: { statusCode: number; end: (text: string) => void }) => (
        (response.statusCode = 502),
        response.end('Bad gateway')
      ),
    ],
  ])('is taken for down when it sends %s', async (_what, send) => {
    await using gateway = await startGateway(library({ intercept: (_request, response) => (send(response), true) }));
    const { body } = await gateway.run(QUERY);
    expect(body.data.books).toHaveLength(3);
    expect(body.errors?.[0]?.extensions).toEqual({ code: 'UNAVAILABLE', subgraph: 'authors', reason: 'BAD_RESPONSE' });
  });

  it.each([
    ['errors that are none', '{"data":{"_entities":[null,null]},"errors":[null,7]}'],
    ['members of an error that are null', '{"data":null,"errors":[{"message":null,"path":null,"extensions":null}]}'],
    ['a path that is no list', '{"data":{"_entities":[null,null]},"errors":[{"message":"x","path":"name"}]}'],
    ['errors that are no list', '{"data":{"_entities":[null,null]},"errors":"boom"}'],
    ['data that are no object', '{"data":"text"}'],
    ['data that are a list', '{"data":[1,2]}'],
  ])('costs no more than its fields when it answers with %s', async (_what, text) => {
    await using gateway = await startGateway(
      library({ intercept: (_request, response) => (response.end(text), true) }),
    );
    const { body, status } = await gateway.run(QUERY);
    expect(status).toBe(200);
    expect(body.data.books).toEqual(['Emma', 'Persuasion', 'Middlemarch'].map((title) => ({ title, author: null })));
    expect(body.errors?.length).toBeGreaterThan(0);
    for (const { extensions } of body.errors ?? []) expect(extensions).toMatchObject({ subgraph: 'authors' });
  });

  it('is not read for longer than an answer may be', async () => {
    await using gateway = await startGateway(
      library({
        intercept: (_request, response) => (
          response.end(`{"data":{"_entities":[{"name":"${'x'.repeat(2_000)}"}]}}`),
          true
        ),
      }),
      { SUBGRAPH_MAX_ANSWER_BYTES: '2000' },
    );
    const { body } = await gateway.run(QUERY);
    expect(body.data.books).toHaveLength(3);
    expect(body.errors?.[0]?.extensions).toEqual({
      code: 'UNAVAILABLE',
      subgraph: 'authors',
      reason: 'ANSWER_TOO_LARGE',
      maxBytes: 2_000,
    });
  });

  it('is left alone after many failures, tried again after a while, and used again when it is back', async () => {
    let broken = true;
    let calls = 0;
    await using gateway = await startGateway(
      library({
        intercept: (request, response) => {
          if (!broken) return false;
          let text = '';
          request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          request.on('end', () => {
            if (!text.includes('{__typename}')) calls += 1;
            response.destroy();
          });
          return true;
        },
      }),
    );
    const reason = async () => (await gateway.run(QUERY)).body.errors?.[0]?.extensions?.reason;
    while ((await reason()) !== 'CIRCUIT_OPEN');
    const before = calls;
    expect(await reason()).toBe('CIRCUIT_OPEN');
    expect(calls).toBe(before);
    broken = false;
    // Found out by the gateway itself, long before SUBGRAPH_BREAKER_RESET_MS.
    while ((await reason()) !== undefined);
  });
});

describe('a subgraph that cannot keep up', () => {
  it('is not asked for more than it is allowed: the rest waits, and what is too much is told to come again', async () => {
    const held: Array<() => void> = [];
    let most = 0;
    let active = 0;
    await using gateway = await startGateway(
      library({
        intercept: (_request, response) => {
          active += 1;
          most = Math.max(most, active);
          held.push(() => {
            active -= 1;
            response.setHeader('content-type', 'application/json');
            response.end('{"data":{"_entities":[{"name":"x"}]}}');
          });
          return true;
        },
      }),
      { SUBGRAPH_MAX_CONCURRENCY: '2', SUBGRAPH_MAX_WAITING: '1' },
    );
    // Different requests, so that none is shared; one after the other, so that no other subgraph has too much to do.
    const ask = (name: string) => gateway.run(`query ${name} { book(id: 1) { author { name } } }`);
    const isCounted = async (state: string, count: number) => {
      const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
      const pattern = new RegExp(
        `subgraph_fetches\\{[^}]*authors[^}]*state="${state}"[^}]*\\} ${count}|subgraph_fetches\\{[^}]*state="${state}"[^}]*authors[^}]*\\} ${count}`,
      );
      return pattern.test(metrics);
    };
    const answers = [ask('a')];
    while (!(await isCounted('active', 1)));
    answers.push(ask('b'));
    while (!(await isCounted('active', 2)));
    answers.push(ask('c'));
    while (!(await isCounted('waiting', 1)));
    for (const name of ['d', 'e']) {
      const shed = await ask(name);
      expect(shed.body.errors?.[0]?.extensions).toEqual({
        code: 'UNAVAILABLE',
        reason: 'OVERLOADED',
        subgraph: 'authors',
        retryAfter: 1,
      });
      expect(shed.headers.get('retry-after')).toBe('1');
    }
    const release = setInterval(() => held.splice(0).forEach((answer) => answer()), 5);
    const all = await Promise.all(answers);
    clearInterval(release);
    expect(all.map(({ body }) => body.errors)).toEqual([undefined, undefined, undefined]);
    expect(most).toBe(2);
  });
});

describe('a viewer who asks for more than a subgraph can do', () => {
  it('waits for himself: others have their turn', async () => {
    const held: Array<() => void> = [];
    await using gateway = await startGateway(
      library({
        intercept: (request, response) => {
          if (request.headers.authorization === undefined) return false;
          held.push(() => {
            response.setHeader('content-type', 'application/json');
            response.end('{"data":{"_entities":[{"name":"x"}]}}');
          });
          return true;
        },
      }),
      { SUBGRAPH_MAX_CONCURRENCY: '1', SUBGRAPH_MAX_WAITING: '3' },
    );
    const ask = (name: string, token: string) =>
      gateway.run(`query ${name} { book(id: 1) { author { name } } }`, { token });
    const [greedy, other] = [signTestToken(), signTestToken()];
    const reasons: unknown[] = [];
    const many = ['a', 'b', 'c', 'd', 'e', 'f'].map(async (name) => {
      const { body } = await ask(name, greedy);
      reasons.push(body.errors?.[0]?.extensions?.reason ?? 'answered');
    });
    // One is under way, three wait, two are too many.
    while (reasons.length < 2) await nextTurn();
    const answer = ask('g', other);
    while (reasons.length < 3) await nextTurn();
    expect(reasons).toEqual(['OVERLOADED', 'OVERLOADED', 'OVERLOADED']);
    const release = setInterval(() => held.splice(0).forEach((letGo) => letGo()), 5);
    expect((await answer).body.errors).toBeUndefined();
    await Promise.all(many);
    clearInterval(release);
    expect(reasons.filter((reason) => reason === 'answered')).toHaveLength(3);
  });
});

describe('a connection that breaks', () => {
  function breakOnce(name: 'query' | 'mutation') {
    const state = { calls: 0 };
    const fakes = library();
    const [books, authors] = fakes as [(typeof fakes)[0], (typeof fakes)[0]];
    const intercept = (request: IncomingMessage) => {
      state.calls += 1;
      if (state.calls > 1) return false;
      request.socket.destroy();
      return true;
    };
    return { state, fakes: name === 'query' ? [books, { ...authors, intercept }] : [{ ...books, intercept }, authors] };
  }

  it('is tried once more for a query', async () => {
    const { state, fakes } = breakOnce('query');
    await using gateway = await startGateway(fakes);
    const { body } = await gateway.run(QUERY);
    expect(body.errors).toBeUndefined();
    expect(state.calls).toBe(2);
  });

  it('is never tried again for a mutation: it may have been done', async () => {
    const { state, fakes } = breakOnce('mutation');
    await using gateway = await startGateway(fakes);
    expect(expectErrorCode(await gateway.run('mutation { addBook(title: "x") { id } }'), 'UNAVAILABLE').path).toEqual([
      'addBook',
    ]);
    expect(state.calls).toBe(1);
  });
});

describe('a client that goes away', () => {
  it('takes its fetches with it', async () => {
    let arrived: () => void = () => undefined;
    const fetching = new Promise<void>((resolve) => (arrived = resolve));
    let gone: () => void = () => undefined;
    const aborted = new Promise<void>((resolve) => (gone = resolve));
    await using gateway = await startGateway(
      library({
        intercept: (request) => {
          request.socket.once('close', () => gone());
          arrived();
          return true;
        },
      }),
    );
    const client = new AbortController();
    const answer = gateway.run(QUERY, { signal: client.signal });
    await fetching;
    client.abort();
    await expect(answer).rejects.toThrow();
    await aborted;
  });
});
