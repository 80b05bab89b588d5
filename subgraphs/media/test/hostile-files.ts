import { readFileSync } from 'node:fs';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';

const MIB = 1024 * 1024;
/** A type has at most 100 MiB; of what repeats, half as much shows what it costs. */
const LARGE_BYTES = 49 * MIB;

const be = (value: number, bytes = 4) => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
};
const le = (value: number, bytes: number) => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
};
const repeated = (piece: Buffer, times: number) => Buffer.alloc(piece.length * times, piece);

let packed: Buffer | undefined;
/** 400 MiB of nothing, in 400 KB. */
function bomb(): Buffer {
  return (packed ??= deflateSync(Buffer.alloc(400 * MIB)));
}

/** PNG (third edition), sections 5.3 and 11.2. */
function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  return Buffer.concat([be(data.length), body, be(crc32(body))]);
}

function png(...chunks: readonly Buffer[]): Buffer {
  const side = 64;
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', Buffer.concat([be(side), be(side), Buffer.from([8, 2, 0, 0, 0])])),
    ...chunks,
    pngChunk('IDAT', deflateSync(Buffer.alloc((side * 3 + 1) * side))),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

/** TIFF 6.0: so many pages of 8 × 8 pixels, the last of which leads to the first in a circle. */
function tiff(pages: number, isCircle = false): Buffer {
  const page = (next: number) => {
    const entries = [
      [256, 3, 1, 8],
      [257, 3, 1, 8],
      [258, 3, 1, 8],
      [259, 3, 1, 1],
      [262, 3, 1, 1],
      [273, 4, 1, 8],
      [277, 3, 1, 1],
      [278, 3, 1, 8],
      [279, 4, 1, 64],
    ].map(([tag = 0, type = 0, count = 0, value = 0]) => [le(tag, 2), le(type, 2), le(count, 4), le(value, 4)]);
    return Buffer.concat([le(entries.length, 2), ...entries.flat(), le(next, 4)]);
  };
  const first = 8 + 64;
  const size = page(0).length;
  const last = isCircle ? first : 0;
  return Buffer.concat([
    Buffer.from('II*\0', 'latin1'),
    le(first, 4),
    Buffer.alloc(64),
    ...Array.from({ length: pages }, (_, index) => page(index + 1 < pages ? first + (index + 1) * size : last)),
  ]);
}

/** GIF89a: frames that change one pixel of a screen. */
function gif(frames: number, width: number, height: number): Buffer {
  const head = Buffer.concat([
    Buffer.from('GIF89a'),
    le(width, 2),
    le(height, 2),
    Buffer.from([0x80, 0, 0, 0, 0, 0, 255, 255, 255]),
  ]);
  const frame = Buffer.from([0x21, 0xf9, 4, 0, 1, 0, 0, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0]);
  return Buffer.concat([head, repeated(frame, frames), Buffer.from([0x3b])]);
}

/** Progressive (ITU T.81, annex G): each scan says in a few bytes that nothing changes in a picture of so many pixels a side. */
function jpeg(side: number, bytes: number): Buffer {
  const code = (kind: number, value: number) =>
    Buffer.from([0xff, 0xc4, 0, 20, kind, 1, ...Array.from({ length: 15 }, () => 0), value]);
  const blocks = Math.ceil(side / 8) ** 2;
  const head = Buffer.concat([
    Buffer.from([0xff, 0xd8, 0xff, 0xdb, 0, 67, 0]),
    Buffer.alloc(64, 1),
    Buffer.from([0xff, 0xc2, 0, 11, 8]),
    be(side, 2),
    be(side, 2),
    Buffer.from([1, 1, 0x11, 0]),
    code(0, 0),
    code(0x10, 0xe0),
    Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0]),
    Buffer.alloc(Math.ceil(blocks / 8)),
  ]);
  const scan = Buffer.concat([
    Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0]),
    Buffer.alloc(Math.ceil(blocks / 16_383 / 8) + 8),
  ]);
  return Buffer.concat([
    head,
    repeated(scan, Math.floor((bytes - head.length) / scan.length)),
    Buffer.from([0xff, 0xd9]),
  ]);
}

