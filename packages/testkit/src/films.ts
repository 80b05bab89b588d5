/** A box of ISO's media format (ISO/IEC 14496-12, section 4.2). */
export function isoBox(type: string, ...content: ReadonlyArray<Buffer | string>): Buffer {
  const body = Buffer.concat(content.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, body]);
}

/** One whose size has 64 bits. */
export function wideIsoBox(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32BE(1);
  head.write(type, 4, 'latin1');
  head.writeBigUInt64BE(BigInt(body.length + 16), 8);
  return Buffer.concat([head, body]);
}

export function isoWords(...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(4 * numbers.length);
  numbers.forEach((number, index) => bytes.writeUInt32BE(number, 4 * index));
  return bytes;
}

/** The format of `ftyp` boxes, and of files that are told by it. */
export const FILM_TYPE = isoBox('ftyp', 'isom', isoWords(512), 'isom');

/** Words that a film of `testFilm` holds, and that are for nobody but its uploader. */
export const FILM_SECRETS = [
  '+52.5200+013.4050/',
  'of Ada',
  'location.ISO6709',
  'N52.52 E13.40',
  'freeGPS',
  'a text of it',
  '/Volumes/Ada',
] as const;
/** Numbers that it holds as its times. */
export const FILM_TIMES = [0x0111_1111, 0x0222_2222, 0x0333_3333, 0x0444_4444, 0x0555_5555, 0x0666_6666] as const;
/** What its player shows and plays. */
export const FILM_DATA = ['picture-1', 'sound-1', 'picture-2', 'sound-2'] as const;

const XMP = Buffer.from('be7acfcb97a942e89c71999491e3afac', 'hex');
const PLACE = FILM_SECRETS[0];

export interface TestFilmOptions {
  /** The index stands behind the data, as cameras write it. */
  readonly isIndexLast?: boolean;
  /** Sizes and offsets have 64 bits. */
  readonly isWide?: boolean;
  /** Sizes of samples are not told one by one. */
  readonly isPcm?: boolean;
}

/** A film of two pictures with sound, a track of positions and one of text, written by a camera that tells all it knows. */
export function testFilm({ isIndexLast = false, isWide = false, isPcm = false }: TestFilmOptions = {}): Buffer {
  const [picture1, sound1, picture2, sound2] = FILM_DATA;
  const chunks = [picture1, 'N52.52 E13.40', sound1, '....freeGPS ', picture2, 'a text of it', sound2];
  const toIndex = (start: number) => {
    const at = (chunk: string) => start + chunks.slice(0, chunks.indexOf(chunk)).join('').length;
    const [times1, times2, times3, times4, times5, times6] = FILM_TIMES;
    const track = (handler: string, samples: readonly string[], ...more: readonly Buffer[]) =>
      isoBox(
        'trak',
        isoBox('tkhd', isoWords(7, times3, times4, 1)),
        isoBox(
          'mdia',
          isoBox('mdhd', isoWords(0, times1, times2, 600, 0)),
          isoBox('hdlr', isoWords(0, 0), handler, isoWords(0, 0, 0), 'Camera of Ada'),
          isoBox(
            'minf',
            isoBox(handler === 'vide' ? 'vmhd' : 'smhd', isoWords(0, 0)),
            isoBox('dinf', isoBox('dref', isoWords(0, 1), isoBox('alis', isoWords(1), '/Volumes/Ada'))),
            isoBox(
              'stbl',
              isoBox('stsd', isoWords(0, 1), handler === 'vide' ? visual() : sound()),
              isoBox('stts', isoWords(0, 1, samples.length, 1)),
              isoBox('stsc', isoWords(0, 1, 1, handler === 'soun' && isPcm ? sound1.length : 1, 1)),
              isoBox(
                'stsz',
                handler === 'soun' && isPcm
                  ? isoWords(0, 1, samples.length * sound1.length)
                  : isoWords(0, 0, samples.length, ...samples.map(({ length }) => length)),
              ),
              isWide
                ? isoBox('co64', isoWords(0, samples.length, ...samples.flatMap((sample) => [0, at(sample)])))
                : isoBox('stco', isoWords(0, samples.length, ...samples.map(at))),
            ),
          ),
        ),
        ...more,
      );
    return isoBox(
      'moov',
      isoBox('mvhd', isoWords(0, times5, times6, 600, 0)),
      track('vide', [picture1, picture2], isoBox('udta', isoBox('name', 'of Ada')), isoBox('meta', PLACE)),
      track('soun', [sound1, sound2]),
      track('meta', ['N52.52 E13.40']),
      track('text', ['a text of it']),
      isoBox('udta', isoBox('\u00a9xyz', PLACE), isoBox('meta', isoWords(0), isoBox('ilst', PLACE)), isoWords(0)),
      isoBox('meta', isoBox('keys', 'mdta', 'com.apple.quicktime.location.ISO6709'), isoBox('ilst', PLACE)),
      isoBox('uuid', XMP, 'Camera of Ada'),
    );
  };
  const bytes = Buffer.from(chunks.join(''));
  const data = isWide ? wideIsoBox('mdat', bytes) : isoBox('mdat', bytes);
  const headBytes = data.length - bytes.length;
  // What is no box stands at the end.
  const tail = [isoBox('uuid', XMP, 'Camera of Ada'), isoBox('free', PLACE), Buffer.from('Ada')];
  if (isIndexLast) return Buffer.concat([FILM_TYPE, data, toIndex(FILM_TYPE.length + headBytes), ...tail]);
  const index = toIndex(FILM_TYPE.length + toIndex(0).length + headBytes);
  return Buffer.concat([FILM_TYPE, index, data, ...tail]);
}

/** The description of packed pictures, with the name of what has packed them (section 12.1.3). */
function visual(): Buffer {
  const name = Buffer.alloc(32);
  name.write('\x06of Ada', 'latin1');
  return isoBox('avc1', Buffer.alloc(6), Buffer.from([0, 1]), Buffer.alloc(34), name, Buffer.alloc(4));
}

/** The description of sound: one channel of eight bits. */
function sound(): Buffer {
  return isoBox(
    'sowt',
    Buffer.alloc(6),
    Buffer.from([0, 1]),
    Buffer.alloc(8),
    Buffer.from([0, 1, 0, 8]),
    Buffer.alloc(8),
  );
}
