import { LRUCache } from 'lru-cache';
import { Refusal } from '../request/refusal.js';

/**
 * Remembers what was refused for what it is, so that sending it again costs no more than looking it up. What may be taken
 * another time, because a part was away or busy, is not remembered.
 */
interface RefusalMemory {
  has(key: string): boolean;
  /** @throws Refusal, the same again where it is remembered */
  remember<Value>(key: string, read: () => Value): Value;
  /** For what is read later. */
  rememberLater<Value>(key: string, read: () => Promise<Value>): Promise<Value>;
  readonly bytes: () => number;
}

const LASTING: ReadonlySet<string> = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_REJECTED',
  'BAD_REQUEST',
]);
/** An operation that a busy machine could not plan in time may be planned on a calmer day. */
const LIFETIME_MS = 300_000;

export function createRefusalMemory(maxBytes: number): RefusalMemory {
  const refusals = new LRUCache<string, Refusal>({
    maxSize: maxBytes,
    ttl: LIFETIME_MS,
    sizeCalculation: ({ errors }, key) => 1_000 + 2 * key.length + 2 * JSON.stringify(errors).length,
  });

  function keep(key: string, error: unknown): unknown {
    if (error instanceof Refusal && LASTING.has(error.code)) refusals.set(key, error);
    return error;
  }

  return {
    has: (key) => refusals.has(key),
    remember(key, read) {
      const known = refusals.get(key);
      if (known) throw known;
      try {
        return read();
      } catch (error) {
        throw keep(key, error);
      }
    },
    async rememberLater(key, read) {
      const known = refusals.get(key);
      if (known) throw known;
      try {
        return await read();
      } catch (error) {
        throw keep(key, error);
      }
    },
    bytes: () => refusals.calculatedSize,
  };
}
