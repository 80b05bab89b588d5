import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { SILENT } from '../src/request/log.js';
import { DEFAULT_LIMITS } from '../src/engine-parts.js';
import { createLiveGraph, type LiveGraph } from '../src/live-graph.js';
import { createPlannerThread } from '../src/supergraph/planner-thread.js';
import { composeSdl, library } from './fake-subgraphs.js';
import { writeFaultyPlanner, type PlannerFault } from './faulty-planner.js';

const log = SILENT;
const supergraph = composeSdl(library().map(({ name, typeDefs }) => ({ name, typeDefs, url: `http://${name}.test` })));
const withField = (field: string) => supergraph.replaceAll('title: String!', `title: String!\n  ${field}: String`);

interface GraphUnderTest extends AsyncDisposable {
  readonly graph: LiveGraph;
  readonly started: Promise<void>;
  readonly starts: () => Promise<number>;
  readonly swaps: () => number;
  /** Those that main has made something of. */
  readonly versions: () => number;
  /** As the file of the supergraph does when it changes. @throws when it is refused */
  reload(text: string): Promise<void>;
}

/** @param refuse every version but the first */
async function startGraph(fault: PlannerFault = {}, refuse = false, warmUpMs = 600_000): Promise<GraphUnderTest> {
  const faulty = await writeFaultyPlanner(fault);
  let adopt: (text: string) => Promise<void> = () => Promise.reject(new Error('not started'));
  let versions = 0;
  let swaps = 0;
  const graph = createLiveGraph({
    source: {
      async start(onText) {
        adopt = onText;
        await onText(supergraph);
      },
      close: () => Promise.resolve(),
    },
    planner: createPlannerThread({
      log,
      planTimeoutMs: 20_000,
      loadTimeoutMs: 60_000,
      maxWaiting: 100,
      onRestart: () => undefined,
      entry: faulty.entry,
    }),
    cache: {
      maxBytes: 1_000_000,
      limits: DEFAULT_LIMITS,
      assumedListSize: 10,
      introspection: true,
    },
    log,
    warmUpMs,
    onVersion: () => {
      versions += 1;
      if (refuse && versions > 1) throw new Error('a subgraph has no address');
    },
    onSwap: () => (swaps += 1),
  });
  return {
    graph,
    started: graph.start(),
    starts: faulty.starts,
    swaps: () => swaps,
    versions: () => versions,
    reload: (text) => adopt(text),
    async [Symbol.asyncDispose]() {
      await graph.close();
      await faulty[Symbol.asyncDispose]();
    },
  };
}

async function compileWhenUp({ graph }: GraphUnderTest, text: string): Promise<unknown> {
  for (;;) {
    try {
      return await graph.operations().get(text, undefined);
    } catch (error) {
      if ((error as { code?: string }).code !== 'UNAVAILABLE') throw error;
      await nextTurn();
    }
  }
}

describe('a version that main refuses', () => {
  const crash = `
    if (request.kind === 'plan' && request.text.includes('crash')) process.exit(1);
    if (request.kind === 'load' && request.version > 1 && start > 1) process.exit(1);`;

  it('does not cost the one that is served its planner, however often', async () => {
    await using under = await startGraph({ onRequest: crash }, true);
    await under.started;
    for (const field of ['first', 'second', 'third'])
      await expect(under.reload(withField(field))).rejects.toThrow('no address');
    expect(await under.graph.operations().get('{ books { title } }', undefined)).toMatchObject({ type: 'query' });
    // Nor is it what a new planner is given.
    await expect(under.graph.operations().get('{ crash: books { id } }', undefined)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    expect(await compileWhenUp(under, '{ books { id } }')).toMatchObject({ type: 'query' });
    expect(await under.starts()).toBe(2);
    expect(under.swaps()).toBe(0);
  });
});

describe('a version that another one has replaced', () => {
  it('is planned for while it serves, and no longer', async () => {
    await using under = await startGraph();
    await under.started;
    const before = under.graph.operations();
    const reload = under.reload(withField('subtitle'));
    expect(await before.get('{ books { title } }', undefined)).toMatchObject({ type: 'query' });
    await reload;
    expect(under.swaps()).toBe(1);
    await expect(before.get('{ books { id } }', undefined)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await under.graph.operations().get('{ books { subtitle } }', undefined)).toMatchObject({ type: 'query' });
  });

  it('finishes the plans that were asked for before', async () => {
    await using under = await startGraph();
    await under.started;
    let last: Promise<unknown> = Promise.resolve();
    const before = under.graph.operations();
    const reload = under.reload(withField('subtitle'));
    for (let index = 0; under.graph.operations() === before; index += 1) {
      last = Promise.resolve(before.get(`{ books { a${index}: title } }`, undefined));
      await Promise.race([last, reload]);
    }
    expect(await last).toMatchObject({ type: 'query' });
    await reload;
  });
});

describe('operations in use', () => {
  it('are compiled before a version serves, for as long as that may take, the most recently used first', async () => {
    const stuck = `if (request.kind === 'plan' && request.version === 2 && request.text.includes('stuck')) for (;;);`;
    await using under = await startGraph({ onRequest: stuck }, false, 3_000);
    await under.started;
    const texts = ['{ stuck: books { id } }', '{ books { title } }', '{ authors { name } }'];
    for (const text of texts) await under.graph.operations().get(text, undefined);
    await under.reload(withField('subtitle'));
    expect(under.swaps()).toBe(1);
    expect(
      under.graph
        .operations()
        .recent()
        .map(({ text }) => text),
    ).toEqual(['{ authors { name } }', '{ books { title } }']);
  });
});

describe('a planner that cannot start', () => {
  it('ends the start, and says why', async () => {
    await using under = await startGraph({ atStart: `throw new Error('no such part');` });
    await expect(under.started).rejects.toThrow('no such part');
  });
});

describe('a supergraph that the planner dies of', () => {
  it('is refused; the one before goes on', async () => {
    await using under = await startGraph({
      onRequest: `if (request.kind === 'load' && request.version === 2) process.exit(1);`,
    });
    await under.started;
    const before = under.graph.operations();
    await expect(under.reload(withField('subtitle'))).rejects.toThrow('The planner has died');
    expect(under.graph.operations()).toBe(before);
    expect(await compileWhenUp(under, '{ books { title } }')).toMatchObject({ type: 'query' });
    await under.reload(withField('subtitle'));
    expect(under.swaps()).toBe(1);
  });
});

describe('closing', () => {
  it('ends a reload that loads', async () => {
    await using under = await startGraph({ onRequest: `if (request.version === 2) for (;;);` });
    await under.started;
    const reload = under.reload(withField('subtitle'));
    reload.catch(() => undefined);
    await under.graph.close();
    await expect(reload).rejects.toThrow('closed');
  });

  it('ends a reload that compiles operations; nothing takes over any more', async () => {
    await using under = await startGraph({
      onRequest: `if (request.kind === 'plan' && request.version === 2) for (;;);`,
    });
    await under.started;
    await under.graph.operations().get('{ books { title } }', undefined);
    const reload = under.reload(withField('subtitle'));
    reload.catch(() => undefined);
    while (under.versions() < 2) await nextTurn();
    await under.graph.close();
    await expect(reload).rejects.toThrow('the graph is closed');
    expect(under.swaps()).toBe(0);
  });

  it('while the first version loads, ends the start', async () => {
    await using under = await startGraph({ onRequest: 'for (;;);' });
    under.started.catch(() => undefined);
    await under.graph.close();
    await expect(under.started).rejects.toThrow('closed');
  });
});
