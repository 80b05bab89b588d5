import {
  composeSubgraph,
  createErasureWork,
  createRateLimits,
  multipartRequests,
  type BackgroundWork,
  type ServiceProcess,
  type SubgraphParts,
} from '@taskgraph/service-kit';
import type { MediaConfig } from './config.js';
import type { MediaContext } from './context.js';
import { createMediaDb, type MediaDb, type MediaDbClient, type MediaTx } from './db.js';
import { toMediaLimits } from './limits.js';
import { dataExportHandlers } from './modules/data-exports/events.js';
import { createExportWork } from './modules/data-exports/export-work.js';
import { toExportWork } from './modules/data-exports/settings.js';
import { erasureHandlers } from './modules/erasure/events.js';
import { eraseMedia, tellErased } from './modules/erasure/service.js';
import { mountFileRoutes } from './modules/files/routes.js';
import { toFileRoutes, toSignedUrls } from './modules/files/settings.js';
import { createSignedUrls } from './modules/files/signed-urls.js';
import { mediaHandlers } from './modules/media/events.js';
import { createMediaReads } from './modules/media/privileged-reads.js';
import { createMediaLoaders } from './modules/media/loaders.js';
import { createTaskDirectory } from './modules/media/task-directory.js';
import { createImagePool } from './modules/processing/image-pool.js';
import { createProcessor } from './modules/processing/service.js';
import { toImagePool, toProcessing } from './modules/processing/settings.js';
import { createInspections } from './modules/upload-sessions/inspection.js';
import { mountUploadRoutes } from './modules/upload-sessions/routes.js';
import { toMayUpload, toUploadLimits } from './modules/upload-sessions/settings.js';
import { toCleaning } from './modules/upkeep/settings.js';
import { createUpkeep } from './modules/upkeep/upkeep.js';
import { RETENTION_RULES } from './retention.js';
import { resolvers, typeDefs } from './schema.js';
import { takesParts } from './storage/disk-staging.js';
import { openStorage } from './storage/open-storage.js';
import { watchStorage } from './storage/watch-storage.js';
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
      watchStorage(store, config, { health, metrics });
      keep(spool);
      const telemetry = createMediaTelemetry(metrics);
      const taskDirectory = createTaskDirectory(peer('task', config.TASK_URL));
      const pool = createImagePool(toImagePool(config));
      const ofProcessing = { db, store, spool, pool, telemetry, log, tracing };
      const processor = createProcessor({ ...ofProcessing, ...toProcessing(config) });
      onClose(() => processor.stop());
      const limits = toMediaLimits(config);
      let ownPort = config.MEDIA_PORT;
      const urls = createSignedUrls(toSignedUrls(config, () => ownPort));
      const intervalMs = config.SWEEP_INTERVAL_SECONDS * 1000;
      const upkeep = createUpkeep({ db, store, spool, staging, telemetry, log, intervalMs, ...toCleaning(config) });
      onClose(() => upkeep.stop());
      const erase = (tx: MediaTx, userId: string) => eraseMedia(tx, { store, staging }, userId);
      erasure = run(createErasureWork({ db, reads, erase, tell: tellErased, log, metrics }));
      exporting = run(createExportWork({ db, store, spool, telemetry, log, ...toExportWork(config) }));
      const mayUpload = toMayUpload(config);
      const inspections = createInspections({ db, staging, rules: limits.rules });
      const rates = keep(createRateLimits({ redisUrl: config.REDIS_URL, log, metrics }));
      const uploadLimits = toUploadLimits(config, rates, log);
      return {
        typeDefs,
        resolvers,
        verifier: verifier(config.AUTH_URL),
        context: (request) => ({
          ...request,
          ...{ db, store, urls, feed, outbox, telemetry, limits, processor, staging, room, inspections, mayUpload },
        }),
        loaders: (request) => ({
          ...createMediaLoaders(reads, taskDirectory, request),
          privilegedRead: createMediaReads(db, request),
        }),
        routes(app) {
          mountFileRoutes(app, { db, store, urls, telemetry, ...toFileRoutes(config) });
          if (!takesParts(staging)) return;
          mountUploadRoutes(app, {
            ...{ db, staging, urls, telemetry, log, mayUpload, limits: uploadLimits },
            lifetimeMs: limits.sessionLifetimeMs,
            maxBytes: limits.sessionMaxBytes,
          });
        },
        readBody: multipartRequests({ maxFiles: MAX_FILES_PER_REQUEST, spool: uploads }),
        async onListen({ port }) {
          ownPort = port;
          processor.start();
          upkeep.start();
        },
      };
    },
  });
}
