import { LRUCache } from 'lru-cache';
import type { CacheWishes } from '@taskgraph/federation-engine/internal/request/context.js';
import { readDirectives, secondsOf } from '@taskgraph/federation-engine/internal/subgraphs/cache-directives.js';

const ANYTHING: CacheWishes = { isFresh: false, isUnkept: false };
const KNOWN_WISHES = 100;
/** A header that is longer asks for nothing that is known here. */
const MAX_HEADER_CHARACTERS = 256;
const known = new LRUCache<string, CacheWishes>({ max: KNOWN_WISHES });

/**
 * Reads `no-cache`, `max-age=0` and `no-store` of a request, and `Pragma: no-cache` of clients that say nothing else (RFC 9111,
 * 5.4). Other directives of requests are hints that nothing follows here.
 */
export function readCacheWishes(cacheControl: string | undefined, pragma: string | undefined): CacheWishes {
  const text = cacheControl ?? pragma;
  if (text === undefined || text.length > MAX_HEADER_CHARACTERS) return ANYTHING;
  let wishes = known.get(text);
  if (!wishes) known.set(text, (wishes = read(text)));
  return wishes;
}

function read(text: string): CacheWishes {
  const directives = readDirectives(text);
  if (!directives) return ANYTHING;
  const isUnkept = directives.has('no-store');
  return { isFresh: directives.has('no-cache') || secondsOf(directives, 'max-age') === 0, isUnkept };
}
