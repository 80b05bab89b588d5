import type { Viewer } from '@taskgraph/service-kit';
import type { UserRow } from './mappers.js';

/** An e-mail address is for its owner and for administrators. */
export function canSeeEmail(viewer: Viewer | null, user: Pick<UserRow, 'id'>): boolean {
  return viewer !== null && (viewer.userId === user.id || viewer.role === 'ADMIN');
}

/** What is read by the role of an administrator alone is put on record. */
export function isPrivilegedRead(viewer: Viewer | null, user: Pick<UserRow, 'id'>): boolean {
  return viewer !== null && viewer.role === 'ADMIN' && viewer.userId !== user.id;
}
