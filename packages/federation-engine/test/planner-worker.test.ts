import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { PlannerAnswer, PlannerMessage } from '../src/supergraph/planner/planner-messages.js';
import { composeSdl, library } from './fake-subgraphs.js';
import { writeFaultyPlanner } from './faulty-planner.js';

const ENTRY = new URL('../dist/supergraph/planner/planner-worker.js', import.meta.url);
const supergraph = composeSdl(library().map(({ name, typeDefs }) => ({ name, typeDefs, url: `http://${name}.test` })));
const other = supergraph.replaceAll('title: String!', 'title: String!\n  subtitle: String');
/** Apollo's gateway takes its list of subgraphs, and finds only then that nothing is left for clients. */
const hidden = composeSdl([
  {
    name: 'books',
    url: 'http://books.test',
    typeDefs: `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@inaccessible"])
      type Query { secret: Int @inaccessible open: Int }`,
  },
]).replace(/\n\s+open: Int[^\n]*/, '');

/** Apollo's gateway gives other events a turn while it loads. */
const SLOW_LOAD = `
  const { createRequire } = await import('node:module');
  const { setImmediate: nextTurn } = await import('node:timers/promises');
  const { ApolloGateway } = createRequire(${JSON.stringify(ENTRY.href)})('@apollo/gateway');
  const { load } = ApolloGateway.prototype;
  ApolloGateway.prototype.load = async function () {
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    return load.call(this);
  };`;

describe('the thread of the planner', () => {
  let worker: Worker | null = null;
  afterEach(() => worker?.terminate());

  async function exchange(messages: PlannerMessage[], entry = ENTRY): Promise<PlannerAnswer[]> {
    const started = (worker = new Worker(entry, { execArgv: [] }));
    const answers: PlannerAnswer[] = [];
    const asked = messages.filter(({ kind }) => kind !== 'release').length;
    await new Promise<void>((resolve, reject) => {
      started.on('error', reject);
      started.on('message', (answer: PlannerAnswer) => {
        answers.push(answer);
        if (answers.length === asked) resolve();
      });
      for (const message of messages) started.postMessage(message);
    });
    return answers;
  }
  const load = (id: number, version: number, text: string) =>
    ({ kind: 'load', id, version, supergraph: text }) as const;
  const plan = (id: number, version: number, text: string) =>
    ({ kind: 'plan', id, version, text, operationName: undefined }) as const;

  it('takes what it is asked for strictly in order', async () => {
    await using slow = await writeFaultyPlanner({ atStart: SLOW_LOAD });
    const messages = [
      load(1, 1, supergraph),
      plan(2, 1, '{ books { title } }'),
      load(3, 2, other),
      plan(4, 2, '{ books { subtitle } }'),
      plan(5, 1, '{ books { subtitle } }'),
    ];
    const answers = await exchange(messages, slow.entry);
    expect(answers.map(({ id, kind }) => [id, kind])).toEqual([
      [1, 'loaded'],
      [2, 'planned'],
      [3, 'loaded'],
      [4, 'planned'],
      [5, 'failed'],
    ]);
  });

  it('keeps every version until it is released', async () => {
    const answers = await exchange([
      load(1, 1, supergraph),
      ...[2, 3, 4, 5].map((version) => load(version, version, version % 2 ? supergraph : other)),
      plan(6, 1, '{ books { title } }'),
      { kind: 'release', version: 1 },
      plan(7, 1, '{ books { title } }'),
      plan(8, 2, '{ books { subtitle } }'),
    ]);
    expect(answers.slice(5)).toMatchObject([
      { id: 6, kind: 'planned' },
      { id: 7, kind: 'failed' },
      { id: 8, kind: 'planned' },
    ]);
  });

  it('refuses a supergraph as often as it comes, and does not take another for it', async () => {
    const answers = await exchange([
      load(1, 1, supergraph),
      load(2, 2, hidden),
      load(3, 3, hidden),
      load(4, 4, other),
      plan(5, 1, '{ books { title } }'),
      plan(6, 4, '{ books { subtitle } }'),
    ]);
    expect(answers.map(({ kind }) => kind)).toEqual(['loaded', 'failed', 'failed', 'loaded', 'planned', 'planned']);
  });
});
