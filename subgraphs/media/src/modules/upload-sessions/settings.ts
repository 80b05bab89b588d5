import { createOrigins, isListedOrigin, type Log, type Rate, type RateLimits } from '@taskgraph/service-kit';
import type { MediaConfig } from '../../config.js';
import type { UploadRouteParts } from './routes.js';

/** How fast one user may send the parts of files. */
export function toUploadLimits(config: MediaConfig, limits: RateLimits, log: Log): UploadRouteParts['limits'] {
  const rate = (given: Rate | null) => (config.RATE_LIMITS ? given : null);
  return {
    requests: limits.create('upload-parts', rate(config.RATE_LIMIT_UPLOAD_PARTS)),
    // By this name the gateway counts those that pass it.
    bytes: limits.create('upload-bytes', rate(config.RATE_LIMIT_UPLOAD_BYTES)),
    refused: (limit) => limits.refused(limit, log),
  };
}

/** Pages of which origins may send files. */
export function toMayUpload(config: MediaConfig): UploadRouteParts['mayUpload'] {
  const origins = createOrigins(config.origins);
  return (origin) => isListedOrigin(origins, origin);
}
