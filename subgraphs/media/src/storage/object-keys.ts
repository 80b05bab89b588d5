import { isCopied } from '../media-kinds.js';
import { THUMBNAIL_SIZES, type ThumbnailSizeName } from '../modules/media/mappers.js';

/** One of the files of a media item: `full` is for others than its uploader. */
export type FileVariant = 'original' | 'full' | ThumbnailSizeName;
export type FileFormat = 'webp' | 'avif';
/** How a file is kept: `same` is as it came, but for what is blanked in it. */
export type StoredFormat = FileFormat | 'same';

/** Everything of one item lies below its prefix, so that it can be deleted in one go. */
export function mediaPrefix(mediaId: string): string {
  return `${mediaId}/`;
}

export function objectKey(mediaId: string, variant: FileVariant, format: StoredFormat = 'webp'): string {
  const isAsItCame = variant === 'original' || format === 'same';
  return `${mediaPrefix(mediaId)}${variant.toLowerCase()}${isAsItCame ? '' : `.${format}`}`;
}

/** Of the version for others than the uploader. */
export function fullKey(mediaId: string, mimeType: string): string {
  return objectKey(mediaId, 'full', isCopied(mimeType) ? 'same' : 'webp');
}

/** Everything of one export of somebody's data. */
export function exportPrefix(exportId: string): string {
  return `exports/${exportId}/`;
}

export function exportKey(exportId: string): string {
  return `${exportPrefix(exportId)}export.zip`;
}

export const MIME_TYPES = { webp: 'image/webp', avif: 'image/avif' } as const satisfies Record<FileFormat, string>;

/** A file as a URL names it: without a format, the one that its reader prefers. */
export interface NamedFile {
  readonly variant: FileVariant;
  readonly format: FileFormat | null;
}

/** How a file is written in a URL, such as `small` or `small.avif`. */
export function fileSlug({ variant, format }: NamedFile): string {
  return `${variant.toLowerCase()}${format === null ? '' : `.${format}`}`;
}

export function parseFileSlug(slug: string): NamedFile | null {
  if (slug === 'original' || slug === 'full') return { variant: slug, format: null };
  const [, name, extension] = /^([a-z]+)(?:\.(webp|avif))?$/.exec(slug) ?? [];
  const variant = THUMBNAIL_SIZES.find((size) => size.toLowerCase() === name);
  return variant ? { variant, format: (extension as FileFormat | undefined) ?? null } : null;
}
