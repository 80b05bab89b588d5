import sharp from 'sharp';
import { rgbaToThumbHash } from 'thumbhash';
import type { StoredThumbnail, ThumbnailSizeName } from '../media/mappers.js';

/** Pixels on the longer side, from the largest to the smallest. */
const LONGER_SIDE = { LARGE: 1280, MEDIUM: 480, SMALL: 160 } as const satisfies Record<ThumbnailSizeName, number>;
const SIZES = Object.keys(LONGER_SIDE) as ThumbnailSizeName[];
const WEBP = { quality: 80, effort: 3 } as const;
/** ThumbHash takes at most 100 pixels a side, and its hash does not become better with more. */
const PLACEHOLDER_SIDE = 64;

export type ProcessedImage =
  | {
      readonly kind: 'processed';
      /** Upright. */
      readonly width: number;
      readonly height: number;
      readonly placeholder: string;
      readonly thumbnails: ReadonlyArray<StoredThumbnail & { readonly bytes: Buffer }>;
    }
  | { readonly kind: 'corrupt' }
  | { readonly kind: 'too_many_pixels'; readonly width: number; readonly height: number };

/**
 * Decodes an image once, to the size of its largest thumbnail, and makes the rest of that. Metadata (places, names,
 * embedded previews) do not get into thumbnails. Of an animation the first frame counts.
 */
export async function processImage(path: string, { maxPixels }: { maxPixels: number }): Promise<ProcessedImage> {
  // Pixels are counted by hand first, so that a bomb is told from a damaged file; libvips then has the same limit.
  const options = { failOn: 'error', limitInputPixels: maxPixels, sequentialRead: true } as const;
  try {
    const { width, height, orientation = 1 } = await sharp(path, { ...options, limitInputPixels: false }).metadata();
    if (width * height > maxPixels) return { kind: 'too_many_pixels', width, height };
    const turned = orientation >= 5;

    const base = await sharp(path, options)
      .autoOrient()
      .resize({ width: LONGER_SIDE.LARGE, height: LONGER_SIDE.LARGE, fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const raw = { width: base.info.width, height: base.info.height, channels: 4 } as const;
    const fromBase = () => sharp(base.data, { raw });

    const thumbnails = await Promise.all(
      SIZES.map(async (size) => {
        const side = LONGER_SIDE[size];
        const { data, info } = await fromBase()
          .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
          .webp(WEBP)
          .toBuffer({ resolveWithObject: true });
        return { size, width: info.width, height: info.height, byteSize: data.length, bytes: data };
      }),
    );
    const tiny = await fromBase()
      .resize({ width: PLACEHOLDER_SIDE, height: PLACEHOLDER_SIDE, fit: 'inside' })
      .raw()
      .toBuffer({ resolveWithObject: true });
    const placeholder = Buffer.from(rgbaToThumbHash(tiny.info.width, tiny.info.height, tiny.data)).toString('base64');
    return {
      kind: 'processed',
      width: turned ? height : width,
      height: turned ? width : height,
      placeholder,
      thumbnails,
    };
  } catch {
    // sharp reads nothing but this file: whatever it throws is about the file.
    return { kind: 'corrupt' };
  }
}
