import type { MediaConfig } from '../../config.js';
import type { ImagePoolOptions } from './image-pool.js';
import type { ProcessorParts } from './service.js';

/** What one image may take. */
export function toImagePool(config: MediaConfig): ImagePoolOptions {
  return { timeoutMs: config.MEDIA_PROCESSING_MAX_MS, maxMemoryBytes: config.MEDIA_PROCESSING_MAX_MEMORY_BYTES };
}

/** How much is processed at once, and what is too large for it. */
export function toProcessing(config: MediaConfig): Pick<ProcessorParts, 'maxPixels' | 'concurrency' | 'leaseMs'> {
  return {
    maxPixels: config.MEDIA_MAX_PIXELS,
    concurrency: config.MEDIA_PROCESSING_CONCURRENCY,
    leaseMs: config.MEDIA_JOB_LEASE_MS,
  };
}
