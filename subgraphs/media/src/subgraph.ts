import path from 'node:path';
import { JWKS_PATH } from '@taskgraph/contracts';
import {
  createHealth,
  createLog,
  createMetrics,
  createOutboxReader,
  createPeer,
  createPgPool,
  createRemoteJwks,
  createServiceEvents,
  createSubgraph,
  createTokenVerifier,
  createUploadSpool,
  multipartRequests,
  openEventTransport,
  reachableHost,
  readHttpServerConfig,
  type EventTransport,
  type JwksSource,
  type Log,
  type ServiceProcess,
  showsSchema,
  operationsAddress,
} from '@taskgraph/service-kit';
import pLimit from 'p-limit';
import type pg from 'pg';
import type { MediaConfig } from './config.js';
import type { MediaContext } from './context.js';
import { createMediaDb } from './db.js';
import { mountFileRoutes } from './modules/files/routes.js';
import { createSignedUrls } from './modules/files/signed-urls.js';
import { mediaHandlers } from './modules/media/events.js';
import { createMediaLoaders } from './modules/media/loaders.js';
import { createTaskDirectory } from './modules/media/task-directory.js';
import { sweepInterrupted } from './modules/uploads/service.js';
import { resolvers, typeDefs } from './schema.js';
import { openLocalDiskStore } from './storage/local-disk-store.js';
import { openSpool } from './storage/spool.js';
import { createMediaTelemetry } from './telemetry.js';

export { readMediaConfig, type MediaConfig } from './config.js';

/** What a test puts in the place of the real part. */
export interface MediaParts {
  readonly log: Log;
  readonly jwks: JwksSource;
  readonly transport: EventTransport;
  /** Gets the pool, to count the statements that go through it. */
  readonly onPool: (pool: pg.Pool) => void;
}

const MAX_FILES_PER_REQUEST = 10;
const SWEEP_INTERVAL_MS = 10 * 60_000;
const NEXT_LOOK_MS = 10_000;

/**
 * Composes the media subgraph. The database must be migrated.
 *
 * @throws when the data folder cannot be written
 */
export async function createMediaSubgraph(
  config: MediaConfig,
  overrides: Partial<MediaParts> = {},
): Promise<ServiceProcess> {
  const log = overrides.log ?? createLog({ service: 'media', level: config.LOG_LEVEL });
  const metrics = createMetrics('media');
  const health = createHealth();
  const telemetry = createMediaTelemetry(metrics);
  const folder = path.resolve(config.TASKGRAPH_DATA_DIR, 'media');
  const store = await openLocalDiskStore(path.join(folder, 'objects'));
  await store.check();
  const spool = await openSpool(path.join(folder, 'incoming'));
  const waiting = createUploadSpool({
    folder: path.join(folder, 'incoming'),
    maxBytes: config.UPLOAD_SPOOL_MAX_BYTES,
  });
  health.register('storage', () => store.check());

  const pool = createPgPool({
    connectionString: config.MEDIA_DATABASE_URL,
    max: config.DB_POOL_MAX,
    connectTimeoutMs: config.DB_CONNECT_TIMEOUT_MS,
    statementTimeoutMs: config.DB_STATEMENT_TIMEOUT_MS,
    applicationName: 'taskgraph-media',
    metrics,
    log,
    health,
  });
  overrides.onPool?.(pool);
  const db = createMediaDb(pool);
  const transport = overrides.transport ?? openEventTransport(config, { log, metrics });
  const events = createServiceEvents({
    source: 'media',
    connectionString: config.MEDIA_DATABASE_URL,
    pool,
    db,
    ...transport,
    handlers: mediaHandlers,
    log,
    metrics,
    health,
  });
  const outbox = createOutboxReader(pool, 'media');
  const jwks = overrides.jwks ?? createRemoteJwks({ url: new URL(JWKS_PATH, config.AUTH_URL).href, log });
  const task = createPeer({ name: 'task', url: config.TASK_URL, metrics, log, timeoutMs: config.PEER_TIMEOUT_MS });
  const taskDirectory = createTaskDirectory(task);
  const processing = pLimit(config.MEDIA_PROCESSING_CONCURRENCY);
  // Each holds a connection meanwhile; the others are for all else.
  const storing = pLimit(Math.max(1, Math.floor(config.DB_POOL_MAX / 2)));
  const limits = { maxBytes: config.MEDIA_MAX_BYTES, maxPixels: config.MEDIA_MAX_PIXELS };
  let ownPort = config.MEDIA_PORT;
  const urls = createSignedUrls({
    secret: config.MEDIA_URL_SECRET,
    lifetimeSeconds: config.MEDIA_URL_LIFETIME_SECONDS,
    publicUrl: () => config.MEDIA_PUBLIC_URL ?? `http://${reachableHost(config.HOST)}:${ownPort}`,
  });

  let sweeps: NodeJS.Timeout | undefined;
  let nextLook: NodeJS.Timeout | undefined;

  async function sweep(): Promise<void> {
    try {
      const { count, isUnfinished } = await sweepInterrupted({ db, store });
      if (count > 0) telemetry.interruptedSwept(log, count);
      // What was cut off just now, perhaps by the end of the process before this one, is too young to be told from what is under way.
      clearTimeout(nextLook);
      if (isUnfinished) nextLook = setTimeout(() => void sweep(), NEXT_LOOK_MS).unref();
    } catch (error) {
      // The service is of use all the same, and the next time comes.
      log.warn({ err: error }, 'interrupted uploads could not be cleaned up');
    }
  }

  return createSubgraph<MediaContext>({
    name: 'media',
    introspection: showsSchema(config),
    config: {
      ...readHttpServerConfig(config, config.MEDIA_PORT),
      operations: operationsAddress(config.OPERATIONS_HOST, config.MEDIA_OPERATIONS_PORT),
    },
    log,
    metrics,
    health,
    typeDefs,
    resolvers,
    verifier: createTokenVerifier({ jwks, issuer: config.TOKEN_ISSUER, audience: config.TOKEN_AUDIENCE }),
    context: (request) => ({
      ...request,
      db,
      store,
      spool,
      urls,
      feed: transport.feed,
      outbox,
      telemetry,
      limits,
      processing,
      storing,
    }),
    loaders: (request) => createMediaLoaders(db, taskDirectory, request),
    routes: (app) => mountFileRoutes(app, { db, store, urls, telemetry }),
    graphqlMiddleware: [multipartRequests({ maxFiles: MAX_FILES_PER_REQUEST, spool: waiting, log })],
    onListen: async ({ port }) => {
      ownPort = port;
      events.start();
      await sweep();
      sweeps = setInterval(() => void sweep(), SWEEP_INTERVAL_MS).unref();
    },
    onClose: [
      async () => {
        clearTimeout(nextLook);
        clearInterval(sweeps);
      },
      () => events.close(),
      () => transport.close(),
      () => task.close(),
      () => spool.close(),
      () => db.$disconnect(),
      () => pool.end(),
    ],
  });
}
