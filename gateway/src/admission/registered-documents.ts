import type { DocumentLimits } from '@taskgraph/federation-engine/internal/compile/document/limits.js';
import { createDocumentManifest, type DocumentManifest } from './document-manifest.js';
import type { PersistedQueries } from './persisted-queries.js';
import { createSafelist, type SafelistOptions } from './safelist.js';

export interface RegisteredDocumentsOptions extends Pick<SafelistOptions, 'mode' | 'requireId' | 'others' | 'log'> {
  /** The manifest; undefined where there is none. */
  readonly path: string | undefined;
  /** How often it is looked at. */
  readonly pollMs: number;
  readonly limits: DocumentLimits;
  readonly onUnregistered: (mode: SafelistOptions['mode']) => void;
}

/** Serves the documents of a manifest; null where there is none. */
export function createRegisteredDocuments(
  options: RegisteredDocumentsOptions,
): { readonly manifest: DocumentManifest; readonly queries: PersistedQueries } | null {
  const { path, pollMs, limits, mode, requireId, others, log } = options;
  if (path === undefined) return null;
  const manifest = createDocumentManifest({ path, pollMs, limits, log });
  const queries = createSafelist({
    documents: () => manifest.documents(),
    mode,
    requireId,
    others,
    log,
    onUnregistered: () => options.onUnregistered(mode),
  });
  return { manifest, queries };
}
