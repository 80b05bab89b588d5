import type { Viewer } from '@taskgraph/service-kit';

/** What the rules look at. */
export interface MediaParties {
  readonly uploaderId: string;
}

/** Uploader and administrators need nobody's word; others may see an item through a task that it is attached to. */
export function canSeeUnattached(viewer: Viewer, media: MediaParties): boolean {
  return viewer.role === 'ADMIN' || media.uploaderId === viewer.userId;
}

export function canDelete(viewer: Viewer, media: MediaParties): boolean {
  return viewer.role === 'ADMIN' || media.uploaderId === viewer.userId;
}

/** A list of uploads tells what somebody works on: it is for that user and for administrators. */
export function canListUploads(viewer: Viewer, userId: string): boolean {
  return viewer.role === 'ADMIN' || viewer.userId === userId;
}
