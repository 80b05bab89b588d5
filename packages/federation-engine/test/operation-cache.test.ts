import { describe, expect, it } from '@jest/globals';
import { createOperationCache } from '../src/compile/operation-cache.js';
import { DEFAULT_LIMITS } from '../src/engine-parts.js';
import { buildSupergraph } from './build-supergraph.js';
import { composeSdl, library } from './fake-subgraphs.js';

describe('a refusal', () => {
  it('is remembered of the operation that was refused, and of no other whose name and text read the same together', async () => {
    const sdl = composeSdl(library().map(({ name, typeDefs }) => ({ name, typeDefs, url: `http://${name}.test` })));
    const cache = createOperationCache(buildSupergraph(sdl), {
      maxBytes: 1_000_000,
      limits: DEFAULT_LIMITS,
      introspection: true,
    });
    const get = async (text: string, name?: string) => cache.get(text, name);
    await expect(get('{ books { id } }', 'query Books')).rejects.toThrow('no operation');
    expect((await get('query Books\n{ books { id } }')).name).toBe('Books');
    await expect(get('{ books { title } }', 'Titles\nquery Titles')).rejects.toThrow('no operation');
    expect((await get('query Titles\n{ books { title } }', 'Titles')).name).toBe('Titles');
  });
});

describe('a flood of distinct operations', () => {
  it('stays within the bound of the cache', async () => {
    const sdl = composeSdl(library().map(({ name, typeDefs }) => ({ name, typeDefs, url: `http://${name}.test` })));
    const supergraph = buildSupergraph(sdl);
    const maxBytes = 1_000_000;
    const cache = createOperationCache(supergraph, {
      maxBytes,
      limits: DEFAULT_LIMITS,
      assumedListSize: 10,
      introspection: true,
    });
    let most = 0;
    for (let index = 0; index < 2_000; index += 1) {
      await cache.get(`{ books { a${index}: title author { name } } }`, undefined);
      most = Math.max(most, cache.bytes());
    }
    expect(most).toBeLessThanOrEqual(maxBytes);
    expect(cache.size()).toBeGreaterThan(10);
    expect(cache.size()).toBeLessThan(500);
  });

  it('of texts that differ in white space only is one operation', async () => {
    const sdl = composeSdl(library().map(({ name, typeDefs }) => ({ name, typeDefs, url: `http://${name}.test` })));
    const supergraph = buildSupergraph(sdl);
    let compiled = 0;
    const cache = createOperationCache(supergraph, {
      maxBytes: 10_000_000,
      limits: DEFAULT_LIMITS,
      assumedListSize: 10,
      introspection: true,
      onCompiled: () => (compiled += 1),
    });
    // Asked for at once, they are planned once.
    const [first, same] = await Promise.all([
      cache.get('{ books { id } }', undefined),
      cache.get('{ books { id  } }', undefined),
    ]);
    expect(same).toBe(first);
    expect(cache.get('{books{id}} # the same', undefined)).toBe(first);
    expect(cache.get('{ books { id } }', undefined)).toBe(first);
    expect(compiled).toBe(1);
  });
});
