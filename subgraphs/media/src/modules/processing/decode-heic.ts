import { readFile, writeFile } from 'node:fs/promises';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';

/** Of a picture whose pixels nobody could read. */
class Undecodable extends Error {}

/** Whether libvips here reads pictures of HEVC by itself, which the one of npm does not. */
export function readsHevc(): boolean {
  return sharp.format.heif.input.fileSuffix?.some((suffix) => suffix === '.heic') ?? false;
}

export interface HeicRequest {
  readonly file: string;
  /** Where the picture goes, as a PNG. */
  readonly to: string;
  readonly maxPixels: number;
  /** Pixels on its longer side. */
  readonly longerSide: number;
  /** The colours that its pixels are meant in (ICC). */
  readonly profile: Buffer | undefined;
}

/**
 * Decodes the main picture of a HEIC file by libheif in WebAssembly: upright, with the colour profile of the file and nothing else of it. It runs in the
 * process of an image, whose memory and time are bounded; what it takes is in no garbage collection, so that process is worn by it.
 *
 * @throws when it cannot be decoded
 */
export async function decodeHeic({ file, to, maxPixels, longerSide, profile }: HeicRequest): Promise<void> {
  const { data, width, height } = await readPixels(await readFile(file), maxPixels);
  const png = await sharp(data, { raw: { width, height, channels: 4 } })
    .resize({ width: longerSide, height: longerSide, fit: 'inside', withoutEnlargement: true })
    .png({ compressionLevel: 1 })
    .toBuffer();
  await writeFile(to, profile ? withProfile(png, profile) : png);
}

async function readPixels(bytes: Uint8Array, maxPixels: number) {
  // Two megabytes of code, for those who send such pictures.
  const { default: libheif } = await import('libheif-js/wasm-bundle.js');
  const images = new libheif.HeifDecoder().decode(bytes);
  const image = images.find((each) => each.is_primary()) ?? images[0];
  if (!image) throw new Undecodable('there is no picture');
  const [width, height] = [image.get_width(), image.get_height()];
  if (!(width > 0 && height > 0 && width * height <= maxPixels)) throw new Undecodable('its size is none');
  const into = { data: new Uint8ClampedArray(width * height * 4), width, height };
  const decoded = await new Promise<object | null>((resolve) => image.display(into, resolve));
  for (const each of images) each.free();
  if (!decoded) throw new Undecodable('its pixels cannot be read');
  return into;
}

/** Of the signature and the header, behind which a profile stands (PNG, third edition, section 5.6). */
const HEAD_BYTES = 33;

/** A PNG whose pixels are meant in the colours of a profile. */
function withProfile(png: Buffer, profile: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from('iCCPicc\0\0', 'latin1'), deflateSync(profile)]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length - 'iCCP'.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([png.subarray(0, HEAD_BYTES), length, body, checksum, png.subarray(HEAD_BYTES)]);
}
