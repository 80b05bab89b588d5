import { describe, expect, it } from '@jest/globals';
import { createApolloGateway } from '../src/apollo-server.js';
import { ENGINE_OPTIONS } from '../src/assert-options.js';
import { createEngine, createMemoryCache } from '../src/index.js';
import { library } from './fake-subgraphs.js';
import { startEngine } from './start-engine.js';

const supergraph = 'type Query { a: Int }';
const cache = createMemoryCache({ maxBytes: 1 });
/** Of each kind of value one. An option takes some of them. */
const VALUES: Readonly<Record<string, unknown>> = {
  null: null,
  nothing: NaN,
  negative: -1,
  endless: Infinity,
  number: 5,
  text: 'x',
  boolean: true,
  list: ['x'],
  object: { nobody: 1 },
  function: () => undefined,
  async: async () => undefined,
  symbol: Symbol('x'),
  bigint: 5n,
};
const PROMPT = ['function'];
const FUNCTION = ['function', 'async'];
/** The kinds that an option takes; what is not here takes none. */
const TAKEN: Readonly<Record<string, readonly string[]>> = {
  supergraph: ['text'],
  cache: ['null'],
  operationTimeoutMs: ['number'],
  uploadTimeoutMs: ['number'],
  introspection: ['boolean'],
  showsErrorMessages: PROMPT,
  onFetch: PROMPT,
  onPlan: FUNCTION,
  authorize: FUNCTION,
  overrideLabels: PROMPT,
};
const CASES = Object.keys(ENGINE_OPTIONS).flatMap((name) =>
  Object.keys(VALUES)
    .filter((kind) => !TAKEN[name]?.includes(kind))
    .map((kind): [string, string] => [name, kind]),
);

it.each(CASES)('refuses a wrong `%s`, and names it: %s', async (name, kind) => {
  const created = createEngine({ supergraph, [name]: VALUES[kind] });
  await expect(created).rejects.toThrow(TypeError);
  await expect(created).rejects.toThrow(`\`${name}`);
  expect(() => createApolloGateway({ supergraph, [name]: VALUES[kind] })).toThrow(`\`${name}`);
});

it.each<[string, object]>([
  ['`opertionTimeoutMs` is no option', { opertionTimeoutMs: 5 }],
  ['`constructor` is no option', { constructor: 5 }],
  ['`supergraph.url` is no option', { supergraph: { path: 'x', url: 'x' } }],
  ['`supergraph.pollMs` is a number of milliseconds', { supergraph: { path: 'x', pollMs: '1s' } }],
  ['`subgraphs.timeoutMs` is a function', { subgraphs: { timeoutMs: 1000 } }],
  ['`subgraphs.timeoutMs` is not waited for', { subgraphs: { timeoutMs: async () => 1000 } }],
  ['`subgraphs.urlOf` is a function', { subgraphs: { urlOf: { a: 'http://a' } } }],
  ['`subgraphs.maxConnections` is a whole number', { subgraphs: { maxConnections: '5' } }],
  ['`subgraphs.maxConcurrency` is a whole number', { subgraphs: { maxConcurrency: NaN } }],
  ['`subgraphs.http2` is no option', { subgraphs: { http2: true } }],
  ['`subgraphs.exchange.http2` is true or false', { subgraphs: { exchange: { http2: 1 } } }],
  ['`subgraphs.exchange.authorities` is a list', { subgraphs: { exchange: { authorities: 'PEM' } } }],
  ['`limits.maxTokens` is a whole number', { limits: { maxTokens: '5' } }],
  ['`limits.maxdepth` is no option', { limits: { maxdepth: 5 } }],
  ['`inside.onSwop` is no option', { inside: { onSwop: () => undefined } }],
  ['it lacks `claim`, `ping`', { cache: { ...cache, claim: undefined, ping: 5 } }],
  ['it lacks `isLevelEnabled`, `child`', { log: console }],
])('says what is wrong: %s', async (message, options) => {
  const created = createEngine({ supergraph, ...options });
  await expect(created).rejects.toThrow(TypeError);
  await expect(created).rejects.toThrow(message);
});

it('refuses a wrong `requestOf` behind Apollo Server, and takes none for an option of the engine', () => {
  expect(() => createApolloGateway({ supergraph, requestOf: {} } as never)).toThrow('`requestOf`');
  expect(() => createApolloGateway({ supergraph, requestOf: async () => ({}) } as never)).toThrow('`requestOf`');
  expect(createApolloGateway({ supergraph, requestOf: () => ({}) })).toBeDefined();
});

describe('what is undefined', () => {
  it('is not there', async () => {
    const none = Object.fromEntries(Object.keys(ENGINE_OPTIONS).map((name) => [name, undefined]));
    const { supergraph: _given, ...others } = none;
    const subgraphs = { timeoutMs: undefined, urlOf: undefined, maxConcurrency: undefined, exchange: undefined };
    await using engine = await startEngine(library(), {
      ...others,
      subgraphs,
      limits: { maxTokens: undefined },
    } as never);
    expect((await engine.run('{ books { title } }')).body.errors).toBeUndefined();
  });
});

it.each<[string, object]>([
  ['`subgraphs.timeoutMs` has returned what is no number', { timeoutMs: () => '5' }],
  ['`subgraphs.timeoutMs` has returned what is no number', { timeoutMs: () => NaN }],
  ['`subgraphs.timeoutMs` has returned a promise', { timeoutMs: () => Promise.reject(new Error('no')) }],
  ['`subgraphs.urlOf` has returned what is no text', { urlOf: () => new URL('http://a') }],
  ['`subgraphs.urlOf` has returned a promise', { urlOf: () => Promise.reject(new Error('no')) }],
])('does not start when %s', async (message, subgraphs) => {
  await expect(startEngine(library(), { subgraphs: subgraphs })).rejects.toThrow(message);
});

it.each<[string, () => unknown]>([
  ['a promise', () => Promise.reject(new Error('no'))],
  ['a promise of true', () => Promise.resolve(true)],
  ['what is no boolean', () => 'yes'],
  [
    'nothing, since it throws',
    () => {
      throw new Error('no');
    },
  ],
])('shows no message when showsErrorMessages returns %s', async (_what, showsErrorMessages) => {
  await using engine = await startEngine(library(), { showsErrorMessages: showsErrorMessages as never });
  const { errors } = (await engine.run('{ broken }')).body;
  expect(errors?.map(({ message }) => message)).toEqual(['Something went wrong on our side.']);
});
