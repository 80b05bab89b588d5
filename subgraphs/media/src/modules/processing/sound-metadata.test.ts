import { describe, expect, it } from '@jest/globals';
import { cleanFile, expectLengthKept } from '../../../test/clean-file.js';
import { NotUnderstood, type Blank, type ByteSource } from './blanks.js';
import { findFlacMetadata, findMp3Metadata, findWaveMetadata } from './sound-metadata.js';

type Finder = (source: ByteSource) => Promise<Blank[]>;

const clean = (find: Finder, file: Buffer, chunkBytes = 5) => cleanFile(find, file, chunkBytes);

const bytes = (...parts: ReadonlyArray<string | number[] | Buffer>) =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part as number[]))),
  );
const little = (number: number) => {
  const word = Buffer.alloc(4);
  word.writeUInt32LE(number);
  return word;
};
const SECRET = 'of Ada';
const SOUND = [0xff, 0xfb, 0x90, 0x44, 1, 2, 3];

const id3 = () => bytes('ID3', [4, 0, 0x40, 0, 0, 0, SECRET.length], SECRET);
const id3WithFoot = () =>
  bytes('ID3', [4, 0, 0x10, 0, 0, 0, SECRET.length], SECRET, '3DI', [4, 0, 0x10, 0, 0, 0, SECRET.length]);
const id3v1 = () => bytes('TAG', SECRET, Buffer.alloc(128 - 3 - SECRET.length, 'x'));
const id3v1Extended = () => bytes('TAG+', SECRET, Buffer.alloc(227 - 4 - SECRET.length, 'x'), id3v1());
const apeEnd = (flags: number) =>
  bytes('APETAGEX', little(2000), little(32 + SECRET.length), little(1), little(flags), Buffer.alloc(8));
const ape = () => bytes(apeEnd(2 ** 31 + 2 ** 29), SECRET, apeEnd(2 ** 31));
const lyrics = () => bytes('LYRICSBEGIN', SECRET, '000017LYRICS200');

const mp3 = () => bytes(id3(), id3WithFoot(), SOUND, ape(), lyrics(), id3v1Extended());
const flac = () =>
  bytes(
    id3(),
    'fLaC',
    [0, 0, 0, 4, 9, 8, 7, 6],
    [4, 0, 0, SECRET.length],
    SECRET,
    [3, 0, 0, 2, 5, 5],
    [0x86, 0, 0, SECRET.length],
    SECRET,
    SOUND,
    id3v1(),
  );
const wave = (dataSize = 7) =>
  bytes(
    'RIFF',
    little(0),
    'WAVEfmt ',
    little(4),
    [1, 0, 1, 0],
    'bext',
    little(SECRET.length),
    SECRET,
    'data',
    little(dataSize),
    SOUND,
    ...(dataSize === 7 ? [[0], 'LIST', little(SECRET.length), SECRET, 'Ada'] : []),
  );

describe('sound for others than its uploader', () => {
  it.each<[name: string, find: Finder, file: () => Buffer, kept: Buffer[]]>([
    ['MP3', findMp3Metadata, mp3, [bytes(SOUND)]],
    ['MP3 without tags', findMp3Metadata, () => bytes(SOUND), [bytes(SOUND)]],
    ['FLAC', findFlacMetadata, flac, [bytes([0, 0, 0, 4, 9, 8, 7, 6]), bytes([3, 0, 0, 2, 5, 5]), bytes(SOUND)]],
    ['WAVE', findWaveMetadata, wave, [bytes('fmt '), bytes('data', little(7), SOUND)]],
    ['WAVE that was not ended', findWaveMetadata, () => wave(0xffff_ffff), [bytes(SOUND)]],
  ])('has no tags: %s', async (_name, find, file, kept) => {
    const before = file();
    const cleaned = await clean(find, before);
    expect(cleaned).toHaveLength(before.length);
    expect(cleaned.toString('latin1')).not.toContain('Ada');
    for (const part of kept) expect(cleaned.indexOf(part)).toBe(before.indexOf(part));
    expect(await clean(find, cleaned)).toEqual(cleaned);
  });

  it('has free space in the place of what FLAC and WAVE hold beside it, so that players go on behind', async () => {
    const cleaned = await clean(findFlacMetadata, flac());
    expect(cleaned.includes(bytes([1, 0, 0, SECRET.length], Buffer.alloc(SECRET.length)))).toBe(true);
    expect(cleaned.includes(bytes([0x81, 0, 0, SECRET.length], Buffer.alloc(SECRET.length), SOUND))).toBe(true);
    expect((await clean(findWaveMetadata, wave())).includes(bytes('JUNK', little(6), Buffer.alloc(6), 'data'))).toBe(
      true,
    );
  });

  it.each<[what: string, find: Finder, file: () => Buffer]>([
    ['FLAC that ends in its metadata', findFlacMetadata, () => flac().subarray(0, 30)],
    ['something else', findFlacMetadata, () => bytes('OggS')],
    ['nothing', findWaveMetadata, () => Buffer.alloc(0)],
    ['WAVE without sound', findWaveMetadata, () => wave().subarray(0, 30)],
    ['WAVE with sound of no length', findWaveMetadata, () => wave(0)],
    ['FLAC that is taken for MP3', findMp3Metadata, () => flac()],
    ['a tag without sound', findMp3Metadata, () => id3()],
    ['more tags than there are', findMp3Metadata, () => Buffer.alloc(10 * 20_000, bytes('ID3', Buffer.alloc(7)))],
  ])('is none of %s', async (_what, find, file) => {
    await expect(clean(find, file(), 1024)).rejects.toThrow(NotUnderstood);
  });

  it('keeps its length whatever is in it, or is none', async () => {
    for (const [find, file] of [
      [findMp3Metadata, mp3()],
      [findFlacMetadata, flac()],
      [findWaveMetadata, wave()],
    ] as const)
      await expectLengthKept(find, file, { numRuns: 100 });
  });
});
