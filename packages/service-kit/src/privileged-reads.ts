import type { PrivilegedSubject } from '@taskgraph/contracts';
import DataLoader from 'dataloader';
import { appendEvents, type NewEvent, type RawSqlClient } from './events/outbox.js';
import type { RequestContext } from './request-context.js';
import { inTransaction, type TransactionalClient } from './transaction.js';

/** Tells that the viewer has read something by their role alone. What is read is not answered before that is written. */
export type PrivilegedReads = (subject: PrivilegedSubject) => Promise<void>;

/** What is said of a viewer who has read, and of what was read. */
export interface PrivilegedRead {
  readonly actorId: string;
  readonly subjects: PrivilegedSubject[];
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
}

const MAX_SUBJECTS = 100;

/**
 * Makes the record of what administrators read in one execution: an event of the service for all that is read at once, from where auth puts
 * it into its audit log.
 *
 * @param toEvent makes an event of the service
 */
export function createPrivilegedReads<Client extends RawSqlClient>(
  db: TransactionalClient<Client>,
  { viewer, clientInfo, requestId }: RequestContext,
  toEvent: (read: PrivilegedRead) => NewEvent,
): PrivilegedReads {
  const { ipAddress, userAgent } = clientInfo;
  const loader = new DataLoader<PrivilegedSubject, true, string>(
    async (subjects) => {
      if (viewer) {
        const event = toEvent({ actorId: viewer.userId, subjects: [...subjects], ipAddress, userAgent });
        await inTransaction(db, (tx) => appendEvents(tx, [event], { requestId }));
      }
      return subjects.map(() => true);
    },
    { cacheKeyFn: ({ kind, id }) => `${kind} ${id}`, maxBatchSize: MAX_SUBJECTS },
  );
  return async (subject) => {
    if (viewer?.role === 'ADMIN') await loader.load(subject);
  };
}
