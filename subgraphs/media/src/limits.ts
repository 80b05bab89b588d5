import type { MediaConfig } from './config.js';
import type { MediaContext } from './context.js';

/** What a user may upload, and how long things stay: by the settings. */
export function toMediaLimits(config: MediaConfig): MediaContext['limits'] {
  return {
    maxBytes: config.MEDIA_MAX_BYTES,
    rules: config.rules,
    maxPixels: config.MEDIA_MAX_PIXELS,
    processingWaitMs: config.MEDIA_PROCESSING_WAIT_MS,
    quotaBytes: config.MEDIA_QUOTA_BYTES,
    deletedRetentionMs: config.MEDIA_DELETED_RETENTION_SECONDS * 1000,
    sessionMaxBytes: config.UPLOAD_SESSION_MAX_BYTES,
    sessionLifetimeMs: config.UPLOAD_SESSION_LIFETIME_SECONDS * 1000,
    sessionsPerUser: config.UPLOAD_SESSIONS_PER_USER,
  };
}
