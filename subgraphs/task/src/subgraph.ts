import {
  composeSubgraph,
  createErasureWork,
  createExportSending,
  type BackgroundWork,
  type ServiceProcess,
  type SubgraphParts,
} from '@taskgraph/service-kit';
import type { TaskConfig } from './config.js';
import type { TaskContext } from './context.js';
import { createTaskDb, type TaskDb, type TaskDbClient } from './db.js';
import { attachmentHandlers } from './modules/attachments/events.js';
import { createAttachmentLoaders } from './modules/attachments/loaders.js';
import { createMediaDirectory } from './modules/attachments/media-directory.js';
import { dataExportHandlers } from './modules/data-exports/events.js';
import { sendExport } from './modules/data-exports/service.js';
import { erasureHandlers } from './modules/erasure/events.js';
import { eraseTasks, tellErased } from './modules/erasure/service.js';
import { createTaskReads } from './modules/tasks/privileged-reads.js';
import { createTaskLoaders } from './modules/tasks/loaders.js';
import { createUserDirectory } from './modules/tasks/user-directory.js';
import { retentionRules } from './retention.js';
import { resolvers, typeDefs } from './schema.js';
import { createTaskTelemetry } from './telemetry.js';

export { readTaskConfig, type TaskConfig } from './config.js';

/** Composes the task subgraph. The database must be migrated. */
export function createTaskSubgraph(config: TaskConfig, parts: Partial<SubgraphParts> = {}): Promise<ServiceProcess> {
  let erasure: BackgroundWork | undefined;
  let exporting: BackgroundWork | undefined;
  return composeSubgraph<TaskContext, TaskDbClient, TaskDb>({
    name: 'task',
    config,
    port: config.TASK_PORT,
    operationsPort: config.TASK_OPERATIONS_PORT,
    databaseUrl: config.TASK_DATABASE_URL,
    createDb: createTaskDb,
    handlers: {
      ...attachmentHandlers,
      ...dataExportHandlers(() => exporting?.wake()),
      ...erasureHandlers(() => erasure?.wake()),
    },
    retention: retentionRules(config),
    parts,
    own({ db, reads, feed, outbox, log, metrics, peer, verifier, run }) {
      const userDirectory = createUserDirectory(peer('auth', config.AUTH_URL));
      const mediaDirectory = createMediaDirectory(peer('media', config.MEDIA_URL));
      const telemetry = createTaskTelemetry(metrics);
      erasure = run(createErasureWork({ db, reads, erase: eraseTasks, tell: tellErased, log, metrics }));
      exporting = run(createExportSending({ db, send: (tx, ids) => sendExport(log, tx, ids), log }));
      return {
        typeDefs,
        resolvers,
        verifier: verifier(config.AUTH_URL),
        context: (request) => ({ ...request, db, reads, userDirectory, mediaDirectory, feed, outbox, telemetry }),
        loaders: (request) => ({
          ...createTaskLoaders(reads, request.viewer),
          ...createAttachmentLoaders(reads, request.viewer),
          privilegedRead: createTaskReads(db, request),
        }),
      };
    },
  });
}
