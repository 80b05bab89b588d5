import { describe, expect, it } from '@jest/globals';
import { createMemoryCache, type Cache } from '../src/subgraphs/caching/cache.js';
import type { UpstreamAnswer } from '../src/upstream.js';
import { OperationTypeNode } from 'graphql';
import { createCachingClient } from '../src/subgraphs/caching/caching-client.js';
import { createHttpSubgraphClient } from '../src/subgraphs/http-subgraph-client.js';
import type { SubgraphClient, SubgraphRequest } from '../src/subgraphs/subgraph-client.js';

/** A gate that is open until it is shut; whoever comes to it meanwhile is counted. */
function createGate() {
  let opened: Promise<void> = Promise.resolve();
  let open: () => void = () => undefined;
  const gate = {
    waiting: 0,
    shut: () => void (opened = new Promise((resolve) => (open = resolve))),
    open: () => open(),
    async pass(): Promise<void> {
      gate.waiting += 1;
      await opened;
      gate.waiting -= 1;
    },
  };
  return gate;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}

/** Two gateways with one cache, in front of a subgraph whose value is read when it is asked and told when the gate is open. */
function twoGateways(cacheControl: string) {
  const shared = createMemoryCache({ maxBytes: 1_000_000 });
  const truth = { value: 'old' };
  const answering = createGate();
  const looking = createGate();
  let fetches = 0;

  const upstream = async (): Promise<UpstreamAnswer> => {
    fetches += 1;
    const sentAt = Date.now();
    const text = JSON.stringify({ data: { mine: truth.value } });
    await answering.pass();
    return { status: 200, text, body: JSON.parse(text), headers: { 'cache-control': cacheControl }, sentAt };
  };
  function gateway(cache: Cache): SubgraphClient {
    const limit = { run: (_kind: string, _signal: AbortSignal, run: () => unknown) => run() };
    const inner = createHttpSubgraphClient({
      subgraph: () => ({ url: '', upstream: { send: upstream }, limit }) as never,
      telemetry: { startFetch: () => () => undefined },
      uploadTimeoutMs: 1_000,
      maxErrors: 10,
    });
    return createCachingClient({ cache, inner, onLookup: () => undefined, waitMs: 60_000 });
  }
  const one = gateway({
    ...shared,
    async getMany(keys) {
      const values = await shared.getMany(keys);
      await looking.pass();
      return values;
    },
  });
  const other = gateway(shared);
  const ask = async (variables = '') => {
    const request: SubgraphRequest = {
      subgraph: 'desk',
      graph: { subgraphs: [] },
      type: OperationTypeNode.QUERY,
      query: '{ mine }',
      operationName: undefined,
      head: `{ mine }${variables}`,
      representations: null,
      variables: {},
      variableNames: [],
      signal: new AbortController().signal,
      isGuarded: false,
    };
    const context = { identity: { kind: 'unverified' }, authorization: 'Bearer ada', requestId: 'r' } as never;
    return (await one.send(request, context)).data?.['mine'];
  };
  /** Something is changed through the other gateway, later than what has been asked before. */
  const change = async () => {
    const before = Date.now();
    await until(() => Date.now() > before);
    truth.value = 'new';
    await other.invalidate?.({ entities: [], types: [], lists: ['desk'] });
    const after = Date.now();
    await until(() => Date.now() > after);
  };
  return { ask, change, answering, looking, fetches: () => fetches };
}

describe.each(['max-age=60, private', 'max-age=60', 'max-age=60, public'])('an answer with %s', (cacheControl) => {
  it('that was asked for before another gateway told of a change is not stored as newer', async () => {
    const { ask, change, answering, looking } = twoGateways(cacheControl);
    // Whether it may be kept is learnt.
    await ask(' # first');
    answering.shut();
    const first = ask();
    await until(() => answering.waiting === 1);
    looking.shut();
    const second = ask();
    await until(() => looking.waiting === 1);
    // Between its look-up and its joining the fetch that is under way.
    await change();
    looking.open();
    await new Promise(setImmediate);
    answering.open();
    await Promise.all([first, second]);
    expect(await ask()).toBe('new');
  });

  it('that was asked for before a change that is known is not waited for', async () => {
    const { ask, change, answering, fetches } = twoGateways(cacheControl);
    await ask(' # first');
    answering.shut();
    const first = ask();
    await until(() => answering.waiting === 1);
    await change();
    const second = ask();
    await until(() => answering.waiting === 2);
    answering.open();
    expect(await Promise.all([first, second])).toEqual(['old', 'new']);
    expect(await ask()).toBe('new');
    expect(fetches()).toBe(3);
  });
});
