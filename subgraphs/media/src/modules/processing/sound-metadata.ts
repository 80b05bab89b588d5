import { NotUnderstood, readAhead, type Blank, type ByteSource } from './blanks.js';
import { FLAC_LAST, FLAC_PADDING, FLAC_PLAYED } from './flac-blocks.js';

/** Of a file with a tag for each day of its life. */
const MAX_PARTS = 10_000;
/** Zeros between a tag and the sound. */
const MAX_FILLED_BYTES = 64 * 1024;

/**
 * Finds the tags of an MP3 or AAC: names, pictures, devices, places. Players pass over empty ones.
 *
 * @throws NotUnderstood of what has more of them than there are
 */
export async function findMp3Metadata(given: ByteSource): Promise<Blank[]> {
  const source = readAhead(given);
  const { blanks, end } = await findTagsBefore(source);
  const ahead = await source.read(end, MAX_FILLED_BYTES);
  const first = ahead.findIndex((byte) => byte !== 0);
  // Each frame begins with eleven bits that are set (ISO/IEC 11172-3, section 2.4.1.3); a tag may stand before sound of another kind, with tags of its own.
  if (first < 0 || ahead.length < first + 2 || ahead.readUInt16BE(first) < 0xffe0) throw new NotUnderstood();
  const behind = await findTagsBehind(source, end + first);
  return [...blanks, ...behind.blanks];
}

/** Finds all of a FLAC file that is not needed to play it (RFC 9639, section 8), and the tags around it. */
export async function findFlacMetadata(given: ByteSource): Promise<Blank[]> {
  const source = readAhead(given);
  const { blanks, end: start } = await findTagsBefore(source);
  if ((await source.read(start, 4)).toString('latin1') !== 'fLaC') throw new NotUnderstood();
  let place = start + 4;
  for (let isLast = false, count = 0; !isLast; count += 1) {
    const head = await source.read(place, 4);
    const end = place + 4 + (head.length === 4 ? head.readUIntBE(1, 3) : Infinity);
    if (end > source.byteSize || count > MAX_PARTS) throw new NotUnderstood();
    const first = head[0] ?? 0;
    isLast = first >= FLAC_LAST;
    const isPlayed = FLAC_PLAYED.has(first % FLAC_LAST);
    if (!isPlayed)
      blanks.push(
        { start: place, end: place + 1, text: String.fromCharCode(FLAC_PADDING + (isLast ? FLAC_LAST : 0)) },
        { start: place + 4, end, text: '' },
      );
    place = end;
  }
  const behind = await findTagsBehind(source, place);
  return [...blanks, ...behind.blanks];
}

/** Finds all of a WAVE file but its format and its sound (RIFF, Multimedia Programming Interface 1.0). */
export async function findWaveMetadata(given: ByteSource): Promise<Blank[]> {
  const source = readAhead(given);
  const head = (await source.read(0, 12)).toString('latin1');
  if (!head.startsWith('RIFF') || !head.endsWith('WAVE')) throw new NotUnderstood();
  const blanks: Blank[] = [];
  let hasSound = false;
  for (let place = 12, count = 0; place < source.byteSize; count += 1) {
    if (count > MAX_PARTS) throw new NotUnderstood();
    const chunk = await source.read(place, 8);
    if (chunk.length < 8) {
      blanks.push({ start: place, end: source.byteSize, text: '' });
      break;
    }
    const type = chunk.toString('latin1', 0, 4);
    const size = chunk.readUInt32LE(4);
    // What was recorded and not ended, or sound with something behind it: nothing tells which.
    if (type === 'data' && size === 0 && place + 8 < source.byteSize) throw new NotUnderstood();
    const isOpen = type === 'data' && size === 0xffff_ffff;
    const end = isOpen ? source.byteSize : Math.min(source.byteSize, place + 8 + size + (size % 2));
    if (type === 'data') hasSound = true;
    else if (type !== 'fmt ' && type !== 'fact')
      blanks.push({ start: place, end: place + 4, text: 'JUNK' }, { start: place + 8, end, text: '' });
    place = end;
  }
  if (!hasSound) throw new NotUnderstood();
  return blanks;
}

const ID3_HEAD_BYTES = 10;

/** Tags at the beginning (ID3v2.4, section 3): their heads stay, and tell players how much to pass over. */
async function findTagsBefore(source: ByteSource): Promise<{ blanks: Blank[]; end: number }> {
  const blanks: Blank[] = [];
  for (let start = 0; ;) {
    if (blanks.length > MAX_PARTS) throw new NotUnderstood();
    const head = await source.read(start, ID3_HEAD_BYTES);
    if (head.length < ID3_HEAD_BYTES || head.toString('latin1', 0, 3) !== 'ID3') return { blanks, end: start };
    const flags = head[5] ?? 0;
    const size = [6, 7, 8, 9].reduce((sum, index) => sum * 128 + ((head[index] ?? 0) & 0x7f), 0);
    const hasFoot = (flags & 0x10) !== 0;
    const end = Math.min(source.byteSize, start + ID3_HEAD_BYTES + size + (hasFoot ? ID3_HEAD_BYTES : 0));
    // Without its flags a tag has no foot, whose room is zeros in front of the sound.
    blanks.push({ start: start + 5, end: start + 6, text: '' }, { start: start + ID3_HEAD_BYTES, end, text: '' });
    start = end;
  }
}

/** Tags at the end: ID3v1, APE, Lyrics3 and ID3v2 with a foot, in any order. */
async function findTagsBehind(source: ByteSource, start: number): Promise<{ blanks: Blank[] }> {
  const blanks: Blank[] = [];
  let end = source.byteSize;
  for (;;) {
    if (blanks.length > MAX_PARTS) throw new NotUnderstood();
    const length = await findTagBefore(source, end);
    if (length === 0) return { blanks: blanks.reverse() };
    const from = Math.max(start, end - length);
    if (from >= end) return { blanks: blanks.reverse() };
    blanks.push({ start: from, end, text: '' });
    end = from;
  }
}

/** How long the tag is that ends there; 0 where there is none. */
async function findTagBefore(source: ByteSource, end: number): Promise<number> {
  const from = Math.max(0, end - 128);
  const last = await source.read(from, end - from);
  const at = (back: number, length: number) =>
    last.length >= back ? last.toString('latin1', last.length - back, last.length - back + length) : '';
  if (at(128, 3) === 'TAG') {
    const extended = await source.read(Math.max(0, end - 128 - 227), 4);
    return end >= 128 + 227 && extended.toString('latin1') === 'TAG+' ? 128 + 227 : 128;
  }
  if (at(32, 8) === 'APETAGEX') {
    const foot = last.subarray(last.length - 32);
    // Its size is that of all but a head of 32 bytes, which a flag tells of.
    return Math.max(32, foot.readUInt32LE(12)) + (foot.readUInt32LE(20) >= 2 ** 31 ? 32 : 0);
  }
  if (at(9, 9) === 'LYRICS200') return Number.parseInt(at(15, 6), 10) + 15 || 0;
  if (at(10, 3) === '3DI') {
    const foot = last.subarray(last.length - 10);
    return [6, 7, 8, 9].reduce((sum, index) => sum * 128 + ((foot[index] ?? 0) & 0x7f), 0) + 20;
  }
  return 0;
}