async function animatedWebp(frames: number): Promise<Buffer> {
  const [width, height] = [100, 99];
  const still = await sharp({ create: { width, height, channels: 3, background: 'red' } })
    .webp()
    .toBuffer();
  const bits = still.subarray(12);
  const size = [le(width - 1, 3), le(height - 1, 3)];
  const frame = Buffer.concat([
    Buffer.from('ANMF'),
    le(16 + bits.length, 4),
    Buffer.alloc(6),
    ...size,
    le(10, 3),
    Buffer.alloc(1),
    bits,
  ]);
  const body = Buffer.concat([
    Buffer.from('WEBPVP8X'),
    le(10, 4),
    Buffer.from([2, 0, 0, 0]),
    ...size,
    Buffer.from('ANIM'),
    le(6, 4),
    Buffer.alloc(6),
    repeated(frame, frames),
  ]);
  return Buffer.concat([Buffer.from('RIFF'), le(body.length, 4), body]);
}

/** A file of the HEIF family whose header says that it is another size (ISO/IEC 14496-12, `ispe`). */
function resized(file: Buffer, width: number, height: number): Buffer {
  const changed = Buffer.from(file);
  const at = changed.indexOf('ispe');
  changed.writeUInt32BE(width, at + 8);
  changed.writeUInt32BE(height, at + 12);
  return changed;
}

type PdfObject = string | Buffer;

/** ISO 32000-2, section 7.5: objects with the numbers of their places, and a table of where they are. */
function pdf(objects: readonly PdfObject[]): Buffer {
  const parts: Buffer[] = [Buffer.from('%PDF-1.7\n')];
  let at = parts[0]?.length ?? 0;
  let table = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
  objects.forEach((object, index) => {
    const part = Buffer.concat([
      Buffer.from(`${index + 1} 0 obj `),
      Buffer.from(object as string),
      Buffer.from(' endobj\n'),
    ]);
    table += `${String(at).padStart(10, '0')} 00000 n \n`;
    at += part.length;
    parts.push(part);
  });
  const trailer = `trailer <</Size ${objects.length + 1}/Root 1 0 R>>\nstartxref\n${at}\n%%EOF`;
  return Buffer.concat([...parts, Buffer.from(table + trailer)]);
}

const stream = (dictionary: string, data: Buffer | string) =>
  Buffer.concat([
    Buffer.from(`<<${dictionary}/Length ${Buffer.byteLength(data)}>> stream\n`),
    Buffer.from(data as string),
    Buffer.from('\nendstream'),
  ]);
const FLATE = '/Filter/FlateDecode';
const CATALOG = '<</Type/Catalog/Pages 2 0 R>>';
const PAGES = '<</Type/Pages/Kids[3 0 R]/Count 1>>';
const page = (more = '') => `<</Type/Page/MediaBox[0 0 500 500]/Parent 2 0 R/Contents 4 0 R${more}>>`;

function deepPages(levels: number): Buffer {
  const inner = Array.from({ length: levels }, (_, index) => `<</Type/Pages/Kids[${index + 3} 0 R]/Count 1>>`);
  return pdf([CATALOG, ...inner, page()]);
}

/** Each form draws the next one ten times: 10 to the power of their number. */
function nestedForms(forms: number): Buffer {
  const each = Array.from({ length: forms }, (_, index) =>
    stream(
      `/Type/XObject/Subtype/Form/BBox[0 0 500 500]/Resources<</XObject<</F ${6 + index} 0 R>>>>`,
      '/F Do '.repeat(10),
    ),
  );
  return pdf([CATALOG, PAGES, page('/Resources<</XObject<</F 5 0 R>>>>'), stream('', '/F Do '), ...each]);
}

/** Objects, and the table of where they are, in packed streams (section 7.5.7). */
function packedPdf(): Buffer {
  const objects = [
    `1 0 obj ${CATALOG} endobj\n3 0 obj `,
    stream(`/Type/ObjStm/N 1000000/First 10${FLATE}`, bomb()),
    ' endobj\n4 0 obj ',
    stream(`/Type/XRef/Size 100000000/W[1 4 2]/Root 1 0 R${FLATE}`, bomb()),
    ' endobj\n',
  ];
  return Buffer.concat([Buffer.from('%PDF-1.7\n'), ...objects.map((object) => Buffer.from(object as string))]);
}

const HEIC = readFileSync(new URL('files/portrait.heic', import.meta.url));
const flat = (width: number, height: number) => sharp({ create: { width, height, channels: 3, background: 'red' } });

