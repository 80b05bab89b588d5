import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { expectData, signTestToken } from '@taskgraph/testkit';
import { startGateway, type FakeSubgraph, type GatewayUnderTest } from './fake-subgraphs.js';
import { withoutAge } from './without-age.js';

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@authenticated"])';

type Headers = Readonly<Record<string, string | readonly string[]>>;

/** A subgraph that says to whom it answers, with headers and a status of the test's choice. */
function desk() {
  const state = { headers: {} as Headers, status: 200 };
  const fake: FakeSubgraph = {
    name: 'desk',
    typeDefs: `${LINK} type Query { mine: String guarded: String @authenticated }`,
    intercept(request, response) {
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        const { query } = JSON.parse(text) as { query: string };
        if (query !== '{__typename}') asked.push(query);
        const whose = request.headers.authorization ?? 'nobody';
        for (const [name, value] of Object.entries(state.headers)) response.setHeader(name, value);
        response.writeHead(state.status, { 'content-type': 'application/json' });
        const names = [...query.matchAll(/(\w+):/g)].map(([, name]) => [name, whose]);
        response.end(JSON.stringify({ data: Object.fromEntries(names) }));
      });
      return true;
    },
  };
  const asked: string[] = [];
  return { fake, state, asked };
}

let aliases = 0;

