import { describe, expect, it } from '@jest/globals';
import { Kind } from 'graphql';
import { createOperationCache } from '../src/compile/operation-cache.js';
import { DEFAULT_LIMITS } from '../src/engine-parts.js';
import { buildSupergraph } from './build-supergraph.js';
import { composeSdl, library } from './fake-subgraphs.js';

const KINDS: ReadonlySet<unknown> = new Set(Object.values(Kind));

/** The way to each node of a document in a value, by members, items and entries. */
function documentNodes(value: unknown, at: string, seen = new Set<unknown>()): string[] {
  if (typeof value !== 'object' || value === null || seen.has(value)) return [];
  seen.add(value);
  if ('kind' in value && KINDS.has(value.kind)) return [at];
  const entries = value instanceof Map || value instanceof Set ? [...value.entries()] : Object.entries(value);
  return entries.flatMap(([key, inner]) => documentNodes(inner, `${at}.${String(key)}`, seen));
}

const operations = createOperationCache(
  buildSupergraph(composeSdl(library().map(({ name, typeDefs }) => ({ name, typeDefs, url: `http://${name}.test` })))),
  { maxBytes: 1e8, limits: DEFAULT_LIMITS, introspection: true },
);

describe('what a run takes of an operation', () => {
  it.each([
    'query($no: Boolean!) { books { id title @skip(if: $no) ... @defer(label: "later") { title } } __schema { description } }',
    '{ renamed: books { ...F } } fragment F on Book { id }',
  ])('holds nothing of its text: %s', async (text) => {
    const operation = await operations.get(text, undefined);
    // Its graph is not the operation's own.
    const { graph, ...compiled } = operation.compiled;
    expect(graph).toBe(operations.supergraph);
    expect(documentNodes(compiled, 'compiled')).toEqual([]);
    expect(compiled.step).not.toBeNull();
    // That is what would be found.
    expect(documentNodes(operation, 'operation')).toContain('operation.node');
  });
});
