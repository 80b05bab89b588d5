/** What of an item's row tells its files. */
export interface MediaItemFiles {
  /** The folder of its files, which items with the same bytes share. */
  readonly contentId: string;
  /** The file for others than the uploader: of a picture it is another one, of all else the same without metadata. */
  readonly full: 'full.webp' | 'full' | null;
  readonly thumbnails: ReadonlyArray<{ readonly size: string; readonly avifByteSize?: number }>;
}

/** The columns that `MediaItemFiles` is made of. */
export const FILES_COLUMNS = `coalesce(content_id, id) AS "contentId", thumbnails,
  CASE WHEN has_full THEN CASE WHEN mime_type LIKE 'image/%' THEN 'full.webp' ELSE 'full' END END AS "full"`;

/** Names of the files that an item has, below its folder: of one that is not processed yet, or could not be, the original alone. */
export function filesOf({ full, thumbnails }: Omit<MediaItemFiles, 'contentId'>): string[] {
  const smaller = thumbnails.flatMap(({ size, avifByteSize }) =>
    ['webp', ...(avifByteSize === undefined ? [] : ['avif'])].map((format) => `${size.toLowerCase()}.${format}`),
  );
  return ['original', ...(full === null ? [] : [full]), ...smaller];
}
