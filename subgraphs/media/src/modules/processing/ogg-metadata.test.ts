import { describe, expect, it } from '@jest/globals';
import { cleanFile, expectLengthKept } from '../../../test/clean-file.js';
import { TAGS, taggedFile } from '../../../test/tagged-files.js';
import { NotUnderstood } from './blanks.js';
import { oggChecksum } from './ogg-checksum.js';
import { findOggMetadata } from './ogg-metadata.js';

const clean = (file: Buffer, chunkBytes = 7) => cleanFile(findOggMetadata, file, chunkBytes);
const SOUND = Buffer.from('the sound');
const word = (number: number) => Buffer.from([number & 0xff, (number >> 8) & 0xff, (number >> 16) & 0xff, 0]);
const comment = (text: string) =>
  Buffer.concat([word(6), Buffer.from('vendor'), word(1), word(text.length), Buffer.from(text)]);

/** Pages of a stream, as many as it takes: each packet begins a page of its own. */
function pages(packets: readonly Buffer[], { serial = 1, begins = true } = {}): Buffer {
  const out: Buffer[] = [];
  packets.forEach((packet, index) => {
    const lengths = [...Array<number>(Math.floor(packet.length / 255)).fill(255), packet.length % 255];
    for (let done = 0; done < lengths.length; done += 255) {
      const table = lengths.slice(done, done + 255);
      const head = Buffer.alloc(27);
      head.write('OggS');
      head[5] = (done > 0 ? 1 : 0) | (begins && index === 0 ? 2 : 0);
      head.writeUInt32LE(serial, 14);
      head.writeUInt32LE(out.length, 18);
      head[26] = table.length;
      const page = Buffer.concat([head, Buffer.from(table), packet.subarray(done * 255, (done + table.length) * 255)]);
      page.writeUInt32LE(oggChecksum(page), 22);
      out.push(page);
    }
  });
  return Buffer.concat(out);
}

const opus = (text: string, more: Parameters<typeof pages>[1] = {}) =>
  pages([Buffer.from('OpusHead........'), Buffer.concat([Buffer.from('OpusTags'), comment(text)]), SOUND], more);

/** Pages of the first stream that hold no piece of a packet. */
function emptyPages(count: number): Buffer {
  const page = Buffer.alloc(27);
  page.write('OggS');
  page.writeUInt32LE(1, 14);
  return Buffer.alloc(27 * count, page);
}

/** Every page, with its checksum as it should be. */
function readPages(file: Buffer): Array<{ content: Buffer; isRight: boolean }> {
  const found: Array<{ content: Buffer; isRight: boolean }> = [];
  for (let place = 0; place < file.length;) {
    expect(file.toString('latin1', place, place + 4)).toBe('OggS');
    const count = file[place + 26] ?? 0;
    const table = [...file.subarray(place + 27, place + 27 + count)];
    const end = place + 27 + count + table.reduce((sum, length) => sum + length, 0);
    const page = file.subarray(place, end);
    found.push({ content: page.subarray(27 + count), isRight: page.readUInt32LE(22) === oggChecksum(page) });
    place = end;
  }
  return found;
}

describe('the checksum of a page', () => {
  it.each(['opus.ogg', 'vorbis.ogg', 'flac.ogg'] as const)('is that which an encoder writes: %s', (name) => {
    expect(readPages(taggedFile(name)).every(({ isRight }) => isRight)).toBe(true);
  });
});

