import type { MediaConfig } from '../../config.js';
import type { ExportWorkOptions } from './export-work.js';

/** How long a file with somebody's data stays, and how large it may be. */
export function toExportWork(config: MediaConfig): Pick<ExportWorkOptions, 'lifetimeMs' | 'maxBytes'> {
  return { lifetimeMs: config.DATA_EXPORT_LIFETIME_SECONDS * 1000, maxBytes: config.DATA_EXPORT_MAX_BYTES };
}
