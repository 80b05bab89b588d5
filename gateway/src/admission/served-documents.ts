import type { DocumentLimits } from '@taskgraph/federation-engine/internal/compile/document/limits.js';
import { createDocumentManifest } from './document-manifest.js';
import { createNoPersistedQueries, createPersistedQueries, type PersistedQueries } from './persisted-queries.js';
import { createSafelist, type SafelistOptions } from './safelist.js';

export interface DocumentsOptions extends Pick<SafelistOptions, 'mode' | 'requireId' | 'log'> {
  /** Whether clients may send the hash of a text in its place. */
  readonly remembersHashes: boolean;
  /** The manifest of registered documents; undefined where there is none. */
  readonly path: string | undefined;
  /** How often it is looked at. */
  readonly pollMs: number;
  readonly limits: DocumentLimits;
  readonly onUnregistered: (mode: SafelistOptions['mode']) => void;
}

/** Which texts are served, and where they come from. */
export interface Documents {
  readonly queries: PersistedQueries;
  /** Whether an operation of that name is registered. */
  readonly isName: (name: string) => boolean;
  /** @throws ConfigError when the manifest cannot be read, or is none */
  start(): Promise<void>;
  close(): void;
}

/** Serves what clients send, or the documents of a manifest where there is one. */
export function createDocuments(options: DocumentsOptions): Documents {
  const { path, pollMs, limits, mode, requireId, log } = options;
  const others = options.remembersHashes ? createPersistedQueries() : createNoPersistedQueries();
  if (path === undefined)
    return { queries: others, isName: () => false, start: async () => undefined, close: () => undefined };
  const manifest = createDocumentManifest({ path, pollMs, limits, log });
  const queries = createSafelist({
    documents: () => manifest.documents(),
    mode,
    requireId,
    others,
    log,
    onUnregistered: () => options.onUnregistered(mode),
  });
  return {
    queries,
    isName: (name) => manifest.documents().names.has(name),
    start: () => manifest.start(),
    close: () => manifest.close(),
  };
}

/** Serves texts as they are, for what this gateway asks on its own account. */
export function createOwnDocuments(): PersistedQueries {
  return { resolve: ({ query = '' }) => query, keep: () => undefined };
}
