import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { GraphQLRequest } from '../http/graphql-request.js';
import { badRequest, Refusal } from '../planning/refusal.js';

/** Automatic persisted queries: a client sends the hash of a text, and the text itself when the hash is not known. */
export interface PersistedQueries {
  /** Returns the text of a request. @throws Refusal PERSISTED_QUERY_NOT_FOUND, or when text and hash do not match */
  resolve(request: GraphQLRequest): string;
}

const MAX_BYTES = 8 * 1024 * 1024;

export function createPersistedQueries(): PersistedQueries {
  const texts = new LRUCache<string, string>({ maxSize: MAX_BYTES, sizeCalculation: (text) => 2 * text.length + 200 });
  return {
    resolve({ query, extensions }) {
      const persisted = extensions['persistedQuery'];
      if (persisted === undefined) {
        if (query === undefined || query === '') throw badRequest('The request has no "query".');
        return query;
      }
      const { version, sha256Hash } = (persisted ?? {}) as { version?: unknown; sha256Hash?: unknown };
      if (version !== 1 || typeof sha256Hash !== 'string')
        throw badRequest('This form of persisted queries is not served.');
      if (query === undefined) {
        const text = texts.get(sha256Hash);
        if (text === undefined) throw notFound();
        return text;
      }
      if (createHash('sha256').update(query).digest('hex') !== sha256Hash)
        throw badRequest('The hash of the persisted query is not that of the text.');
      texts.set(sha256Hash, query);
      return query;
    },
  };
}

function notFound(): Refusal {
  const code = 'PERSISTED_QUERY_NOT_FOUND';
  // Apollo Client looks for this message.
  return new Refusal(code, [{ message: 'PersistedQueryNotFound', extensions: { code } }]);
}
