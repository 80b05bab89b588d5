import { describe, expect, it } from '@jest/globals';
import { cleanFile, expectLengthKept } from '../../../test/clean-file.js';
import { TAGS, taggedFile } from '../../../test/tagged-files.js';
import { NotUnderstood } from './blanks.js';
import { findWebmMetadata } from './webm-metadata.js';

const clean = (file: Buffer, chunkBytes = 7) => cleanFile(findWebmMetadata, file, chunkBytes);

type Part = string | number[] | Buffer;
const bytes = (...parts: Part[]) =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part as number[]))),
  );
/** An element with a size of two bytes; null for one that is not known. */
function element(id: number, content: Buffer | null, ...parts: Part[]): Buffer {
  const body = content ?? bytes(...parts);
  const size = content === null ? [0xff] : [0x40 | (body.length >> 8), body.length & 0xff];
  return bytes(Buffer.from(id.toString(16), 'hex'), size, body);
}
/** An element with a size of eight bytes. */
function long(id: number, content: Buffer): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(content.length) | (1n << 56n));
  return bytes(Buffer.from(id.toString(16), 'hex'), size, content);
}
const SECRET = 'of Ada';
const HEADER = element(0x1a45dfa3, element(0x4282, bytes('webm')));
const BLOCK = element(0xa3, bytes([0x81, 0, 0, 0x80], 'picture'));
const track = (type: number, codec: string, ...more: Buffer[]) =>
  element(0xae, bytes(element(0xd7, bytes([1])), element(0x83, bytes([type])), element(0x86, bytes(codec)), ...more));
const VIDEO = track(1, 'V_VP9', element(0x536e, bytes(SECRET)));
const secrets = (id: number) => element(id, bytes(SECRET.repeat(30)));

/** Everything that may stand in a segment. */
function film({ tracks = VIDEO, segmentSize = true, behind = '' } = {}): Buffer {
  const content = bytes(
    secrets(0xbf),
    element(
      0x114d9b74,
      bytes(
        ...[0x1254c367, 0x1549a966].map((id) =>
          element(0x4dbb, bytes(element(0x53ab, Buffer.from(id.toString(16), 'hex')), element(0x53ac, bytes([9])))),
        ),
      ),
    ),
    element(
      0x1549a966,
      bytes(
        secrets(0x7ba9),
        element(0x2ad7b1, bytes([15])),
        secrets(0x4d80),
        secrets(0x5741),
        element(0x4461, bytes('12345678')),
      ),
    ),
    element(0x1654ae6b, tracks),
    secrets(0x1254c367),
    secrets(0x1043a770),
    secrets(0x1941a469),
    secrets(0x4fff),
    element(0x1f43b675, bytes(element(0xe7, bytes([0])), BLOCK)),
    element(0x1f43b675, null, element(0xe7, bytes([1])), BLOCK, element(0xab, bytes([1]))),
    secrets(0x1254c367),
    element(0x1f43b675, null, element(0xe7, bytes([2])), BLOCK),
    element(0x1c53bb6b, bytes('cues')),
    element(0xec, bytes(SECRET)),
  );
  return bytes(HEADER, segmentSize ? element(0x18538067, content) : element(0x18538067, null, content), behind);
}

