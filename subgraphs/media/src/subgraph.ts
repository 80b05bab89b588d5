import {
  checkDiskSpace,
  composeSubgraph,
  createErasureWork,
  createOrigins,
  createRateLimits,
  days,
  multipartRequests,
  reachableHost,
  tellDiskSpace,
  isListedOrigin,
  type BackgroundWork,
  type Rate,
  type ServiceProcess,
  type SubgraphParts,
} from '@taskgraph/service-kit';
import type { MediaConfig } from './config.js';
import type { MediaContext } from './context.js';
import { createMediaDb, type MediaDb, type MediaDbClient, type MediaTx } from './db.js';
import { dataExportHandlers } from './modules/data-exports/events.js';
import { createExportWork } from './modules/data-exports/export-work.js';
import { erasureHandlers } from './modules/erasure/events.js';
import { eraseMedia, tellErased } from './modules/erasure/service.js';
import { mountFileRoutes } from './modules/files/routes.js';
import { createSignedUrls } from './modules/files/signed-urls.js';
import { mediaHandlers } from './modules/media/events.js';
import { createMediaReads } from './modules/media/privileged-reads.js';
import { createMediaLoaders } from './modules/media/loaders.js';
import { createTaskDirectory } from './modules/media/task-directory.js';
import { createImagePool } from './modules/processing/image-pool.js';
import { createProcessor } from './modules/processing/service.js';
import { createInspections } from './modules/upload-sessions/inspection.js';
import { mountUploadRoutes } from './modules/upload-sessions/routes.js';
import { createUpkeep } from './modules/upkeep/upkeep.js';
import { RETENTION_RULES } from './retention.js';
import { resolvers, typeDefs } from './schema.js';
import { takesParts } from './storage/disk-staging.js';
import { openStorage } from './storage/open-storage.js';
import { createMediaTelemetry } from './telemetry.js';

export { readMediaConfig, type MediaConfig } from './config.js';

const MAX_FILES_PER_REQUEST = 10;

/**
 * Composes the media subgraph. The database must be migrated.
 *
 * @throws when the data folder cannot be written, or the bucket not be reached
 */
