import { createPrivilegedReads, type PrivilegedReads, type RequestContext } from '@taskgraph/service-kit';
import type { MediaDb } from '../../db.js';

/** Tells of what administrators read of the media of others. */
export function createMediaReads(db: MediaDb, request: RequestContext): PrivilegedReads {
  return createPrivilegedReads(db, request, (data) => ({
    type: 'media.privileged-read.v1',
    subject: data.actorId,
    data,
  }));
}
