import type { UploadSession } from '../../generated/prisma/client.js';
import type { StagedUpload } from '../../storage/upload-staging.js';

/** The row behind an `UploadSession`. */
export type UploadSessionRow = UploadSession;

/** A session as the place of its bytes knows it. */
export function toStaged({
  id,
  byteSize,
  targetUrl,
}: Pick<UploadSessionRow, 'id' | 'byteSize' | 'targetUrl'>): StagedUpload {
  return { id, byteSize: Number(byteSize), targetUrl };
}
