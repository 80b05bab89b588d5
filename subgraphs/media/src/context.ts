import type { LiveFeed, OutboxReader, PrivilegedReads, RequestContext } from '@taskgraph/service-kit';
import type { MediaDb } from './db.js';
import type { SignedUrls } from './modules/files/signed-urls.js';
import type { MediaLoaders } from './modules/media/loaders.js';
import type { MediaRules } from './media-kinds.js';
import type { Inspections } from './modules/upload-sessions/inspection.js';
import type { Processor } from './modules/processing/service.js';
import type { DiskRoom } from './storage/disk-room.js';
import type { ObjectStore } from './storage/object-store.js';
import type { UploadStaging } from './storage/upload-staging.js';
import type { MediaTelemetry } from './telemetry.js';

/** What one execution in the media subgraph carries. */
export interface MediaContext extends RequestContext {
  readonly db: MediaDb;
  readonly loaders: MediaLoaders & { readonly privilegedRead: PrivilegedReads };
  readonly store: ObjectStore;
  readonly urls: SignedUrls;
  /** Wakes the subscribers of an item; what has happened to it is read from the outbox. */
  readonly feed: LiveFeed;
  readonly outbox: OutboxReader;
  readonly telemetry: MediaTelemetry;
  /** Where uploads wait that are sent in many requests, and what is known of those that have come whole. */
  readonly staging: UploadStaging;
  readonly inspections: Inspections;
  /** Of the disk that uploads come to. */
  readonly room: DiskRoom;
  /** Whether pages of an origin may send files. */
  readonly mayUpload: (origin: string) => boolean;
  readonly limits: {
    readonly maxBytes: number;
    /** Which types are taken, and how large. */
    readonly rules: MediaRules;
    readonly maxPixels: number;
    readonly processingWaitMs: number;
    readonly quotaBytes: number;
    readonly deletedRetentionMs: number;
    /** Of a file that is sent in many requests. */
    readonly sessionMaxBytes: number;
    readonly sessionLifetimeMs: number;
    readonly sessionsPerUser: number;
  };
  /** Makes images ready, and tells when they are. */
  readonly processor: Processor;
}
