import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { parse, validate } from 'graphql';
import type { IncrementalPart, PendingPart } from '../../src/execute/operation-result.js';
import type { Data } from '../../src/request/data.js';
import { ArrivedAnswer, isBelow } from '../../src/execute/part-places.js';
import { startEngines, type Engines } from './engines.js';
import { generateGraph } from './generate-graph.js';
import { generateOperation, type GeneratedOperation } from './generate-operation.js';
import { putNothingOff, putOff } from './put-off.js';

const GRAPHS = 3;
const OPERATIONS_PER_GRAPH = 60;

const counts = { operations: 0, inParts: 0, announcedLater: 0, compared: 0 };

describe('an answer in parts', () => {
  it('is the same as one answer, put together, for hundreds of generated operations', async () => {
    for (let graph = 0; graph < GRAPHS; graph += 1) {
      const engines = await startEngines(generateGraph(graph));
      try {
        for (let index = 0; index < OPERATIONS_PER_GRAPH; index += 1) {
          const seed = graph * 100_000 + index;
          const operation = putOff(generateOperation(engines.schema, seed), seed);
          if (!operation || validate(engines.schema, parse(operation.query)).length > 0) continue;
          const fault = await compare(engines, operation);
          if (fault !== null)
            throw new Error(`seed ${seed}: ${fault}\n${operation.query}\n${JSON.stringify(operation.variables)}`);
        }
      } finally {
        await engines.stop();
      }
    }
    // The generator must go on generating something to compare.
    expect(counts.operations).toBeGreaterThan(60);
    expect(counts.inParts).toBeGreaterThan(30);
    expect(counts.announcedLater).toBeGreaterThan(5);
    expect(counts.compared).toBeGreaterThan(20);
  }, 400_000);
});

/** It ends, parts come where objects are, their errors are told in their places, and their sum is the whole. */
async function compare(engines: Engines, operation: GeneratedOperation): Promise<string | null> {
  const faultsBefore = engines.faults();
  const first = await engines.result(operation, true);
  const parts: IncrementalPart[] = [];
  if (first.rest) for await (const part of first.rest) parts.push(part);
  counts.operations += 1;
  if (parts.length > 0) counts.inParts += 1;
  if (!isDeepStrictEqual(first.value(), JSON.parse(first.data)))
    return 'the value of the first part is not what its text says';
  const sum = new ArrivedAnswer(JSON.parse(first.data));
  const waiting = new Set<string>();
  const announce = ({ id, path }: PendingPart): string | null => {
    waiting.add(id);
    return sum.has(path) ? null : `a part is announced at ${path.join('.')}, where nothing has arrived`;
  };
  for (const pending of first.rest?.pending ?? []) {
    const fault = announce(pending);
    if (fault) return fault;
  }
  for (const { id, path, data, violations, pending } of parts) {
    if (pending.some((each) => each.id === id)) waiting.add(id);
    if (!waiting.delete(id)) return `a part at ${path.join('.')} comes that was not announced, or twice`;
    if (!sum.has(path)) return `nothing has arrived at ${path.join('.')} when a part of it comes`;
    for (const violation of violations)
      if (!isBelow(violation.path, path)) return `an error at ${violation.path.join('.')} comes with ${path.join('.')}`;
    if (data !== 'null') sum.add(path, JSON.parse(data) as Data);
    for (const each of pending.filter((more) => more.id !== id)) {
      const fault = announce(each);
      if (fault) return fault;
      counts.announcedLater += 1;
    }
  }
  if (waiting.size > 0) return `${waiting.size} parts were announced that never came`;
  const whole = await engines.result(putNothingOff(operation), false);
  // A null that is passed up ends at a part. And parts ask for entities again where one answer needs not: where they are
  // missing, answers differ rightly.
  const all = [first, ...parts, whole];
  if (engines.faults() > faultsBefore || all.some(({ violations }) => violations.length > 0)) return null;
  counts.compared += 1;
  if (!isDeepStrictEqual(whole.value(), JSON.parse(whole.data)))
    return 'the value of an answer is not what its text says';
  if (isDeepStrictEqual(sum.data, JSON.parse(whole.data))) return null;
  return `in parts ${JSON.stringify(sum.data)}\n   whole ${whole.data}`;
}
