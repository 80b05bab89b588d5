import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { createMemoryCache, type Cache, type EngineOptions, type Log } from '../src/index.js';
import { SILENT } from '../src/request/log.js';
import { library } from './fake-subgraphs.js';
import { startEngine } from './start-engine.js';

const QUERY = '{ books { title author { name } } }';
const ANSWER = {
  books: [
    { title: 'Emma', author: { name: 'Jane Austen' } },
    { title: 'Persuasion', author: { name: 'Jane Austen' } },
    { title: 'Middlemarch', author: { name: 'George Eliot' } },
  ],
};
const never = () => new Promise<never>(() => undefined);
const policy = { audience: 'EVERYBODY', askedAt: 0, sharedUntil: 9e15, privateUntil: 9e15, mustRevalidate: false };

/** What a call may come to that is no answer. */
const FAULTS: ReadonlyArray<[string, (...called: never[]) => unknown]> = [
  ['never answers', never],
  [
    'throws',
    () => {
      throw new Error('no cache');
    },
  ],
  ['rejects', () => Promise.reject(new Error('no cache'))],
  ['answers null', async () => null],
  ['answers nothing, and at once', () => undefined],
  ['answers no list', async () => ({ length: 3 })],
  ['answers too few', async () => []],
  ['answers too many', async (keys: readonly string[]) => [...keys, ...keys].map(() => 5)],
];
/** What a list may hold that is no value. */
const VALUES: readonly unknown[] = [
  {},
  [],
  true,
  Symbol('value'),
  () => undefined,
  { policy, until: 9e15, text: 5 },
  { policy, until: 9e15, text: '{' },
  { policy, until: 9e15, text: '5' },
  { policy, until: '9e15', text: '{}' },
  { policy: null, until: 9e15, text: '{}' },
  { policy: { ...policy, askedAt: null }, until: 9e15, text: '{}' },
  { policy: { ...policy, audience: 'constructor' }, until: 9e15, text: '{}' },
];
const METHODS = ['getMany', 'setMany', 'claim', 'deleteMany'] as const;

function createLog(lines: string[]): Log {
  const line = (facts: object | string, text?: string) =>
    void lines.push(typeof facts === 'string' ? facts : String(text));
  return { ...SILENT, info: line, warn: line, error: line };
}

/** Both subgraphs let everything be kept, for everybody. */
async function start(faulty: Partial<Record<keyof Cache, unknown>>, options: Partial<EngineOptions> = {}) {
  const lines: string[] = [];
  const fakes = library().map((fake) => ({
    ...fake,
    intercept(_request: unknown, response: { setHeader(name: string, value: string): void }) {
      response.setHeader('cache-control', 'max-age=60, public');
      return false;
    },
  }));
  const cache = { ...createMemoryCache({ maxBytes: 1e6 }), ...faulty } as Cache;
  return { lines, started: await startEngine(fakes, { cache, log: createLog(lines), ...options }) };
}

describe.each(METHODS)("a host's cache whose %s", (method) => {
  const faults = method === 'getMany' || method === 'claim' ? FAULTS : FAULTS.slice(0, 3);
  it.each(faults)('%s costs no field', async (what, fault) => {
    // What is kept is claimed no more.
    const keepsNothing = method === 'claim' || method === 'deleteMany' ? { setMany: async () => undefined } : {};
    let calls = 0;
    const { lines, started } = await start({
      ...keepsNothing,
      [method](...values: never[]) {
        calls += 1;
        return fault(...values);
      },
    });
    await using engine = started;
    // Whether it may be kept is learnt by the first.
    for (let round = 0; round < 3; round += 1) {
      const before = performance.now();
      expect((await engine.run(QUERY)).body).toEqual({ data: ANSWER });
      // Of 30 seconds that the operation may take.
      expect(performance.now() - before).toBeLessThan(5_000);
    }
    expect((await engine.run('mutation { addBook(title: "Emma") { title } }')).body).toEqual({
      data: { addBook: { title: 'Emma' } },
    });
    expect(calls).toBeGreaterThan(0);
    if (['never answers', 'throws', 'rejects'].includes(what))
      // A claim is given back when the answer is on its way.
      while (!lines.includes('the cache fails; everything is a miss until it is back')) await nextTurn();
    // It is told once, however often it fails.
    expect(lines.length).toBeLessThanOrEqual(1);
    expect(lines.filter((line) => !line.startsWith('the cache'))).toEqual([]);
  });
});

it('takes what cannot be read of a cache for a miss', async () => {
  const value = {
    get policy() {
      throw new Error('no policy');
    },
  };
  const { lines, started } = await start({ getMany: async (keys: readonly string[]) => keys.map(() => value) });
  await using engine = started;
  for (let round = 0; round < 3; round += 1) expect((await engine.run(QUERY)).body).toEqual({ data: ANSWER });
  expect(lines).toEqual(['the cache fails; everything is a miss until it is back']);
});

it.each(VALUES.map((value) => [value]))('takes %p of a cache for a miss', async (value) => {
  const { lines, started } = await start({ getMany: async (keys: readonly string[]) => keys.map(() => value) });
  await using engine = started;
  for (let round = 0; round < 3; round += 1) expect((await engine.run(QUERY)).body).toEqual({ data: ANSWER });
  expect(lines).toEqual(['the cache fails; everything is a miss until it is back']);
});

it('takes null of a cache for a miss that is none of its faults', async () => {
  const { lines, started } = await start({ getMany: async (keys: readonly string[]) => keys.map(() => null) });
  await using engine = started;
  for (let round = 0; round < 3; round += 1) expect((await engine.run(QUERY)).body).toEqual({ data: ANSWER });
  expect(lines).toEqual([]);
});

it('counts what a faulty cache does not give as misses', async () => {
  let misses = 0;
  const onLookup = (_subgraph: string, hits: number, missed: number) => {
    expect(hits).toBe(0);
    misses += missed;
  };
  const { started } = await start({ getMany: never }, { inside: { caching: { onLookup } } });
  await using engine = started;
  for (let round = 0; round < 2; round += 1) await engine.run(QUERY);
  expect(misses).toBe(3);
});

it('waits for a cache no longer than an operation may take', async () => {
  const { started } = await start({ getMany: never, setMany: never, claim: never }, { operationTimeoutMs: 1 });
  await using engine = started;
  for (let round = 0; round < 3; round += 1) {
    const { errors } = (await engine.run(QUERY)).body;
    expect(errors?.length).toBeGreaterThan(0);
  }
});

it('tells when a cache is back, and uses it again', async () => {
  const kept = createMemoryCache({ maxBytes: 1e6 });
  let isAway = false;
  const { lines, started } = await start({
    getMany: async (keys: readonly string[]) => (isAway ? null : kept.getMany(keys)),
    setMany: (entries: never) => kept.setMany(entries),
  });
  await using engine = started;
  const { requests } = engine.subgraphs['books'] ?? { requests: [] };
  // Learnt, and kept.
  for (let round = 0; round < 2; round += 1) await engine.run(QUERY);
  const before = requests.length;
  await engine.run(QUERY);
  expect(requests.length).toBe(before);
  isAway = true;
  await engine.run(QUERY);
  expect(requests.length).toBe(before + 1);
  isAway = false;
  await engine.run(QUERY);
  expect(requests.length).toBe(before + 1);
  expect(lines).toEqual(['the cache fails; everything is a miss until it is back', 'the cache is back']);
});

it.each(FAULTS.slice(1, 4))('is closed also when the close of its cache %s', async (_what, close) => {
  const { started } = await start({ close });
  await started[Symbol.asyncDispose]();
});
