import { describe, expect, it } from '@jest/globals';
import { isDeepStrictEqual } from 'node:util';
import { parse, validate } from 'graphql';
import { startEngines, type EngineAnswer, type Engines } from './engines.js';
import { generateGraph } from './generate-graph.js';
import { generateOperation, type GeneratedOperation } from './generate-operation.js';

const GRAPHS = 50;
const OPERATIONS_PER_GRAPH = 101;

/** What was compared, and how often each difference of `docs/execution-differences.md` was met. */
const counts = {
  operations: 0,
  withData: 0,
  withErrors: 0,
  withFragments: 0,
  withTakenNames: 0,
  crashed: 0,
  lost: 0,
  unplaced: 0,
  shifted: 0,
  renamed: 0,
};

describe('the engine answers as @apollo/gateway does', () => {
  it('to thousands of generated operations on generated graphs', async () => {
    for (let graph = 0; graph < GRAPHS; graph += 1) {
      const engines = await startEngines(generateGraph(graph));
      try {
        for (let index = 0; index < OPERATIONS_PER_GRAPH; index += 1) {
          const seed = graph * 100_000 + index;
          const operation = generateOperation(engines.schema, seed);
          const ours = await engines.ours(operation);
          const difference = compare(ours, await engines.stock(operation));
          if (index % 5 === 0) await compareNames(engines, operation);
          if (difference !== null)
            throw new Error(`seed ${seed}: ${difference}\n${operation.query}\n${JSON.stringify(operation.variables)}`);
          counts.operations += 1;
          if (ours.data !== null) counts.withData += 1;
          if (ours.errors.length > 0) counts.withErrors += 1;
          if (operation.query.includes('...')) counts.withFragments += 1;
        }
      } finally {
        await engines.stop();
      }
    }
    // The generators must go on generating something to compare, and the listed differences must stay rare.
    const { operations, withData, withErrors, withFragments, withTakenNames, ...listed } = counts;
    expect(operations).toBeGreaterThanOrEqual(5_000);
    expect(withData).toBeGreaterThan(4_000);
    expect(withErrors).toBeGreaterThan(1_000);
    expect(withFragments).toBeGreaterThan(2_000);
    expect(withTakenNames).toBeGreaterThan(100);
    for (const [name, count] of Object.entries(listed)) expect([name, count < 0.15 * operations]).toEqual([name, true]);
  }, 1_200_000);
});

/** Names that the planner asks for on its own account, which stock does not keep apart from a client's. */
const TAKEN = ['id', 'code', 'org', '__typename'];

/** Asks under names of the planner's and under others: the answers are the same but for the names. */
async function compareNames(engines: Engines, { query, variables }: GeneratedOperation): Promise<void> {
  const apart = query.replace(
    /\ba(\d+): /g,
    (_, number: string) => `a${number}_${TAKEN[Number(number) % TAKEN.length]}: `,
  );
  const taken = apart.replace(/\ba\d+_(\w+): /g, '$1: ');
  if (taken === query || validate(engines.schema, parse(taken)).length > 0) return;
  const named = (text: string) => text.replace(/\ba\d+_/g, '');
  const [expected, answer] = [
    await engines.ours({ query: apart, variables }),
    await engines.ours({ query: taken, variables }),
  ];
  const errorsOf = ({ errors }: EngineAnswer) => errors.map((error) => named(JSON.stringify(error))).sort();
  expect({ taken, data: answer.data, errors: errorsOf(answer) }).toEqual({
    taken,
    data: JSON.parse(named(JSON.stringify(expected.data))) as unknown,
    errors: errorsOf(expected),
  });
  counts.withTakenNames += 1;
}

function compare(ours: EngineAnswer, stock: EngineAnswer): string | null {
  if (!isDeepStrictEqual(ours.data, stock.data)) {
    const completed = ours.completed();
    if (!isDeepStrictEqual(ours.data, completed))
      return `data differ:\n  ours ${JSON.stringify(ours.data)}\n stock ${JSON.stringify(stock.data)}\n  spec ${JSON.stringify(completed)}`;
    // "Fragments in fragments", or "Renamed members" where a value was not renamed.
    if (stock.crashed) counts.crashed += 1;
    else counts.lost += 1;
  }
  if (stock.crashed) return null;
  const [mine, theirs] = [byMessage(ours), byMessage(stock)];
  for (const key of new Set([...mine.keys(), ...theirs.keys()])) {
    const [placed, given] = [mine.get(key) ?? [], theirs.get(key) ?? []];
    if (isDeepStrictEqual(placed, given)) continue;
    if (given.some((path) => path.includes('@')) && placed.length > 0) counts.unplaced += 1;
    else if (placed.length === given.length) counts.shifted += 1;
    else if (ours.renames() && placed.length > given.length) counts.renamed += 1;
    else return `errors differ: ${key}\n  ours ${placed.join(' ')}\n stock ${given.join(' ')}`;
  }
  return null;
}

/** Paths by subgraph and message. */
function byMessage({ errors }: EngineAnswer): Map<string, string[]> {
  const paths = new Map<string, string[]>();
  for (const { message, path, subgraph } of errors) {
    const key = `${subgraph}: ${message}`;
    paths.set(key, [...(paths.get(key) ?? []), path].sort());
  }
  return paths;
}
