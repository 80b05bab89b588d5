import { createHash } from 'node:crypto';
import type { Log } from '@taskgraph/service-kit';
import { LRUCache } from 'lru-cache';
import type { GraphQLRequest } from '@taskgraph/federation-engine/internal/request/graphql-request.js';
import { refusalOf } from '@taskgraph/federation-engine/internal/request/refusal.js';
import type { RegisteredDocuments } from './document-manifest.js';
import { readHash, type PersistedQueries } from './persisted-queries.js';

export interface SafelistOptions {
  readonly documents: () => RegisteredDocuments;
  /** Whether what is not registered is refused, or only told in the log. */
  readonly mode: 'enforce' | 'audit';
  /** Whether a document has to be asked for by its id; its text is not taken. */
  readonly requireId: boolean;
  /** Serves what is not registered, where that is only told. */
  readonly others: PersistedQueries;
  readonly log: Log;
  /** Told of each request for what is not registered. */
  readonly onUnregistered: () => void;
}

type Reason = 'DOCUMENT_NOT_REGISTERED' | 'DOCUMENT_ID_REQUIRED';

/** Documents that the log tells of once each; beyond that the oldest may be told again. */
const MAX_TOLD = 1_000;
/** Texts whose answer is remembered: what is registered is sent again and again. */
const MAX_KNOWN_BYTES = 4 * 1024 * 1024;

/** Serves registered documents only, by their ids or, unless ids are required, by their texts. */
export function createSafelist(options: SafelistOptions): PersistedQueries {
  const { documents, mode, requireId, others, log } = options;
  const told = new LRUCache<string, true>({ max: MAX_TOLD });
  let known: { readonly documents: RegisteredDocuments; readonly texts: LRUCache<string, boolean> } | null = null;

  function isRegistered(text: string): boolean {
    const current = documents();
    if (current !== known?.documents) known = { documents: current, texts: createKnown() };
    const found = known.texts.get(text);
    if (found !== undefined) return found;
    const registered = current.has(text);
    known.texts.set(text, registered);
    return registered;
  }

  function notServed(request: GraphQLRequest, reason: Reason): string {
    options.onUnregistered();
    if (mode === 'enforce')
      throw refusalOf('OPERATION_REJECTED', [{ message: MESSAGES[reason], extensions: { reason } }]);
    const text = others.resolve(request);
    const hash = createHash('sha256').update(text).digest('hex');
    if (!told.has(hash)) {
      told.set(hash, true);
      log.warn(
        { reason, operation: request.operationName ?? null, sha256: hash, text: text.slice(0, MAX_LOGGED) },
        'a document that is not registered would be refused',
      );
    }
    return text;
  }

  return {
    resolve(request) {
      const id = readId(request);
      if (id !== null) {
        const text = documents().findById(id);
        if (text === undefined) return notServed(request, 'DOCUMENT_NOT_REGISTERED');
        // A text beside its id is what the id stands for, or a lie.
        if (request.query !== undefined && request.query !== text && !(isRegistered(request.query) && !requireId))
          return notServed(request, 'DOCUMENT_NOT_REGISTERED');
        return request.query === undefined || requireId ? text : request.query;
      }
      if (request.query === undefined) return others.resolve(request);
      if (!isRegistered(request.query)) return notServed(request, 'DOCUMENT_NOT_REGISTERED');
      return requireId ? notServed(request, 'DOCUMENT_ID_REQUIRED') : request.query;
    },
    keep(request) {
      if (mode === 'audit') others.keep(request);
    },
  };
}

const MESSAGES: Readonly<Record<Reason, string>> = {
  DOCUMENT_NOT_REGISTERED: 'Only registered documents are served, and this is none of them.',
  DOCUMENT_ID_REQUIRED: 'Send the id of this document in the place of its text.',
};
/** Characters of a text. */
const MAX_LOGGED = 2_000;

function createKnown(): LRUCache<string, boolean> {
  return new LRUCache({ maxSize: MAX_KNOWN_BYTES, sizeCalculation: (_known, text) => 2 * text.length + 100 });
}

/** The hash of `extensions.persistedQuery`, or the `documentId` of the GraphQL over HTTP draft ("Persisted Documents"). */
function readId(request: GraphQLRequest): string | null {
  const { documentId } = request;
  return documentId === undefined ? readHash(request) : documentId.replace(/^sha256:/, '');
}