describe('sound in Ogg for others than its uploader', () => {
  it.each(['opus.ogg', 'vorbis.ogg', 'flac.ogg'] as const)(
    'has no tags, as an encoder has written it: %s',
    async (name) => {
      const before = taggedFile(name);
      expect(before.includes('of Ada')).toBe(true);
      const cleaned = await clean(before);
      expect(cleaned).toHaveLength(before.length);
      for (const tag of TAGS) expect(cleaned.includes(tag)).toBe(false);
      const [old, now] = [readPages(before), readPages(cleaned)];
      expect(now.every(({ isRight }) => isRight)).toBe(true);
      expect(now.at(0)).toEqual(old.at(0));
      expect(now.at(-1)).toEqual(old.at(-1));
      expect(await clean(cleaned)).toEqual(cleaned);
    },
  );

  it.each([
    ['one page', 'of Ada'],
    ['many pages', 'of Ada'.repeat(50_000)],
  ])('has none that took %s', async (_what, text) => {
    const cleaned = await clean(opus(text));
    expect(cleaned.includes('Ada')).toBe(false);
    expect(readPages(cleaned).every(({ isRight }) => isRight)).toBe(true);
    expect(readPages(cleaned).at(-1)?.content).toEqual(SOUND);
    expect(await clean(cleaned)).toEqual(cleaned);
  });

  it('has none of a second recording behind the first, nor what is behind both', async () => {
    for (const serial of [1, 2]) {
      const both = Buffer.concat([opus('of Ada'), opus('of Ada', { serial }), Buffer.from('of Ada')]);
      const cleaned = await clean(both);
      expect(cleaned).toHaveLength(both.length);
      expect(cleaned.includes('Ada')).toBe(false);
    }
  });

  it('has none that FLAC and Speex have', async () => {
    const block = (type: number, content: Buffer) =>
      Buffer.concat([Buffer.from([type, 0, 0, content.length]), content]);
    const secret = Buffer.from('of Ada');
    const flac = pages([
      Buffer.from('\x7fFLAC\x01\0\0\0fLaC'),
      block(4, comment('of Ada')),
      block(3, Buffer.from('seek')),
      block(0x86, secret),
      SOUND,
    ]);
    const cleaned = await clean(flac);
    expect(cleaned.includes('Ada')).toBe(false);
    expect(
      readPages(cleaned)
        .map(({ content }) => content)
        .slice(2),
    ).toEqual([block(3, Buffer.from('seek')), block(0x81, Buffer.alloc(6)), SOUND]);
    const speex = await clean(pages([Buffer.from('Speex   1.2'), comment('of Ada'), SOUND]));
    expect(speex.includes('Ada')).toBe(false);
    expect(readPages(speex)[1]?.content.subarray(0, 4)).toEqual(word(comment('of Ada').length - 8));
  });

  it.each<[what: string, file: () => Buffer]>([
    ['nothing', () => Buffer.alloc(0)],
    ['something else', () => Buffer.from('ID3')],
    ['a film', () => pages([Buffer.from('\x80theora'), Buffer.from('\x81theora'), SOUND])],
    ['sound that begins nowhere', () => opus('of Ada', { begins: false })],
    [
      'a second stream that begins nowhere',
      () => Buffer.concat([opus('of Ada'), pages([SOUND], { serial: 2, begins: false })]),
    ],
    ['headers that do not end', () => pages([Buffer.from('OpusHead')])],
    ['headers that are no tags', () => pages([Buffer.from('OpusHead'), SOUND, SOUND])],
    ['headers that begin twice', () => Buffer.concat([pages([Buffer.from('OpusHead')]), opus('of Ada')])],
    ['FLAC that begins with a picture', () => pages([Buffer.from('\x7fFLAC'), Buffer.from([6, 0, 0, 1, 1]), SOUND])],
    ['tags of more than 16 MiB', () => opus('x'.repeat(17 * 1024 ** 2))],
    [
      'tags of more than 16 MiB in recordings that follow one another',
      () => Buffer.concat([1, 2, 3].map((serial) => opus('x'.repeat(6 * 1024 ** 2), { serial }))),
    ],
    // As short as pages are: none of them holds anything.
    [
      'more pages of headers than there are',
      () => Buffer.concat([opus('', { begins: true }).subarray(0, 44), emptyPages(100_000)]),
    ],
    [
      'more recordings than there are',
      () => Buffer.concat(Array.from({ length: 20_000 }, (_, serial) => opus('', { serial }))),
    ],
  ])('is none of %s', async (_what, file) => {
    await expect(clean(file(), 1_000_000)).rejects.toThrow(NotUnderstood);
  });

  it('has the tags emptied of a thousand recordings that follow one another, with a picture in one', async () => {
    const many = Array.from({ length: 1_000 }, (_, serial) =>
      opus(serial === 7 ? 'of Ada'.repeat(500_000) : 'of Ada', { serial }),
    );
    const file = Buffer.concat(many);
    const cleaned = await clean(file, 1_000_000);
    expect(cleaned).toHaveLength(file.length);
    expect(cleaned.includes('Ada')).toBe(false);
    expect(readPages(cleaned).every(({ isRight }) => isRight)).toBe(true);
  });

  it('keeps its length whatever is in it, or is none', async () => {
    const file = Buffer.concat([opus('of Ada'.repeat(100)), opus('of Ada', { serial: 7 })]);
    await expectLengthKept(findOggMetadata, file, { numRuns: 300 });
  });
});
