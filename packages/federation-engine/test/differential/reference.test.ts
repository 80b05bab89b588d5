import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { execute, parse, type GraphQLFieldResolver } from 'graphql';
import { startEngines, type Engines } from './engines.js';
import { generateOperation, type GeneratedOperation } from './generate-operation.js';
import { generateWorld, type GeneratedWorld } from './generate-world.js';

const WORLDS = 12;
const OPERATIONS_PER_WORLD = 60;

const counts = { operations: 0, withData: 0, withErrors: 0, withSharedNames: 0, withRequired: 0, unasked: 0 };

describe('the engine answers as one schema would that knows everything', () => {
  it('to generated operations: interface objects, names shared by unions, requirements under conditions, and the paths of errors', async () => {
    for (let index = 0; index < WORLDS; index += 1) {
      const world = generateWorld(index);
      const engines = await startEngines(world.subgraphs);
      try {
        for (let number = 0; number < OPERATIONS_PER_WORLD; number += 1) {
          const seed = index * 10_000 + number;
          const operation = generateOperation(engines.schema, seed, { sharesNames: true });
          const fault = await compare(world, engines, operation);
          if (fault !== null)
            throw new Error(`seed ${seed}: ${fault}\n${operation.query}\n${JSON.stringify(operation.variables)}`);
        }
      } finally {
        await engines.stop();
      }
    }
    // The generators must go on generating something to compare.
    const { operations, withData, withErrors, withSharedNames, withRequired, unasked } = counts;
    expect(withData).toBeGreaterThan(0.5 * operations);
    expect(withErrors).toBeGreaterThan(0.1 * operations);
    expect(withSharedNames).toBeGreaterThan(0.03 * operations);
    expect(withRequired).toBeGreaterThan(0.03 * operations);
    expect(unasked).toBeLessThan(0.2 * operations);
  }, 600_000);
});

async function compare(world: GeneratedWorld, engines: Engines, operation: GeneratedOperation): Promise<string | null> {
  const ours = await engines.ours(operation);
  const expected = await answerAtOnce(world, engines, operation);
  counts.operations += 1;
  if (expected.data) counts.withData += 1;
  if (expected.errors.length > 0) counts.withErrors += 1;
  if (ours.renames() || /\bapart\d/.test(ours.planned())) counts.withSharedNames += 1;
  // What leaves out a field may not leave out what is fetched beside it.
  if (/\bd\d @(skip|include)\(if: \$/.test(operation.query)) counts.withRequired += 1;
  if (!isDeepStrictEqual(ours.data, expected.data))
    return `data differ:\n    ours ${JSON.stringify(ours.data)}\nexpected ${JSON.stringify(expected.data)}`;
  const told = new Set(ours.errors.map(({ message, path }) => `${path}: ${message}`));
  const missing = expected.errors.filter((error) => !told.has(error));
  if (missing.length > 0) return `not told: ${missing.join('; ')}\n   told: ${[...told].join('; ')}`;
  for (const { message, path } of ours.errors) {
    if (expected.errors.includes(`${path}: ${message}`)) continue;
    // The planner asks for what is selected of one type of others too, which stand at the same place.
    if (isInAnswer(expected.data, path)) return `told for nothing: ${path}: ${message}`;
    counts.unasked += 1;
  }
  return null;
}

/** By graphql-js, with resolvers of the same world. */
async function answerAtOnce(
  world: GeneratedWorld,
  { schema }: Engines,
  { query, variables }: GeneratedOperation,
): Promise<{ data: unknown; errors: string[] }> {
  const fieldResolver: GraphQLFieldResolver<unknown, unknown> = (source, args, _context, { parentType, fieldName }) =>
    fieldName === 'id'
      ? (source as { id: string }).id
      : world.resolve(parentType.name, fieldName, source, args as Record<string, unknown>);
  const { data, errors } = await execute({
    schema,
    document: parse(query),
    variableValues: variables,
    fieldResolver,
    typeResolver: (value) => (value as { __typename: string }).__typename,
  });
  return {
    data: JSON.parse(JSON.stringify(data)) as unknown,
    errors: (errors ?? []).map(({ message, path }) => `${path?.join('.')}: ${message}`),
  };
}

function isInAnswer(data: unknown, path: string): boolean {
  let value = data;
  for (const element of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, element)) return false;
    value = (value as Record<string, unknown>)[element];
  }
  return true;
}