describe('a WebM film for others than its uploader', () => {
  it.each(['tagged.webm', 'recorded.webm'] as const)('has no tags, as an encoder has written it: %s', async (name) => {
    const before = taggedFile(name);
    expect(before.includes('of Ada')).toBe(true);
    const cleaned = await clean(before);
    expect(cleaned).toHaveLength(before.length);
    for (const tag of TAGS) expect(cleaned.includes(tag)).toBe(false);
    // The first cluster and all behind it, tags aside, are the same.
    const cluster = Buffer.from('1f43b675', 'hex');
    const [from, length] = [before.indexOf(cluster), 200];
    expect(cleaned.subarray(from, from + length)).toEqual(before.subarray(from, from + length));
    expect(await clean(cleaned)).toEqual(cleaned);
  });

  it.each([
    ['of a known length', {}],
    ['that is still being written', { segmentSize: false }],
    ['with something behind it', { behind: `something ${SECRET}` }],
  ])('keeps what is shown, where it was: one %s', async (_what, options) => {
    const before = film(options);
    const cleaned = await clean(before);
    expect(cleaned).toHaveLength(before.length);
    expect(cleaned.includes('Ada')).toBe(false);
    expect(cleaned.includes('12345678')).toBe(false);
    let place = -1;
    for (const part of [BLOCK, BLOCK, BLOCK, bytes('cues')]) {
      place = before.indexOf(part, place + 1);
      expect(cleaned.indexOf(part, place)).toBe(place);
    }
    expect(await clean(cleaned)).toEqual(cleaned);
  });

  it('has free space, of any length, in the place of what goes', async () => {
    for (const length of [0, 1, 125, 126, 127, 128, 16_000]) {
      const tags = element(0x1254c367, Buffer.alloc(length, 'x'));
      const cleaned = await clean(bytes(HEADER, element(0x18538067, null, element(0x1654ae6b, VIDEO), tags, BLOCK)));
      const place = cleaned.length - BLOCK.length - tags.length;
      expect(cleaned[place]).toBe(0xec);
      const sizeBytes = Math.clz32(cleaned[place + 1] ?? 0) - 23;
      const size = cleaned.readUIntBE(place + 1, sizeBytes) - 2 ** (7 * sizeBytes);
      expect(1 + sizeBytes + size).toBe(tags.length);
      expect(size).toBeLessThan(2 ** (7 * sizeBytes) - 1);
    }
  });

  it.each<[what: string, file: () => Buffer]>([
    ['nothing', () => Buffer.alloc(0)],
    ['a header alone', () => HEADER],
    ['no tracks', () => bytes(HEADER, element(0x18538067, BLOCK))],
    ['subtitles', () => film({ tracks: bytes(VIDEO, track(0x11, 'D_WEBVTT/SUBTITLES')) })],
    ['a codec that WebM has not', () => film({ tracks: track(1, 'V_MPEG4/ISO/AVC') })],
    ['two types of one track', () => film({ tracks: track(1, 'V_VP9', element(0x83, bytes([0x11]))) })],
    [
      'Vorbis without its packets',
      () => film({ tracks: track(2, 'A_VORBIS', element(0x63a2, bytes([2, 1, 200, 1]))) }),
    ],
    ['an index that does not end', () => bytes(HEADER, element(0x18538067, null, element(0x1549a966, null, VIDEO)))],
    ['an index that was cut off', () => film().subarray(0, 150)],
    [
      'more elements than there are',
      () => bytes(HEADER, element(0x18538067, null, Buffer.alloc(2_400_000, bytes([0xec, 0x80])))),
    ],
    [
      'more parts of an index than there are',
      () => {
        const index = long(0x1549a966, Buffer.alloc(2 * 10_001, bytes([0xec, 0x80])));
        return bytes(HEADER, element(0x18538067, null, element(0x1654ae6b, VIDEO), index));
      },
    ],
    [
      'more to be blanked than there is',
      () =>
        bytes(
          HEADER,
          element(0x18538067, null, element(0x1654ae6b, VIDEO), Buffer.alloc(2 * 100_001, bytes([0xec, 0x80]))),
        ),
    ],
    [
      'more to be blanked than there is in tracks',
      () => {
        const many = long(0xae, bytes(VIDEO.subarray(3), Buffer.alloc(2 * 9_000, bytes([0xec, 0x80]))));
        return bytes(HEADER, element(0x18538067, null, long(0x1654ae6b, bytes(...Array<Buffer>(12).fill(many)))));
      },
    ],
  ])('is none of %s', async (_what, file) => {
    await expect(clean(file(), 100_000)).rejects.toThrow(NotUnderstood);
  });

  it('is taken with as much to be blanked as there may be', async () => {
    const voids = Buffer.alloc(2 * 99_000, bytes([0xec, 0x80]));
    const before = bytes(
      HEADER,
      element(0x18538067, null, element(0x1654ae6b, VIDEO), voids, secrets(0x1254c367), element(0x1f43b675, BLOCK)),
    );
    const cleaned = await clean(before, 100_000);
    expect(cleaned).toHaveLength(before.length);
    expect(cleaned.includes('Ada')).toBe(false);
    expect(cleaned.subarray(-BLOCK.length)).toEqual(BLOCK);
  });

  it('keeps its length whatever is in it, or is none', async () => {
    const file = film({ tracks: bytes(VIDEO, track(2, 'A_OPUS')) });
    await expectLengthKept(findWebmMetadata, file, { numRuns: 300 });
  });
});
