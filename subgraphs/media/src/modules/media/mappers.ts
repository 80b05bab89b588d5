import type { Connection } from '@taskgraph/service-kit';
import { z } from 'zod';
import type { MediaItem } from '../../generated/prisma/client.js';

/** The row behind a `Media`: what is read for a selection has only the members that the selection needs. */
export type MediaRow = Omit<MediaItem, 'byteSize'> & {
  /** A whole number; of the database's own type where the row was read whole. */
  readonly byteSize: number | bigint;
};

/** What the files of an item are kept under: those with the same bytes share them. */
export function contentOf({ id, contentId }: Pick<MediaRow, 'id' | 'contentId'>): string {
  return contentId ?? id;
}

/** A user of the auth service, of whom this one knows the id. */
export interface UserStub {
  readonly __typename?: 'User';
  readonly id: string;
}

/** The row behind a `MediaConnection`. */
export interface MediaConnectionRow extends Connection<MediaRow> {
  /** Null when nobody asked. */
  readonly totalCount: number | null;
}

export const THUMBNAIL_SIZES = ['SMALL', 'MEDIUM', 'LARGE'] as const;
export type ThumbnailSizeName = (typeof THUMBNAIL_SIZES)[number];

/** Why an item is FAILED. */
export type FailureReason = 'CORRUPT' | 'TOO_MANY_PIXELS' | 'TOO_COMPLEX';

const storedThumbnail = z.object({
  size: z.enum(THUMBNAIL_SIZES),
  width: z.number().int(),
  height: z.number().int(),
  byteSize: z.number().int(),
  /** Where there is an AVIF of it as well. */
  avifByteSize: z.number().int().optional(),
});

/** A thumbnail as an item's row keeps it. */
export type StoredThumbnail = z.infer<typeof storedThumbnail>;

/** Finds a thumbnail in the column of an item's row. @throws when the column holds something else */
export function findThumbnail(column: unknown, size: ThumbnailSizeName): StoredThumbnail | null {
  const found = (column as readonly Partial<StoredThumbnail>[]).find((candidate) => candidate.size === size);
  return found ? storedThumbnail.parse(found) : null;
}
