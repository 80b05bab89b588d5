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
  openEventTransport,
  readHttpServerConfig,
  type EventTransport,
  type JwksSource,
  type Log,
  type ServiceProcess,
  showsSchema,
  operationsAddress,
} from '@taskgraph/service-kit';
import type pg from 'pg';
import type { TaskConfig } from './config.js';
import type { TaskContext } from './context.js';
import { createTaskDb } from './db.js';
import { attachmentHandlers } from './modules/attachments/events.js';
import { createAttachmentLoaders } from './modules/attachments/loaders.js';
import { createMediaDirectory } from './modules/attachments/media-directory.js';
import { createTaskLoaders } from './modules/tasks/loaders.js';
import { createUserDirectory } from './modules/tasks/user-directory.js';
import { resolvers, typeDefs } from './schema.js';
import { createTaskTelemetry } from './telemetry.js';

export { readTaskConfig, type TaskConfig } from './config.js';

/** What a test puts in the place of the real part. */
export interface TaskParts {
  readonly log: Log;
  readonly jwks: JwksSource;
  readonly transport: EventTransport;
  /** Gets the pool, to count the statements that go through it. */
  readonly onPool: (pool: pg.Pool) => void;
}

/** Composes the task subgraph. The database must be migrated. */
export async function createTaskSubgraph(
  config: TaskConfig,
  overrides: Partial<TaskParts> = {},
): Promise<ServiceProcess> {
  const log = overrides.log ?? createLog({ service: 'task', level: config.LOG_LEVEL });
  const metrics = createMetrics('task');
  const health = createHealth();
  const telemetry = createTaskTelemetry(metrics);
  const pool = createPgPool({
    connectionString: config.TASK_DATABASE_URL,
    max: config.DB_POOL_MAX,
    connectTimeoutMs: config.DB_CONNECT_TIMEOUT_MS,
    statementTimeoutMs: config.DB_STATEMENT_TIMEOUT_MS,
    applicationName: 'taskgraph-task',
    metrics,
    log,
    health,
  });
  overrides.onPool?.(pool);
  const db = createTaskDb(pool);
  const transport = overrides.transport ?? openEventTransport(config, { log, metrics });
  const events = createServiceEvents({
    source: 'task',
    connectionString: config.TASK_DATABASE_URL,
    pool,
    db,
    ...transport,
    handlers: attachmentHandlers,
    log,
    metrics,
    health,
  });
  const outbox = createOutboxReader(pool, 'task');
  const jwks = overrides.jwks ?? createRemoteJwks({ url: new URL(JWKS_PATH, config.AUTH_URL).href, log });
  const peerOptions = { metrics, log, timeoutMs: config.PEER_TIMEOUT_MS };
  const auth = createPeer({ ...peerOptions, name: 'auth', url: config.AUTH_URL });
  const media = createPeer({ ...peerOptions, name: 'media', url: config.MEDIA_URL });
  const userDirectory = createUserDirectory(auth);
  const mediaDirectory = createMediaDirectory(media);

  return createSubgraph<TaskContext>({
    name: 'task',
    introspection: showsSchema(config),
    config: {
      ...readHttpServerConfig(config, config.TASK_PORT),
      operations: operationsAddress(config.OPERATIONS_HOST, config.TASK_OPERATIONS_PORT),
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
      userDirectory,
      mediaDirectory,
      feed: transport.feed,
      outbox,
      telemetry,
    }),
    loaders: ({ viewer }) => ({ ...createTaskLoaders(db, viewer), ...createAttachmentLoaders(db, viewer) }),
    onListen: () => events.start(),
    onClose: [
      () => events.close(),
      () => transport.close(),
      () => auth.close(),
      () => media.close(),
      () => db.$disconnect(),
      () => pool.end(),
    ],
  });
}
