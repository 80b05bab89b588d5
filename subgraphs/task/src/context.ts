import type { LiveFeed, OutboxReader, PreparedReads, PrivilegedReads, RequestContext } from '@taskgraph/service-kit';
import type { TaskDb } from './db.js';
import type { AttachmentLoaders } from './modules/attachments/loaders.js';
import type { MediaDirectory } from './modules/attachments/media-directory.js';
import type { TaskLoaders } from './modules/tasks/loaders.js';
import type { UserDirectory } from './modules/tasks/user-directory.js';
import type { TaskTelemetry } from './telemetry.js';

/** What one execution in the task subgraph carries. */
export interface TaskContext extends RequestContext {
  readonly db: TaskDb;
  /** Reads that need no client: lists, and what is looked up by key. */
  readonly reads: PreparedReads;
  readonly loaders: TaskLoaders & AttachmentLoaders & { readonly privilegedRead: PrivilegedReads };
  readonly mediaDirectory: MediaDirectory;
  readonly userDirectory: UserDirectory;
  /** Wakes the subscribers of a task; what has happened to it is read from the outbox. */
  readonly feed: LiveFeed;
  readonly outbox: OutboxReader;
  readonly telemetry: TaskTelemetry;
}
