import { days } from '@taskgraph/service-kit';
import type { MediaConfig } from '../../config.js';
import type { UpkeepOptions } from './upkeep.js';

/** How long what nobody needs stays. */
export function toCleaning(
  config: Pick<MediaConfig, 'MEDIA_DELETED_RETENTION_SECONDS' | 'ORPHAN_TTL_DAYS'>,
): Pick<UpkeepOptions, 'deletedRetentionMs' | 'orphanAgeMs'> {
  return {
    deletedRetentionMs: config.MEDIA_DELETED_RETENTION_SECONDS * 1000,
    orphanAgeMs: config.ORPHAN_TTL_DAYS === 0 ? null : days(config.ORPHAN_TTL_DAYS),
  };
}
