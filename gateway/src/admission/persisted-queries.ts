import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { GraphQLRequest } from '@taskgraph/federation-engine/internal/request/graphql-request.js';
import { badRequest, Refusal } from '@taskgraph/federation-engine/internal/request/refusal.js';

/** Where the text of a request comes from. */
export interface PersistedQueries {
  /** Returns the text of a request. @throws Refusal where there is none, or none that is served */
  resolve(request: GraphQLRequest): string;
  /** The text of a request fits the schema: what is sent with its hash may be asked for by the hash from now on. */
  keep(request: GraphQLRequest): void;
}

const MAX_BYTES = 8 * 1024 * 1024;

/** Automatic persisted queries: a client sends the hash of a text, and the text itself when the hash is not known. */
export function createPersistedQueries(): PersistedQueries {
  const texts = new LRUCache<string, string>({ maxSize: MAX_BYTES, sizeCalculation: (text) => 2 * text.length + 200 });
  return {
    resolve(request) {
      const hash = readHash(request);
      if (hash === null) return textOf(request);
      const { query } = request;
      if (query === undefined) {
        const text = texts.get(hash);
        if (text === undefined) throw notFound();
        return text;
      }
      if (createHash('sha256').update(query).digest('hex') !== hash)
        throw badRequest('The hash of the persisted query is not that of the text.');
      return query;
    },
    keep(request) {
      if (request.query === undefined) return;
      const hash = readHash(request);
      if (hash !== null) texts.set(hash, request.query);
    },
  };
}

/** Serves texts only: a client that sends a hash is told to send the text. */
export function createNoPersistedQueries(): PersistedQueries {
  return {
    resolve(request) {
      if (readHash(request) !== null && request.query === undefined) throw notFound();
      return textOf(request);
    },
    keep: () => undefined,
  };
}

/** The hash of a request; null when it has none. @throws Refusal for another form of persisted queries */
export function readHash({ extensions }: GraphQLRequest): string | null {
  const persisted = extensions['persistedQuery'];
  if (persisted === undefined) return null;
  const { version, sha256Hash } = (persisted ?? {}) as { version?: unknown; sha256Hash?: unknown };
  if (version !== 1 || typeof sha256Hash !== 'string')
    throw badRequest('This form of persisted queries is not served.');
  return sha256Hash;
}

function textOf({ query }: GraphQLRequest): string {
  if (query === undefined || query === '') throw badRequest('The request has no "query".');
  return query;
}

function notFound(): Refusal {
  const code = 'PERSISTED_QUERY_NOT_FOUND';
  // Apollo Client looks for this message.
  return new Refusal(code, [{ message: 'PersistedQueryNotFound', extensions: { code } }]);
}