/** Files that are cheap to make and dear to read: each with its type, and what becomes of it. */
export const HOSTILE_FILES: ReadonlyArray<
  readonly [what: string, mimeType: string, make: () => Buffer | Promise<Buffer>, outcome: RegExp]
> = [
  [
    'a profile that unpacks to 400 MiB',
    'image/png',
    () => png(pngChunk('iCCP', Buffer.concat([Buffer.from('a\0\0'), bomb()]))),
    /^READY$/,
  ],
  [
    '30 texts that unpack to 400 MiB each',
    'image/png',
    () =>
      png(
        ...Array.from({ length: 30 }, (_, index) =>
          pngChunk('zTXt', Buffer.concat([Buffer.from(`k${index}\0\0`), bomb()])),
        ),
      ),
    /^READY$/,
  ],
  ['a million texts', 'image/png', () => png(repeated(pngChunk('tEXt', Buffer.from('k\0v')), 1_000_000)), /^READY$/],
  [
    '100 megapixels of 16 bits, interlaced',
    'image/png',
    () => flat(10_000, 10_000).toColourspace('rgb16').png({ progressive: true }).toBuffer(),
    /^(READY|TOO_COMPLEX)$/,
  ],
  ['30,000 pages', 'image/tiff', () => tiff(30_000), /^READY$/],
  ['pages in a circle', 'image/tiff', () => tiff(3, true), /^READY$/],
  ['10,000 frames of nearly 100 megapixels', 'image/gif', () => gif(10_000, 100, 99), /^READY$/],
  ['a million frames of a pixel', 'image/gif', () => gif(1_000_000, 1, 1), /^TOO_COMPLEX$/],
  ['20,000 frames of 100 × 100 pixels', 'image/gif', () => gif(20_000, 100, 100), /^TOO_MANY_PIXELS$/],
  ['some thousand scans', 'image/jpeg', () => jpeg(8_000, LARGE_BYTES), /^CORRUPT$/],
  ['65,500 × 65,500 pixels', 'image/jpeg', () => jpeg(65_500, 9 * MIB), /^TOO_MANY_PIXELS$/],
  [
    '90 megapixels that its bytes have not',
    'image/avif',
    async () => resized(await flat(64, 64).avif().toBuffer(), 30_000, 3_000),
    /^CORRUPT$/,
  ],
  ['98 megapixels, packed', 'image/webp', () => flat(16_383, 6_000).webp({ lossless: true }).toBuffer(), /^READY$/],
  ['3,000 frames of 30 megapixels', 'image/webp', () => animatedWebp(3_000), /^READY$/],
  ['81 megapixels that its bytes have not', 'image/heic', () => resized(HEIC, 9_000, 9_000), /^WITHOUT_PICTURE$/],
  ['200,000 levels of pages', 'application/pdf', () => deepPages(200_000), /^READY$/],
  [
    'pages in a circle',
    'application/pdf',
    () => pdf([CATALOG, `<</Type/Pages/Kids[${'2 0 R '.repeat(10_000)}]/Count 1000000>>`]),
    /^READY$/,
  ],
  ['an object stream and a table that unpack to 400 MiB each', 'application/pdf', () => packedPdf(), /^TOO_COMPLEX$/],
  [
    '20 million lines, packed',
    'application/pdf',
    () => pdf([CATALOG, PAGES, page(), stream(FLATE, deflateSync(Buffer.alloc(360_000_000, '0 0 m 500 500 l S\n')))]),
    /^TOO_COMPLEX$/,
  ],
  [
    'a picture of 900 megapixels',
    'application/pdf',
    () =>
      pdf([
        CATALOG,
        PAGES,
        page('/Resources<</XObject<</I 5 0 R>>>>'),
        stream('', '500 0 0 500 0 0 cm /I Do'),
        stream(
          `/Type/XObject/Subtype/Image/Width 30000/Height 30000/ColorSpace/DeviceGray/BitsPerComponent 1${FLATE}`,
          deflateSync(Buffer.alloc(112_500_000)),
        ),
      ]),
    /^READY$/,
  ],
  ['a trillion drawings of nothing', 'application/pdf', () => nestedForms(12), /^TOO_COMPLEX$/],
];
