import { THUMBNAIL_SIZES, type ThumbnailSizeName } from '../modules/media/mappers.js';

/** One of the files of a media item: `full` is for others than its uploader. */
export type FileVariant = 'original' | 'full' | ThumbnailSizeName;
export type FileFormat = 'webp' | 'avif';

/** Everything of one item lies below its prefix, so that it can be deleted in one go. */
export function mediaPrefix(mediaId: string): string {
  return `${mediaId}/`;
}

export function objectKey(mediaId: string, variant: FileVariant, format: FileFormat = 'webp'): string {
  return `${mediaPrefix(mediaId)}${variant === 'original' ? 'original' : `${variant.toLowerCase()}.${format}`}`;
}

/** Everything of one export of somebody's data. */
export function exportPrefix(exportId: string): string {
  return `exports/${exportId}/`;
}

export function exportKey(exportId: string): string {
  return `${exportPrefix(exportId)}export.zip`;
}

/** How a variant is written in a URL. */
export function variantSlug(variant: FileVariant): string {
  return variant.toLowerCase();
}

export function parseVariantSlug(slug: string): FileVariant | null {
  if (slug === 'original' || slug === 'full') return slug;
  return THUMBNAIL_SIZES.find((size) => size.toLowerCase() === slug) ?? null;
}