export function createMediaSubgraph(config: MediaConfig, parts: Partial<SubgraphParts> = {}): Promise<ServiceProcess> {
  let erasure: BackgroundWork | undefined;
  let exporting: BackgroundWork | undefined;
  return composeSubgraph<MediaContext, MediaDbClient, MediaDb>({
    name: 'media',
    config,
    port: config.MEDIA_PORT,
    operationsPort: config.MEDIA_OPERATIONS_PORT,
    databaseUrl: config.MEDIA_DATABASE_URL,
    createDb: createMediaDb,
    handlers: {
      ...mediaHandlers,
      ...erasureHandlers(() => erasure?.wake()),
      ...dataExportHandlers(() => exporting?.wake()),
    },
    retention: RETENTION_RULES,
    parts,
    async own({ db, reads, feed, outbox, log, metrics, health, tracing, peer, verifier, onClose, keep, run }) {
      const { store, spool, uploads, staging, room } = await openStorage(config);
      health.register('storage', async () => {
        await store.check();
        return checkDiskSpace(config.TASKGRAPH_DATA_DIR, config.MIN_FREE_DISK_BYTES);
      });
      tellDiskSpace(metrics, {
        ...{ use: 'files', folder: config.TASKGRAPH_DATA_DIR, minFreeBytes: config.MIN_FREE_DISK_BYTES },
      });
      keep(spool);
      const telemetry = createMediaTelemetry(metrics);
      const taskDirectory = createTaskDirectory(peer('task', config.TASK_URL));
      const maxPixels = config.MEDIA_MAX_PIXELS;
      const processor = createProcessor({
        db,
        store,
        spool,
        telemetry,
        log,
        tracing,
        maxPixels,
        pool: createImagePool({
          timeoutMs: config.MEDIA_PROCESSING_MAX_MS,
          maxMemoryBytes: config.MEDIA_PROCESSING_MAX_MEMORY_BYTES,
        }),
        concurrency: config.MEDIA_PROCESSING_CONCURRENCY,
        leaseMs: config.MEDIA_JOB_LEASE_MS,
      });
      onClose(() => processor.stop());
      const limits = {
        maxBytes: config.MEDIA_MAX_BYTES,
        rules: config.rules,
        maxPixels,
        processingWaitMs: config.MEDIA_PROCESSING_WAIT_MS,
        quotaBytes: config.MEDIA_QUOTA_BYTES,
        deletedRetentionMs: config.MEDIA_DELETED_RETENTION_SECONDS * 1000,
        sessionMaxBytes: config.UPLOAD_SESSION_MAX_BYTES,
        sessionLifetimeMs: config.UPLOAD_SESSION_LIFETIME_SECONDS * 1000,
        sessionsPerUser: config.UPLOAD_SESSIONS_PER_USER,
      };
      let ownPort = config.MEDIA_PORT;
      const urls = createSignedUrls({
        secret: config.MEDIA_URL_SECRET,
        previousSecret: config.MEDIA_URL_SECRET_PREVIOUS,
        lifetimeSeconds: config.MEDIA_URL_LIFETIME_SECONDS,
        publicUrl: () => config.MEDIA_PUBLIC_URL ?? `http://${reachableHost(config.HOST)}:${ownPort}`,
      });
      const upkeep = createUpkeep({
        ...{ db, store, spool, staging, telemetry, log },
        intervalMs: config.SWEEP_INTERVAL_SECONDS * 1000,
        deletedRetentionMs: limits.deletedRetentionMs,
        orphanAgeMs: config.ORPHAN_TTL_DAYS === 0 ? null : days(config.ORPHAN_TTL_DAYS),
      });
      onClose(() => upkeep.stop());
      const erase = (tx: MediaTx, userId: string) => eraseMedia(tx, { store, staging }, userId);
      erasure = run(createErasureWork({ db, reads, erase, tell: tellErased, log, metrics }));
      exporting = run(
        createExportWork({
          ...{ db, store, spool, telemetry, log },
          lifetimeMs: config.DATA_EXPORT_LIFETIME_SECONDS * 1000,
          maxBytes: config.DATA_EXPORT_MAX_BYTES,
        }),
      );
      const origins = createOrigins(config.origins);
      const mayUpload = (origin: string) => isListedOrigin(origins, origin);
      const inspections = createInspections({ db, staging, rules: limits.rules });
      const rates = keep(createRateLimits({ redisUrl: config.REDIS_URL, log, metrics }));
      const rate = (given: Rate | null) => (config.RATE_LIMITS ? given : null);
      const uploadLimits = {
        requests: rates.create('upload-parts', rate(config.RATE_LIMIT_UPLOAD_PARTS)),
        // By this name the gateway counts those that pass it.
        bytes: rates.create('upload-bytes', rate(config.RATE_LIMIT_UPLOAD_BYTES)),
        refused: (limit: string) => rates.refused(limit, log),
      };
      const ofContext = {
        db,
        store,
        urls,
        feed,
        outbox,
        telemetry,
        limits,
        processor,
        staging,
        room,
        inspections,
        mayUpload,
      };
      return {
        typeDefs,
        resolvers,
        verifier: verifier(config.AUTH_URL),
        context: (request) => ({ ...request, ...ofContext }),
        loaders: (request) => ({
          ...createMediaLoaders(reads, taskDirectory, request),
          privilegedRead: createMediaReads(db, request),
        }),
        routes(app) {
          mountFileRoutes(app, {
            ...{ db, store, urls, telemetry },
            handOverMs: config.GCS_SIGNED_URLS ? config.GCS_SIGNED_URL_LIFETIME_SECONDS * 1000 : null,
          });
          if (!takesParts(staging)) return;
          mountUploadRoutes(app, {
            ...{ db, staging, urls, telemetry, log, mayUpload, limits: uploadLimits },
            lifetimeMs: limits.sessionLifetimeMs,
            maxBytes: limits.sessionMaxBytes,
          });
        },
        graphqlMiddleware: [multipartRequests({ maxFiles: MAX_FILES_PER_REQUEST, spool: uploads, log })],
        async onListen({ port }) {
          ownPort = port;
          processor.start();
          upkeep.start();
        },
      };
    },
  });
}
