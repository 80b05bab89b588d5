import { describe, expect, it } from '@jest/globals';
import {
  FILM_DATA,
  FILM_SECRETS,
  FILM_TIMES,
  FILM_TYPE,
  isoBox,
  isoWords,
  testFilm,
  wideIsoBox,
} from '@taskgraph/testkit';
import { cleanFile, expectLengthKept } from '../../../test/clean-file.js';
import { NotUnderstood } from './blanks.js';
import { findVideoMetadata } from './video-metadata.js';

const clean = (file: Buffer, chunkBytes = 7) => cleanFile(findVideoMetadata, file, chunkBytes);

const trackOf = (handler: string, ...tables: Buffer[]) =>
  isoBox('trak', isoBox('mdia', isoBox('hdlr', isoWords(0, 0), handler), isoBox('minf', isoBox('stbl', ...tables))));
/** A fragment of a film (ISO/IEC 14496-12, section 8.8), with its data. */
const fragment = (data: string, ...more: Buffer[]) =>
  Buffer.concat([
    isoBox('moof', isoBox('mfhd', isoWords(0, 1)), isoBox('traf', isoBox('tfhd', isoWords(0, 1)), ...more)),
    isoBox('mdat', data),
  ]);

describe('a film for others than its uploader', () => {
  it.each([
    {},
    { isIndexLast: true },
    { isWide: true },
    { isPcm: true },
    { isIndexLast: true, isWide: true, isPcm: true },
  ])('has no places, names, devices, times, texts and positions, and plays as before: %p', async (options) => {
    const file = testFilm(options);
    const before = Buffer.from(file);
    const cleaned = await clean(file);
    expect(file).toEqual(before);
    expect(cleaned).toHaveLength(file.length);
    const text = cleaned.toString('latin1');
    for (const secret of FILM_SECRETS) {
      expect(file.toString('latin1')).toContain(secret);
      expect(text).not.toContain(secret);
    }
    expect(text.endsWith('\0\0\0')).toBe(true);
    for (const time of FILM_TIMES) expect(cleaned.includes(isoWords(time))).toBe(false);
    for (const kept of [...FILM_DATA, 'vide', 'soun', 'avc1', 'sowt']) expect(text).toContain(kept);
    // Samples lie where the index says, and boxes where they were.
    for (const sample of FILM_DATA) expect(cleaned.indexOf(sample)).toBe(file.indexOf(sample));
    expect(cleaned.subarray(0, FILM_TYPE.length)).toEqual(FILM_TYPE);
    // Another time there is nothing to blank that is not blank.
    expect(await clean(cleaned)).toEqual(cleaned);
  });

  it('has its data where they go on to the end of the file, or are cut off there', async () => {
    const whole = testFilm();
    const data = whole.indexOf('mdat') - 4;
    const toTheEnd = Buffer.from(whole.subarray(0, whole.indexOf('sound-2') + 7));
    toTheEnd.writeUInt32BE(0, data);
    expect((await clean(toTheEnd)).toString('latin1')).toContain('sound-2');
    const cut = whole.subarray(0, whole.indexOf('picture-2') + 9);
    const cleaned = await clean(cut);
    expect(cleaned.toString('latin1')).toContain('picture-2');
    expect(cleaned.toString('latin1')).not.toContain('freeGPS');
  });

  it('has the data of all its fragments, and none of what stands between them', async () => {
    const film = Buffer.concat([
      FILM_TYPE,
      isoBox('moov', trackOf('vide'), isoBox('mvex', isoBox('trex', isoWords(0, 1)), isoBox('meta', 'of Ada'))),
      fragment('picture-1', isoBox('udta', 'of Ada'), isoBox('trun', isoWords(0, 1))),
      isoBox('emsg', 'of Ada'),
      fragment('picture-2'),
    ]);
    const text = (await clean(film)).toString('latin1');
    for (const kept of ['picture-1', 'picture-2', 'trun', 'trex']) expect(text).toContain(kept);
    expect(text).not.toContain('Ada');
  });

  it.each<[what: string, file: () => Buffer]>([
    ['nothing', () => Buffer.alloc(0)],
    ['its beginning', () => Buffer.from('ftyp')],
    ['something else', () => Buffer.from('what is this, then?')],
    ['no index', () => FILM_TYPE],
    ['half an index', () => testFilm().subarray(0, FILM_TYPE.length + 20)],
    ['an index that is packed', () => Buffer.concat([FILM_TYPE, isoBox('moov', isoBox('cmov', 'zlib'))])],
    ['neither pictures nor sound', () => Buffer.concat([FILM_TYPE, isoBox('moov', trackOf('meta'))])],
    ['an index that ends nowhere', () => Buffer.concat([FILM_TYPE, wideIsoBox('moov', Buffer.alloc(0)).fill(255, 8)])],
    [
      'positions in fragments',
      () => Buffer.concat([FILM_TYPE, isoBox('moov', trackOf('vide'), trackOf('meta')), fragment('N52.52 E13.40')]),
    ],
    [
      'more boxes than films have',
      () => Buffer.concat([FILM_TYPE, isoBox('moov', trackOf('meta', Buffer.alloc(8 * 250_000, isoBox('free'))))]),
    ],
    [
      'more boxes than files have',
      () => Buffer.concat([testFilm().subarray(0, -3), Buffer.alloc(8 * 250_000, isoBox('free'))]),
    ],
    [
      'more chunks than films have',
      () => {
        const offsets = isoBox('stco', isoWords(0, 2 ** 21 + 1), Buffer.alloc(4 * (2 ** 21 + 1)));
        return Buffer.concat([FILM_TYPE, isoBox('moov', trackOf('vide', offsets))]);
      },
    ],
  ])('is none where it has %s', async (_what, file) => {
    await expect(clean(file(), 1024)).rejects.toThrow(NotUnderstood);
  });

  it('is none where its index is larger than those of films are, which is not read', async () => {
    const head = isoWords(33 * 1024 ** 2, 0);
    head.write('moov', 4);
    const file = Buffer.concat([FILM_TYPE, head]);
    const lengths: number[] = [];
    const read = async (start: number, length: number) => {
      lengths.push(length);
      return file.subarray(start, start + length);
    };
    await expect(findVideoMetadata({ byteSize: 34 * 1024 ** 2, read })).rejects.toThrow(NotUnderstood);
    expect(Math.max(...lengths)).toBeLessThan(1024 ** 2);
  });

  it('takes chunks that are longer than the file for what is there of them, however many say so', async () => {
    const chunks = 100_000;
    const film = Buffer.concat([
      FILM_TYPE,
      isoBox('mdat', 'picture-1'),
      isoBox(
        'moov',
        trackOf(
          'vide',
          isoBox('stsc', isoWords(0, 1, 1, 0xffff_ffff, 1)),
          isoBox('stsz', isoWords(0, 0xffff_ffff, 0xffff_ffff)),
          isoBox('stco', isoWords(0, chunks), Buffer.alloc(4 * chunks)),
        ),
      ),
    ]);
    expect((await clean(film, 1024)).toString('latin1')).toContain('picture-1');
  });

  it('tells nobody a secret, or is none, whatever one byte of its index is in the place of what it was', async () => {
    const whole = testFilm();
    const data = whole.indexOf('mdat') - 4;
    const told: string[] = [];
    for (let index = FILM_TYPE.length; index < data + 8; index += 1) {
      // A picture that is said to lie where none lies is not told from one that does.
      if (whole.lastIndexOf('stco', index) >= index - 19) continue;
      const byte = whole[index] ?? 0;
      for (const other of [0, 1, 255, byte ^ 1, byte ^ 8, byte ^ 32, byte ^ 128, (byte + 24) % 256]) {
        const file = Buffer.from(whole);
        file[index] = other;
        const cleaned = await clean(file, file.length).catch((error: unknown) => error);
        if (cleaned instanceof NotUnderstood) continue;
        const secrets = FILM_SECRETS.filter((secret) => (cleaned as Buffer).includes(secret));
        if (secrets.length > 0) told.push(`${index}: ${byte} as ${other}: ${secrets.join(', ')}`);
      }
    }
    expect(told).toEqual([]);
  });

  it('keeps its length whatever is in it, is the same in chunks of any length, or is none', async () => {
    await expectLengthKept(findVideoMetadata, testFilm(), { numRuns: 300, atMost: 8 });
  });
});
