// Photographs as a camera makes them: no two alike, with the noise of a sensor, of at most the size that is asked for, and nearly that.
import { Buffer } from 'node:buffer';
import path from 'node:path';
import sharp from 'sharp';

const PICTURE = path.join(import.meta.dirname, '../../docs/picture.jpg');
/** 16 megapixels. */
const [WIDTH, HEIGHT] = [4_608, 3_456];
const NOISE = 25;
/** Of JPEG: the size is found between these. */
const [LEAST_QUALITY, BEST_QUALITY] = [70, 100];
const DIFFERENT = 4;

/** @returns `count` JPEGs: some are made, and what follows the end of each makes all of them different contents */
export async function createPhotographs(count, bytes) {
  const made = [];
  for (let index = 0; index < Math.min(DIFFERENT, count); index += 1) made.push(await createPhotograph(bytes, index));
  return Array.from({ length: count }, (_, index) => {
    const end = Buffer.alloc(8);
    end.writeUInt32BE(index);
    return Buffer.concat([made[index % made.length], end]);
  });
}

async function createPhotograph(bytes, index) {
  const raw = { width: WIDTH, height: HEIGHT, channels: 3 };
  const noise = { type: 'gaussian', mean: 128, sigma: NOISE };
  const scene = await sharp(PICTURE)
    .resize(WIDTH, HEIGHT, { fit: 'cover' })
    .modulate({ hue: index * 60 })
    .composite([{ input: { create: { ...raw, background: 'grey', noise } }, blend: 'soft-light' }])
    .removeAlpha()
    .raw()
    .toBuffer();
  let [low, high] = [LEAST_QUALITY, BEST_QUALITY];
  let largest;
  while (low <= high) {
    const quality = Math.floor((low + high) / 2);
    const photograph = await sharp(scene, { raw })
      .withExif({ IFD0: { Make: 'Bench' } })
      .jpeg({ quality })
      .toBuffer();
    if (photograph.length > bytes) high = quality - 1;
    else [low, largest] = [quality + 1, photograph];
  }
  if (!largest) throw new Error(`a photograph of ${WIDTH} × ${HEIGHT} takes more than ${bytes} bytes`);
  return largest;
}
