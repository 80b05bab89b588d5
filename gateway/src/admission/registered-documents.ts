import type { Log } from '@taskgraph/service-kit';
import type { GatewayConfig } from '../config.js';
import { createDocumentManifest, type DocumentManifest } from './document-manifest.js';
import type { PersistedQueries } from './persisted-queries.js';
import { createSafelist, type SafelistOptions } from './safelist.js';

type Settings = Pick<
  GatewayConfig,
  'SAFELIST_FILE' | 'SAFELIST_MODE' | 'SAFELIST_REQUIRE_ID' | 'SAFELIST_POLL_MS' | 'documentLimits'
>;

/** Serves the documents of the manifest that settings name; null where they name none. */
export function createRegisteredDocuments(
  settings: Settings,
  services: {
    readonly others: PersistedQueries;
    readonly log: Log;
    readonly onUnregistered: (mode: SafelistOptions['mode']) => void;
  },
): { readonly manifest: DocumentManifest; readonly queries: PersistedQueries } | null {
  const { SAFELIST_FILE: path, SAFELIST_MODE: mode } = settings;
  if (path === undefined) return null;
  const { log, others } = services;
  const manifest = createDocumentManifest({
    path,
    pollMs: settings.SAFELIST_POLL_MS,
    limits: settings.documentLimits,
    log,
  });
  const queries = createSafelist({
    documents: () => manifest.documents(),
    mode,
    requireId: settings.SAFELIST_REQUIRE_ID,
    others,
    log,
    onUnregistered: () => services.onUnregistered(mode),
  });
  return { manifest, queries };
}