describe.each([
  ['verifies tokens', true],
  ['knows no keys', false],
])('a gateway that %s', (_what, hasKeys) => {
  const { fake, state, asked } = desk();
  let gateway: GatewayUnderTest;
  beforeAll(async () => {
    gateway = await startGateway([fake], {}, hasKeys ? {} : { jwks: undefined as never });
  });
  beforeEach(() => {
    asked.length = 0;
    state.status = 200;
  });
  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
  });

  const [ada, grace] = [signTestToken(), signTestToken()];
  /** Asks twice, so that the second time whatever may be kept is, in the name of each. */
  async function askInTurn(field: string, headers: Headers, viewers: ReadonlyArray<string | undefined>) {
    state.headers = headers;
    const query = `{ a${(aliases += 1)}: ${field} }`;
    const answers: Array<string | null> = [];
    for (let round = 0; round < 2; round += 1)
      for (const token of viewers) {
        const { body } = await gateway.run(query, { ...(token !== undefined && { token }) });
        answers.push((Object.values(body.data ?? {})[0] ?? null) as string | null);
      }
    return answers;
  }
  const own = (...tokens: Array<string | undefined>) =>
    tokens.map((token) => (token === undefined ? 'nobody' : `Bearer ${token}`));
  const header = async (headers: Headers, token?: string) => {
    state.headers = headers;
    const query = `{ a${(aliases += 1)}: mine }`;
    const found = await gateway.run(query, { ...(token !== undefined && { token }) });
    return [found.headers.get('cache-control'), found.headers.get('vary')?.replace(', accept-encoding', '')];
  };

  it.each(['max-age=60', 'max-age=60, private', 'Max-Age="60"', 'max-age=60, public, private="mine"'])(
    'keeps an answer with %s for the same token only',
    async (policy) => {
      const viewers = [ada, grace, undefined];
      const answers = await askInTurn('mine', { 'cache-control': policy }, viewers);
      expect(answers).toEqual([...own(...viewers), ...own(...viewers)]);
      // Clients without a token are told from each other by nothing.
      expect(asked).toHaveLength(policy.includes('private') ? 4 : 3);
      const [told, vary] = await header({ 'cache-control': policy }, ada);
      expect(withoutAge(told, 'max-age=60, private')).toBe('max-age=60, private');
      expect(vary).toBe('accept, authorization');
    },
  );

  it.each(['max-age=60, public', 's-maxage=60', 'max-age=60, must-revalidate', 'PUBLIC , max-age=60'])(
    'shares an answer with %s, though it took a token',
    async (policy) => {
      const answers = await askInTurn('mine', { 'cache-control': policy }, [ada, grace, undefined]);
      // Whether it may be shared is learnt from the first answer.
      expect(answers.slice(1)).toEqual(own(ada, ada, ada, ada, ada));
      expect(asked).toHaveLength(1);
    },
  );

  it('lets nobody without a token see what takes one, though it is public', async () => {
    const viewers = [ada, grace, undefined];
    const answers = await askInTurn('guarded', { 'cache-control': 'max-age=60, public' }, viewers);
    if (hasKeys) expect(answers).toEqual([...own(ada, ada), null, ...own(ada, ada), null]);
    else expect(answers).toEqual([...own(...viewers), ...own(...viewers)]);
  });

  it.each([203, 400, 404, 410, 500, 503])('keeps no answer with status %i', async (status) => {
    state.status = status;
    await askInTurn('mine', { 'cache-control': 'max-age=60, public' }, [ada]);
    expect(asked).toHaveLength(2);
  });

  it.each<[string, Headers]>([
    ['Vary: *', { vary: '*' }],
    ['what each fetch has another of', { vary: 'Accept, X-Request-ID' }],
    ['no-cache, with fields', { 'cache-control': 'max-age=60, public, no-cache="mine, desk"' }],
    ['no-store', { 'cache-control': 'max-age=60, public, No-Store' }],
    ['no-store alone', { 'cache-control': 'no-store' }],
    ['no-store in the first of two lines', { 'cache-control': ['no-store', 'public, max-age=60'] }],
    ['no-store in the second of two lines', { 'cache-control': ['public, max-age=60', 'no-store'] }],
    ['no-store, and an expiry', { 'cache-control': 'no-store', expires: new Date(Date.now() + 60_000).toUTCString() }],
    ['no time', { 'cache-control': 'public' }],
    ['no time but immutable', { 'cache-control': 'public, immutable' }],
    ['only a time for stale answers', { 'cache-control': 'public, stale-while-revalidate=60, stale-if-error=60' }],
    ['two times', { 'cache-control': 'public, max-age=60, max-age=70' }],
    ['two times in two lines', { 'cache-control': ['public, max-age=60', 'max-age=70'] }],
    ['a time that is no number', { 'cache-control': 'public, max-age=60s' }],
    ['a negative time', { 'cache-control': 'public, max-age=-60' }],
    ['what is no header', { 'cache-control': 'public; max-age=60' }],
    ['an open quotation', { 'cache-control': 'public, max-age=60, x="' }],
    ['an age as long as its time', { age: '60' }],
    ['a date as long ago as its time', { date: new Date(Date.now() - 61_000).toUTCString() }],
    ['an expiry that is over', { 'cache-control': 'public', expires: '0' }],
    [
      'a last change, which guesses could start from',
      { 'cache-control': 'public', 'last-modified': new Date(0).toUTCString() },
    ],
    ['a cookie for one client', { 'cache-control': 'max-age=60, private', 'set-cookie': 'a=b' }],
  ])('keeps no answer with %s', async (_what, headers) => {
    await askInTurn('mine', { 'cache-control': 'max-age=60, public', ...headers }, [ada]);
    expect(asked).toHaveLength(2);
  });

  it.each<[string, Headers]>([
    ['an equal time twice', { 'cache-control': 'max-age=60, public, max-age="60"' }],
    ['empty members', { 'cache-control': ', max-age=60 ,, public,' }],
    ['commas in quotations', { 'cache-control': 'x="no-store, private", max-age=60, public' }],
    ['an expiry', { 'cache-control': 'public', expires: new Date(Date.now() + 60_000).toUTCString() }],
    ['an expiry that a time overrules', { expires: '0' }],
    ['an age that is none', { age: 'old' }],
    ['Vary on what no fetch carries', { vary: 'Cookie, Origin' }],
  ])('keeps an answer with %s', async (_what, headers) => {
    await askInTurn('mine', { 'cache-control': 'max-age=60, public', ...headers }, [ada]);
    expect(asked).toHaveLength(1);
  });

  it('keeps what varies by credentials for the same ones', async () => {
    const headers = { 'cache-control': 'max-age=60, public', vary: 'Authorization' };
    const viewers = [ada, grace, undefined];
    expect(await askInTurn('mine', headers, viewers)).toEqual([...own(...viewers), ...own(...viewers)]);
    expect(asked).toHaveLength(3);
  });

  it.each<[Headers, string]>([
    [{ 'cache-control': 'max-age=500, public', age: '450' }, 'max-age=50, public'],
    [{ 'cache-control': 'max-age=0, s-maxage=600' }, 'max-age=0, s-maxage=600, public'],
    [{ 'cache-control': 's-maxage=600' }, 'max-age=0, s-maxage=600, public'],
    [{ 'cache-control': 'max-age=60, s-maxage=600, public', age: '60' }, 'max-age=0, s-maxage=540, public'],
    [{ 'cache-control': 'max-age=60, s-maxage=0' }, 'max-age=60, private'],
    [{ 'cache-control': 'max-age=60, must-revalidate' }, 'max-age=60, public, must-revalidate'],
    [{ 'cache-control': 'max-age=60, public, immutable, stale-if-error=9' }, 'max-age=60, public'],
    [{ 'cache-control': 'max-age=99999999999, public' }, 'max-age=2147483648, public'],
    [{}, 'no-store'],
  ])('tells clients of an answer with %j: %s', async (headers, expected) => {
    const [told, vary] = await header(headers);
    expect(withoutAge(told, expected)).toBe(expected);
    if (expected.includes('public')) expect(vary).toBe('accept');
    if (expected.includes('private')) expect(vary).toBe('accept, authorization');
  });

  it('tells caches on the way of a GET that a private answer is for one token', async () => {
    state.headers = { 'cache-control': 'max-age=60' };
    const url = `${gateway.url}/graphql?query=${encodeURIComponent(`{ a${(aliases += 1)}: mine }`)}`;
    const { headers } = await fetch(url, {
      headers: { authorization: `Bearer ${ada}`, 'apollo-require-preflight': 'true' },
    });
    expect(withoutAge(headers.get('cache-control'), 'max-age=60, private')).toBe('max-age=60, private');
    expect(headers.get('vary')).toMatch(/^accept, authorization/);
  });

  it('serves nothing past its end, its age included', async () => {
    await askInTurn('mine', { 'cache-control': 'max-age=500, public', age: '499' }, [ada]);
    const before = asked.length;
    const query = `{ a${aliases}: mine }`;
    const until = Date.now() + 1_000;
    while (Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    expectData(await gateway.run(query, { token: ada }));
    expect(asked.length).toBe(before + 1);
  });

  it('fetches anew for a client that says no-cache, and keeps what comes', async () => {
    state.headers = { 'cache-control': 'max-age=60, public' };
    const query = `{ a${(aliases += 1)}: mine }`;
    const ask = (headers: Record<string, string> = {}) => gateway.run(query, { token: ada, headers });
    await ask();
    await ask();
    expect(asked).toHaveLength(1);
    for (const headers of [
      { 'cache-control': 'no-cache' },
      { 'cache-control': 'Max-Age=0' },
      { pragma: 'no-cache' },
    ] as Array<Record<string, string>>)
      await ask(headers);
    expect(asked).toHaveLength(4);
    await ask({ 'cache-control': 'max-age=10', pragma: 'no-cache' });
    expect(asked).toHaveLength(4);
  });

  it('keeps nothing for a client that says no-store', async () => {
    state.headers = { 'cache-control': 'max-age=60, public' };
    const query = `{ a${(aliases += 1)}: mine }`;
    const ask = (cacheControl: string) =>
      gateway.run(query, { token: ada, headers: { 'cache-control': cacheControl } });
    for (let round = 0; round < 3; round += 1) await ask('no-store');
    expect(asked).toHaveLength(3);
    await ask('max-age=60');
    await ask('no-store');
    expect(asked).toHaveLength(4);
  });
});
