import type { Viewer } from '@taskgraph/service-kit';
import { isForUploaderAlone } from '../../media-kinds.js';

/** What the rules look at. */
export interface MediaParties {
  readonly uploaderId: string;
}

/** Uploader and administrators need nobody's word; others may see an item through a task that it is attached to. */
export function canSeeUnattached(viewer: Viewer, media: MediaParties): boolean {
  return viewer.role === 'ADMIN' || media.uploaderId === viewer.userId;
}

/**
 * What somebody who sees an item may download of it: the bytes of a picture or a video as they came are for the uploader alone, since cameras
 * write into them where they were. Of other files there is nothing else.
 */
export function downloadOf(
  viewer: Viewer,
  media: MediaParties & { readonly status: string; readonly hasFull: boolean; readonly mimeType: string },
): 'original' | 'full' | null {
  if (media.status !== 'READY') return null;
  if (media.uploaderId === viewer.userId || !isForUploaderAlone(media.mimeType)) return 'original';
  return media.hasFull ? 'full' : null;
}

/** A viewer who may delete an item may also name and describe it, and have it back. */
export function canManage(viewer: Viewer, media: MediaParties): boolean {
  return viewer.role === 'ADMIN' || media.uploaderId === viewer.userId;
}

/** What an item shows is its uploader's word, which nobody else gives. */
export function canReplace(viewer: Viewer, media: MediaParties): boolean {
  return media.uploaderId === viewer.userId;
}

/** How much somebody keeps is that user's business. */
export function canSeeStorage(viewer: Viewer, userId: string): boolean {
  return viewer.userId === userId;
}

/** A list of uploads tells what somebody works on: it is for that user and for administrators. */
export function canListUploads(viewer: Viewer, userId: string): boolean {
  return viewer.role === 'ADMIN' || viewer.userId === userId;
}
