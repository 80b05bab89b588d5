import { randomBytes } from 'node:crypto';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';

/** A photograph-like JPEG of at least 5 MB: noise does not compress. */
export async function largeJpeg(): Promise<Buffer> {
  const jpeg = await sharp({
    create: {
      width: 2800,
      height: 2100,
      channels: 3,
      background: 'gray',
      noise: { type: 'gaussian', mean: 128, sigma: 50 },
    },
  })
    .jpeg({ quality: 92, chromaSubsampling: '4:4:4' })
    .toBuffer();
  if (jpeg.length < 5_000_000) throw new Error(`the JPEG has only ${jpeg.length} bytes`);
  return jpeg;
}

export function smallPng(colour = 'teal'): Promise<Buffer> {
  return sharp({ create: { width: 640, height: 400, channels: 3, background: colour } })
    .png()
    .toBuffer();
}

export async function truncatedPng(): Promise<Buffer> {
  const png = await sharp({
    create: {
      width: 640,
      height: 400,
      channels: 3,
      background: 'gray',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  })
    .png()
    .toBuffer();
  return png.subarray(0, Math.floor(png.length / 2));
}

export function textFile(): Buffer {
  return Buffer.from('This is no picture, whatever its name says.\n'.repeat(50));
}

export function scriptedSvg(): Buffer {
  return Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><script>alert(1)</script></svg>');
}

/** A valid PNG of a hundred kilobytes that claims, and holds, 30,000 × 30,000 pixels. */
export function decompressionBomb(): Buffer {
  const side = 30_000;
  const bytesPerRow = 1 + side / 8;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([1, 0, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.alloc(bytesPerRow * side))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A valid PNG that is small, and interlaced with 16 bits a channel: a decoder holds all of it in memory, which are 290 MB. */
export function interlacedPng(side = 6_000): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  // 16 bits of red, green, blue and alpha; Adam7.
  header.set([16, 6, 0, 0, 1], 8);
  let total = 0;
  // PNG specification, section 8.2: where each pass begins, and its steps.
  for (const [x, y, stepX, stepY] of [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ] as const)
    total += Math.ceil((side - y) / stepY) * (1 + Math.ceil((side - x) / stepX) * 8);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(Buffer.alloc(total), { level: 1 })),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

/** A PNG of black and white noise: its few bits a pixel are less than any thumbnail of it needs. */
export async function denserThanThumbnails(): Promise<Buffer> {
  const side = 512;
  return sharp(
    randomBytes(side * side).map((byte) => (byte < 128 ? 0 : 255)),
    { raw: { width: side, height: side, channels: 1 } },
  )
    .png({ palette: true, colours: 2 })
    .toBuffer();
}
