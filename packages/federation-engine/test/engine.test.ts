import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import {
  createEngine,
  createMemoryCache,
  type Engine,
  type EngineOptions,
  type Identity,
  type Log,
} from '../src/index.js';
import { SILENT } from '../src/request/log.js';
import { openShop, type Shop } from './shop.js';

const NAMES = '{ products { id name reviews { text } } }';
const ANNA: Identity = { kind: 'accepted', viewer: { userId: 'anna', scopes: [] }, claims: { exp: 4e9 } };

interface Started extends AsyncDisposable {
  readonly shop: Shop;
  readonly engine: Engine;
}

async function start(options: Partial<EngineOptions> = {}): Promise<Started> {
  const shop = await openShop();
  const engine = await createEngine({ supergraph: shop.supergraph, ...options });
  return {
    shop,
    engine,
    async [Symbol.asyncDispose]() {
      await engine.close();
      await shop[Symbol.asyncDispose]();
    },
  };
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('execute', () => {
  it('joins what subgraphs answer', async () => {
    await using started = await start();
    const result = await started.engine.execute({ query: NAMES });
    expect(result.toJSON()).toEqual({
      data: {
        products: [
          { id: '1', name: 'table', reviews: [{ text: 'fine 1' }] },
          { id: '2', name: 'chair', reviews: [{ text: 'fine 2' }] },
        ],
      },
    });
    expect(result).toMatchObject({ isExecuted: true, parts: null, errors: [] });
  });

  it('makes text and value alike, whichever is asked for first', async () => {
    await using started = await start();
    for (const query of [NAMES, '{ products { name stars details } }', '{ __schema { queryType { name } } }', '{']) {
      const whole = await started.engine.execute({ query });
      const made = await started.engine.execute({ query, form: 'value' });
      const value = made.toJSON();
      expect(value.data).toEqual(whole.toJSON().data);
      expect(JSON.parse(made.body)).toEqual(made.toJSON());
      expect(made.cacheControl).toBe(whole.cacheControl);
      // Who was given a value may change it.
      Object.assign(value.data ?? {}, { products: null, __schema: null });
      expect(made.toJSON().data).toEqual(whole.toJSON().data);
      expect(made.body).toBe(JSON.stringify(made));
    }
  });

  it('answers in part where a subgraph fails in part, and masks what it says without a code', async () => {
    await using started = await start({ showsErrorMessages: () => false });
    const { data, errors } = (await started.engine.execute({ query: '{ products { name stars } }' })).toJSON();
    expect(data).toEqual({
      products: [
        { name: 'table', stars: null },
        { name: 'chair', stars: null },
      ],
    });
    expect(errors).toHaveLength(2);
    expect(errors?.[0]).toMatchObject({ path: ['products', 0, 'stars'], extensions: { subgraph: 'reviews' } });
    expect(errors?.[0]?.message).not.toContain('stars today');
  });

  it('refuses what does not fit the schema, what is misspelt and what is a subscription, and throws nothing', async () => {
    await using started = await start();
    for (const [query, code] of [
      ['{ nothing }', 'GRAPHQL_VALIDATION_FAILED'],
      ['{', 'GRAPHQL_PARSE_FAILED'],
      ['mutation ($id: ID!) { rename(id: $id, name: "x") { id } }', 'BAD_USER_INPUT'],
    ] as const) {
      const result = await started.engine.execute({ query });
      expect(result.isExecuted).toBe(false);
      expect(result.errors[0]?.extensions?.['code']).toBe(code);
    }
    const [only] = await collect(started.engine.subscribe({ query: NAMES }));
    expect(only?.errors[0]?.extensions?.['code']).toBe('OPERATION_REJECTED');
  });

  it('refuses what is no request', async () => {
    await using started = await start();
    for (const request of [{}, { query: null }, { query: 5 }, { query: { kind: 'Document' } }]) {
      const result = await started.engine.execute(request as never);
      expect(result).toMatchObject({ isExecuted: false, errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
      const [only, ...others] = await collect(started.engine.subscribe(request as never));
      expect(only).toMatchObject({ isExecuted: false, errors: [{ extensions: { code: 'BAD_REQUEST' } }] });
      expect(others).toEqual([]);
      await expect(started.engine.explain(request as never)).rejects.toThrow('`query`');
    }
  });

  it('never throws, whatever it is given', async () => {
    await using started = await start();
    for (const request of [null, undefined, { query: NAMES, signal: {} }]) {
      const result = await started.engine.execute(request as never);
      expect(result).toMatchObject({ isExecuted: false, errors: [{}] });
      expect(await collect(started.engine.subscribe(request as never))).toMatchObject([{ isExecuted: false }]);
    }
    expect(await started.engine.execute({ query: NAMES, headers: null })).toMatchObject({ errors: [] });
  });

  it('sends what is put off in parts to who reads them', async () => {
    await using started = await start();
    const query = '{ products { name ... @defer { reviews { text } } } }';
    const result = await started.engine.execute({ query, incremental: 'incrementalSpec=v0.2' });
    expect(JSON.parse(result.body)).toMatchObject({
      data: { products: [{ name: 'table' }, { name: 'chair' }] },
      hasNext: true,
    });
    const parts = (await collect(result.parts as AsyncIterable<string>)).map(
      (part) => JSON.parse(part) as { hasNext: boolean },
    );
    expect(parts.at(-1)?.hasNext).toBe(false);
    expect(JSON.stringify(parts)).toContain('fine 2');
  });

  it('leaves nothing behind of parts that nobody begins to read', async () => {
    await using started = await start();
    const client = new AbortController();
    const result = await started.engine.execute({
      query: '{ products { name ... @defer { reviews { text } } } }',
      incremental: 'incrementalSpec=v0.2',
      signal: client.signal,
    });
    expect(getEventListeners(client.signal, 'abort')).toHaveLength(1);
    await result.parts?.[Symbol.asyncIterator]().return?.();
    expect(getEventListeners(client.signal, 'abort')).toHaveLength(0);
  });

  it('ends with the signal of its client', async () => {
    await using started = await start();
    const result = await started.engine.execute({ query: NAMES, signal: AbortSignal.abort(new Error('gone')) });
    expect(result.errors.length).toBeGreaterThan(0);
  });
});

it('explains an operation', async () => {
  await using started = await start();
  expect(await started.engine.explain({ query: NAMES })).toContain('Fetch(service: "reviews")');
});

describe('onFetch', () => {
  it('propagates, sets and removes headers by a table', async () => {
    await using started = await start({
      onFetch: {
        all: { propagate: ['X-Tenant', { name: 'x-locale', as: 'accept-language' }], set: { 'x-from': 'engine' } },
        subgraphs: { reviews: { remove: ['authorization', 'x-tenant'], set: { 'x-key': 'secret' } } },
      },
    });
    const headers = { authorization: 'Bearer abc', 'x-tenant': 'north', 'x-locale': 'de', 'x-other': 'stays' };
    await started.engine.execute({ query: NAMES, headers });
    const { products, reviews } = started.shop.asked;
    expect(products[0]).toMatchObject({
      authorization: 'Bearer abc',
      'x-tenant': 'north',
      'accept-language': 'de',
      'x-from': 'engine',
    });
    expect(products[0]).not.toHaveProperty('x-other');
    expect(products[0]).not.toHaveProperty('x-key');
    expect(reviews[0]).toMatchObject({ 'accept-language': 'de', 'x-from': 'engine', 'x-key': 'secret' });
    expect(reviews[0]).not.toHaveProperty('authorization');
    expect(reviews[0]).not.toHaveProperty('x-tenant');
  });

  it('changes headers by a function, whose fault costs that fetch only', async () => {
    await using started = await start({
      onFetch({ subgraph, headers }) {
        if (subgraph === 'reviews') throw new Error('no');
        headers['X-Signature'] = `for ${subgraph}`;
        delete headers['authorization'];
      },
    });
    const { data, errors } = (
      await started.engine.execute({ query: NAMES, headers: { authorization: 'Bearer abc' } })
    ).toJSON();
    expect(started.shop.asked.products[0]).toMatchObject({ 'x-signature': 'for products' });
    expect(started.shop.asked.products[0]).not.toHaveProperty('authorization');
    expect(data).toEqual({ products: [expect.objectContaining({ reviews: null }), expect.anything()] });
    expect(errors?.length).toBeGreaterThan(0);
  });

  it('never gives what was fetched with one header of a client to another, at the same time or later', async () => {
    await using started = await start({
      cache: createMemoryCache({ maxBytes: 1e6 }),
      onFetch: { all: { propagate: ['x-tenant'] } },
    });
    const ask = async (tenant: string) =>
      (await started.engine.execute({ query: '{ tenant }', headers: { 'x-tenant': tenant } })).toJSON().data?.[
        'tenant'
      ];
    for (let round = 0; round < 2; round += 1)
      expect(await Promise.all(['north', 'south', 'north'].map(ask))).toEqual(['north', 'south', 'north']);
  });

  it('refuses a table that names what belongs to the message', async () => {
    await using shop = await openShop();
    await expect(
      createEngine({ supergraph: shop.supergraph, onFetch: { all: { set: { 'Content-Length': '1' } } } }),
    ).rejects.toThrow('content-length');
  });
});

it('tells of each plan once', async () => {
  const plans: Array<string | null> = [];
  await using started = await start({ onPlan: ({ name }) => void plans.push(name) });
  for (let round = 0; round < 3; round += 1) await started.engine.execute({ query: `query Names ${NAMES}` });
  expect(plans).toEqual(['Names']);
});

it.each<[string, () => void]>([
  [
    'throws',
    () => {
      throw new Error('no disk');
    },
  ],
  ['comes to nothing later', () => Promise.reject(new Error('no disk'))],
])('runs an operation also when an onPlan that is told of it %s', async (_what, onPlan) => {
  const told: unknown[] = [];
  const log: Log = { ...SILENT, error: (facts: object | string) => void told.push(facts) };
  await using started = await start({ onPlan, log });
  expect(await started.engine.execute({ query: NAMES })).toMatchObject({ isExecuted: true, errors: [] });
  expect(told).toEqual([{ err: new Error('no disk') }]);
});

/** Changes every object and list of a value. */
function spoil(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  Object.values(value).forEach(spoil);
  if (Array.isArray(value)) value.push('spoilt');
  else Object.assign(value, { spoilt: 'spoilt' });
}

describe('the value of an answer', () => {
  it.each([
    ['{ products { id name cost details reviews { text } } }', 'data'],
    ['{ products { nothing } }', 'errors'],
    ['{ __schema { queryType { name } } products { __typename } }', 'data'],
    ['mutation { rename(id: "none", name: "x") { id } }', 'data'],
  ])('says of %s what its text says', async (asked, member) => {
    await using started = await start();
    const result = await started.engine.execute({ query: asked });
    const value = result.toJSON();
    expect(value).toHaveProperty(member);
    expect(value).toEqual(JSON.parse(result.body));
    // It is made anew: who changes it changes nothing of ours.
    expect(result.toJSON()).not.toBe(value);
  });

  it.each([
    ['the schema', '{ __schema { queryType { name } } }', undefined],
    ['a value of any form', '{ products { details } }', undefined],
    ['a first part', '{ products { id details ... @defer { reviews { text } } } }', 'deferSpec=20220824'],
  ] as const)("is nobody else's, down to its leaves: %s", async (_what, query, incremental) => {
    await using started = await start();
    const result = await started.engine.execute({ query, incremental });
    const right = JSON.parse(result.body) as unknown;
    spoil(result.toJSON());
    expect(result.toJSON()).toEqual(right);
    expect((await started.engine.execute({ query, incremental })).toJSON()).toEqual(right);
    for await (const part of result.parts ?? []) expect(part).not.toContain('spoilt');
  });

  it.each(['deferSpec=20220824', 'incrementalSpec=v0.2'] as const)(
    'is that of the first part where more come (%s)',
    async (incremental) => {
      await using started = await start();
      const query = '{ products { id ... @defer(label: "later") { reviews { text } } } }';
      const result = await started.engine.execute({ query, incremental });
      const parts: string[] = [];
      for await (const part of result.parts ?? []) parts.push(part);
      expect(parts.length).toBeGreaterThan(0);
      expect(result.toJSON()).toEqual(JSON.parse(result.body));
    },
  );
});

describe('authorize', () => {
  const query = '{ products { name cost } }';

  it('withholds what is not met, and asks once for each condition of a request', async () => {
    const asked: string[] = [];
    await using started = await start({
      authorize(condition, { identity }) {
        asked.push(condition.kind);
        return identity.kind === 'accepted';
      },
    });
    const anna = (await started.engine.execute({ query, identity: ANNA })).toJSON();
    expect(anna).toMatchObject({ data: { products: [{ cost: 10 }, { cost: 10 }] } });
    expect(asked).toEqual(['authenticated']);
    const nobody = (await started.engine.execute({ query, identity: { kind: 'absent' } })).toJSON();
    expect(nobody).toMatchObject({ data: { products: [{ name: 'table', cost: null }, { cost: null }] } });
    expect(nobody.errors).toHaveLength(2);
  });

  it('plans what is withheld for nobody, and what is left once', async () => {
    const plans: string[] = [];
    await using started = await start({ authorize: () => false, onPlan: ({ plan }) => void plans.push(plan) });
    const ask = (each: string) => started.engine.execute({ query: each, identity: { kind: 'absent' } });
    await ask(query);
    await ask(query);
    await ask('{ products { name cost  } }');
    expect(plans).toHaveLength(1);
    expect(plans[0]).toContain('name');
    expect(plans[0]).not.toContain('cost');
  });

  it('takes a hook that fails for a no', async () => {
    await using started = await start({ authorize: () => Promise.reject(new Error('away')) });
    const { data } = (await started.engine.execute({ query, identity: ANNA })).toJSON();
    expect(data).toMatchObject({ products: [{ cost: null }, { cost: null }] });
  });
});

it.each<[string, unknown]>([
  ['`supergraph`', undefined],
  ['`supergraph`', {}],
  ['`supergraph`', { supergraph: null }],
  ['`supergraph`', { supergraph: { url: 'x' } }],
  ['`operationTimeoutMs`', { operationTimeoutMs: Infinity }],
  ['`operationTimeoutMs`', { operationTimeoutMs: 0 }],
  ['`operationTimeoutMs`', { operationTimeoutMs: '10s' }],
  ['`uploadTimeoutMs`', { uploadTimeoutMs: NaN }],
  ['`onFetch`', { onFetch: 5 }],
  ['`onPlan`', { onPlan: true }],
  ['`authorize`', { authorize: true }],
  ['`overrideLabels`', { overrideLabels: ['beta'] }],
])('refuses to start with a wrong %s, and names it', async (name, options) => {
  const supergraph = name === '`supergraph`' ? {} : { supergraph: 'type Query { a: Int }' };
  const wrong = options === undefined ? undefined : { ...supergraph, ...(options as object) };
  await expect(createEngine(wrong as never)).rejects.toThrow(name);
});
