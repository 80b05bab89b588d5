/** What of an item's row tells its files. */
export interface MediaItemFiles {
  /** The folder of its files, which items with the same bytes share. */
  readonly contentId: string;
  readonly hasFull: boolean;
  readonly thumbnails: ReadonlyArray<{ readonly size: string; readonly avifByteSize?: number }>;
}

/** The columns that `MediaItemFiles` is made of. */
export const FILES_COLUMNS = 'coalesce(content_id, id) AS "contentId", has_full AS "hasFull", thumbnails';

/** Names of the files that an item has, below its folder: of one that is not processed yet, or could not be, the original alone. */
export function filesOf({ hasFull, thumbnails }: Omit<MediaItemFiles, 'contentId'>): string[] {
  const smaller = thumbnails.flatMap(({ size, avifByteSize }) =>
    ['webp', ...(avifByteSize === undefined ? [] : ['avif'])].map((format) => `${size.toLowerCase()}.${format}`),
  );
  return ['original', ...(hasFull ? ['full.webp'] : []), ...smaller];
}
