import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { rgbaToThumbHash } from 'thumbhash';
import { needsRareDecoder } from '../../media-kinds.js';
import { decodeHeic, readsHevc } from './decode-heic.js';
import type { FailureReason, StoredThumbnail, ThumbnailSizeName } from '../media/mappers.js';

/** A version of an image, as a local file. */
export interface ImageVersion {
  readonly variant: ThumbnailSizeName | 'full';
  readonly format: 'webp' | 'avif';
  readonly path: string;
}

export type ImageOutcome =
  | {
      readonly kind: 'processed';
      /** Upright; null of what is no picture. */
      readonly width: number | null;
      readonly height: number | null;
      readonly placeholder: string | null;
      readonly thumbnails: readonly StoredThumbnail[];
      readonly versions: readonly ImageVersion[];
    }
  | { readonly kind: 'invalid'; readonly reason: FailureReason };

export interface ImageRequest {
  readonly path: string;
  readonly mimeType: string;
  /** Where the versions go. */
  readonly folder: string;
  /** Of all frames together. */
  readonly maxPixels: number;
}

/** Pixels on the longer side, from the largest to the smallest. */
const LONGER_SIDE = { LARGE: 1280, MEDIUM: 480, SMALL: 160 } as const satisfies Record<ThumbnailSizeName, number>;
const SIZES = Object.keys(LONGER_SIDE) as ThumbnailSizeName[];
/** WebP has at most 16,383; what is larger than this is for printing, and its uploader has it. */
const FULL_LONGER_SIDE = 4_096;
const WEBP = { quality: 80, effort: 3 } as const;
const FULL_WEBP = { quality: 88, effort: 2 } as const;
const AVIF = { quality: 55, effort: 2 } as const;
/** ThumbHash takes at most 100 pixels a side, and its hash does not become better with more. */
const PLACEHOLDER_SIDE = 64;
/** Formats whose further pages are frames. */
const ANIMATED_FORMATS = new Set(['gif', 'webp']);

/** Each costs time beside its pixels, once for each version: a million of a single pixel took 22 s. */
const MAX_FRAMES = 20_000;

/** Of a file that nothing can be made of, and that is kept all the same. */
export const WITHOUT_VERSIONS = {
  kind: 'processed',
  width: null,
  height: null,
  placeholder: null,
  thumbnails: [],
  versions: [],
} as const satisfies ImageOutcome;

/**
 * Makes the versions of an image: in sRGB, without metadata (places, names, embedded previews), animated where it is; upright, and in AVIF as well,
 * where it stands still. What stands still is decoded once for all thumbnails.
 */
export async function processImage({ path: file, mimeType, folder, maxPixels }: ImageRequest): Promise<ImageOutcome> {
  // Pixels are counted by hand first, so that a bomb is told from a damaged file; libvips then has the same limit.
  const options = { failOn: 'error', limitInputPixels: maxPixels, sequentialRead: true } as const;
  try {
    // libheif takes no more than 256 items without, and telephones write one for each tile; of HEIC it reads the header alone here.
    const unlimited = needsRareDecoder(mimeType);
    const metadata = await sharp(file, { ...options, unlimited, limitInputPixels: false }).metadata();
    const { width, orientation = 1 } = metadata;
    const height = metadata.pageHeight ?? metadata.height;
    const frames = ANIMATED_FORMATS.has(metadata.format) ? (metadata.pages ?? 1) : 1;
    if (width * height * frames > maxPixels) return { kind: 'invalid', reason: 'TOO_MANY_PIXELS' };
    if (frames > MAX_FRAMES) return { kind: 'invalid', reason: 'TOO_COMPLEX' };
    const isHevc = metadata.compression === 'hevc' && !readsHevc();
    // Of HEIC the header is told as it is shown, and what EXIF says of turning means nothing (ISO/IEC 23008-12, annex A).
    // Frames are one strip to libvips, which would turn as a whole: they stay as they are.
    const isAnimated = frames > 1;
    const turned = orientation >= 5 && !isHevc && !isAnimated;
    const source = isHevc ? path.join(folder, 'decoded.png') : file;
    if (isHevc) await decodeHeic({ file, to: source, maxPixels, longerSide: FULL_LONGER_SIDE, profile: metadata.icc });
    const open = (): Sharp =>
      isAnimated ? sharp(source, { ...options, animated: true }) : sharp(source, options).autoOrient();
    const fullPath = pathOf(folder, 'full', 'webp');

    const full = inside(open(), FULL_LONGER_SIDE).toColourspace('srgb').webp(FULL_WEBP);
    await full.toFile(fullPath);
    const versions: ImageVersion[] = [{ variant: 'full', format: 'webp', path: fullPath }];
    const smaller = await makeThumbnails(isAnimated ? open : await decodeOnce(open()), folder, {
      withAvif: !isAnimated,
    });
    return {
      kind: 'processed',
      width: turned ? height : width,
      height: turned ? width : height,
      ...smaller,
      versions: [...versions, ...smaller.versions],
    };
  } catch (error) {
    if (isOfTheDisk(error)) throw error;
    // Without its decoder nothing is known of it.
    return needsRareDecoder(mimeType) ? WITHOUT_VERSIONS : { kind: 'invalid', reason: 'CORRUPT' };
  }
}

/** Makes the smaller versions of what `from` opens, and what is shown before them. */
export async function makeThumbnails(
  from: () => Sharp,
  folder: string,
  { withAvif }: { readonly withAvif: boolean },
): Promise<{
  readonly placeholder: string;
  readonly thumbnails: readonly StoredThumbnail[];
  readonly versions: readonly ImageVersion[];
}> {
  const thumbnails: StoredThumbnail[] = [];
  const versions: ImageVersion[] = [];
  for (const size of SIZES) {
    const smaller = () => inside(from(), LONGER_SIDE[size]);
    const [webpPath, avifPath] = [pathOf(folder, size, 'webp'), pathOf(folder, size, 'avif')];
    const webp = await smaller().webp(WEBP).toFile(webpPath);
    versions.push({ variant: size, format: 'webp', path: webpPath });
    const avif = withAvif ? await smaller().avif(AVIF).toFile(avifPath) : null;
    if (avif) versions.push({ variant: size, format: 'avif', path: avifPath });
    thumbnails.push({
      size,
      width: webp.width,
      height: webp.pageHeight ?? webp.height,
      byteSize: webp.size,
      ...(avif && { avifByteSize: avif.size }),
    });
  }
  return { placeholder: await toPlaceholder(pathOf(folder, 'SMALL', 'webp')), thumbnails, versions };
}

function pathOf(folder: string, variant: string, format: 'webp' | 'avif'): string {
  return path.join(folder, `${variant.toLowerCase()}.${format}`);
}

async function decodeOnce(image: Sharp): Promise<() => Sharp> {
  const { data, info } = await inside(image, LONGER_SIDE.LARGE)
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return () => sharp(data, { raw: { width: info.width, height: info.height, channels: 4 } });
}

function inside(image: Sharp, side: number): Sharp {
  return image.resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true });
}

/** Of an animation the first frame counts. */
async function toPlaceholder(smallWebp: string): Promise<string> {
  const { data, info } = await sharp(smallWebp)
    .resize({ width: PLACEHOLDER_SIDE, height: PLACEHOLDER_SIDE, fit: 'inside' })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return Buffer.from(rgbaToThumbHash(info.width, info.height, data)).toString('base64');
}

/** libvips tells what it could not write in words; everything else that it throws is about the file. */
export function isOfTheDisk(error: unknown): boolean {
  return /no space left|unable to open for write|write error|unable to write/i.test(String((error as Error).message));
}
