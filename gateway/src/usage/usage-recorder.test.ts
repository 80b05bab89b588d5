import { describe, expect, it } from '@jest/globals';
import { buildSchema, parse, type OperationDefinitionNode } from 'graphql';
import { createLog, createMetrics } from '@taskgraph/service-kit';
import type { CountedOperation } from './normal-operation.js';
import { createUsageRecorder, type UsageRecorderOptions } from './usage-recorder.js';
import type { UsageCount } from './usage-record.js';

const schema = buildSchema('type Query { a: Int b: Int }');
const operation = (text: string) => {
  const [node] = parse(text).definitions as [OperationDefinitionNode];
  return { node, fragments: new Map(), supergraph: { schema } } as unknown as CountedOperation;
};
const from = (name?: string, version?: string) => ({
  clientHeader: (header: string) => (header.endsWith('version') ? version : name),
});

/** A recorder whose store keeps what it is told, or refuses it. */
function record(options: Partial<UsageRecorderOptions> = {}) {
  const told: UsageCount[][] = [];
  let isAway = false;
  const metrics = createMetrics('gateway');
  const recorder = createUsageRecorder({
    store: {
      add: async (counts) => {
        if (isAway) throw new Error('away');
        told.push([...counts]);
        return { unnamed: 0, dropped: 0 };
      },
      close: async () => undefined,
    },
    flushMs: 60_000,
    sampleOneIn: 1,
    maxPending: 3,
    log: createLog({ service: 'gateway', level: 'silent' }),
    metrics,
    ...options,
  });
  return {
    recorder,
    told: () =>
      told.map((counts) => counts.map(({ client, version, count }) => [client, version, count].join(' ').trim())),
    leave: () => (isAway = true),
    comeBack: () => (isAway = false),
    countOf: async (outcome: string) => {
      const { values } = await metrics.registry.getSingleMetric('taskgraph_gateway_usage_operations_total')!.get();
      return values.find(({ labels }) => labels['outcome'] === outcome)?.value ?? 0;
    },
  };
}

const A = operation('{ a }');
const B = operation('{ b }');

describe('usage', () => {
  it('is counted by client and version, and told once', async () => {
    const { recorder, told } = record();
    for (let i = 0; i < 3; i++) recorder.record(A, from('web', '1'));
    recorder.record(A, from('web', '2'));
    recorder.record(A, from());
    await recorder.flush();
    await recorder.flush();
    recorder.recordAs('rest')(B, from('web', '1'));
    await recorder.close();
    expect(told()).toEqual([['web 1 3', 'web 2 1', 'unknown  1'], ['rest  1']]);
  });

  it('takes names for what can be printed, and not for more than 64 characters', async () => {
    const { recorder, told } = record();
    recorder.record(A, from(`  w\u00e9b\n${'x'.repeat(100)}`, '   '));
    await recorder.close();
    const [[name = ''] = []] = told();
    expect(name).toMatch(/^w\?bx{61} {2}1$/);
  });

  it('takes nobody for those that there was no room to name', async () => {
    const { recorder, told } = record();
    for (let i = 0; i < 1_000; i++) recorder.record(A, from('(others)', `${i}`));
    await recorder.close();
    expect(told()[0]?.filter((each) => each.startsWith('unknown'))).toHaveLength(3);
    expect(told()[0]?.at(-1)).toBe('(others)  997');
  });

  it('of a flood of names takes no more memory than it may, and is not lost for the operation', async () => {
    const { recorder, told, countOf } = record();
    for (let i = 0; i < 1_000; i++) recorder.record(A, from(`made-up-${i}`));
    await recorder.flush();
    expect(told()).toEqual([['made-up-0  1', 'made-up-1  1', 'made-up-2  1', '(others)  997']]);
    expect(await countOf('unnamed')).toBe(997);
    const many = Array.from({ length: 1_000 }, (_, i) => operation(`query Q${i} { a }`));
    for (const each of many) recorder.record(each, from('web'));
    await recorder.flush();
    expect(told()[1]).toHaveLength(6);
    expect(await countOf('lost')).toBe(994);
    await recorder.close();
  });

  it('that cannot be told is told with the next', async () => {
    const { recorder, told, leave, comeBack } = record();
    leave();
    recorder.record(A, from('web'));
    await recorder.flush();
    recorder.record(A, from('web'));
    comeBack();
    await recorder.close();
    expect(told()).toEqual([['web  2']]);
  });

  it('of a sample counts for all of which it is one', async () => {
    const chosen = [0.05, 0.5, 0.99, 0.0999];
    const { recorder, told } = record({ sampleOneIn: 10, random: () => chosen.shift() ?? 1 });
    for (let i = 0; i < 5; i++) recorder.record(A, from('web'));
    await recorder.close();
    expect(told()).toEqual([['web  20']]);
  });
});
