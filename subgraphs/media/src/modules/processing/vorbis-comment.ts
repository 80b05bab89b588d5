import type { Blank } from './blanks.js';

/** What a header of tags begins with in Vorbis (Vorbis I, section 4.2.1). */
const NAME = '\x03vorbis';
/** The name, the lengths of the vendor and of the list, and a bit behind them. */
export const MIN_VORBIS_COMMENT_BYTES = NAME.length + 4 + 4 + 1;

/** Tags of the same length without any: a vendor whose name is zeros, and no more (Vorbis I, section 5.2). */
export function blankVorbisComment(start: number, byteLength: number): Blank[] {
  const vendor = Buffer.alloc(4);
  vendor.writeUInt32LE(byteLength - MIN_VORBIS_COMMENT_BYTES);
  const end = start + byteLength;
  return [
    { start, end: end - 1, text: NAME + vendor.toString('latin1') },
    { start: end - 1, end, text: '\x01' },
  ];
}
