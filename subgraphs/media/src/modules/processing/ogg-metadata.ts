import { NotUnderstood, readAhead, type Blank, type ByteSource } from './blanks.js';
import { FLAC_COMMENT, FLAC_LAST, FLAC_PADDING, FLAC_PLAYED } from './flac-blocks.js';
import { oggChecksum } from './ogg-checksum.js';
import { blankVorbisComment, MIN_VORBIS_COMMENT_BYTES } from './vorbis-comment.js';

/** A page (RFC 3533, section 6), whole, and where it stands in the file. */
interface Page {
  readonly start: number;
  readonly bytes: Buffer;
}

/** A piece of a packet, in one of the pages of its stream. */
interface Piece {
  readonly page: Page;
  readonly from: number;
  readonly to: number;
}

/** A stream whose headers are still coming. */
interface Stream {
  readonly codec: Codec;
  /** Since its first one. */
  readonly pages: Page[];
  /** Of the packet that is not whole yet. */
  pieces: Piece[];
  headers: number;
}

interface Codec {
  /** How its first packet begins. */
  readonly name: string;
  /** Empties a header after the first, in place. Tells whether sound follows. */
  readonly empty: (packet: Buffer, index: number) => boolean;
}

const CODECS: readonly Codec[] = [
  { name: 'OpusHead', empty: emptyOpusTags },
  { name: '\x01vorbis', empty: emptyVorbisComment },
  { name: '\x7fFLAC', empty: emptyFlacBlock },
  { name: 'Speex   ', empty: emptySpeexComment },
];

const HEAD_BYTES = 27;
/** Of all recordings of a file together, which are remembered until they are written: tags may hold pictures. */
const MAX_HEADERS_BYTES = 16 * 1024 ** 2;
/** What remembering a page takes beside its bytes; the shortest has 27. */
const PAGE_COST_BYTES = 512;
const MAX_PAGES = 1_000_000;
const BEGINS = 0x02;

/**
 * Finds the tags of sound in Ogg: Opus, Vorbis, FLAC and Speex, also where one recording follows another. Pages keep their lengths and get the checksums of
 * what they hold then.
 *
 * @throws NotUnderstood of what is no such file, has a stream of something else, or more of something than recordings have
 */
export async function findOggMetadata(given: ByteSource): Promise<Blank[]> {
  const source = readAhead(given);
  const blanks: Blank[] = [];
  const beginning = new Map<number, Stream>();
  const known = new Set<number>();
  let [place, remembered] = [0, 0];
  for (let count = 0; place < source.byteSize; count += 1) {
    if (count > MAX_PAGES) throw new NotUnderstood();
    const head = await readHead(source, place);
    // What follows was cut off, or is nothing that players find.
    if (!head || head.end > source.byteSize) break;
    const { serial, begins, end } = head;
    if (begins || beginning.has(serial)) {
      remembered += end - place + PAGE_COST_BYTES;
      if (remembered > MAX_HEADERS_BYTES) throw new NotUnderstood();
      const page = { start: place, bytes: Buffer.from(await source.read(place, end - place)) };
      if (begins && beginning.has(serial)) throw new NotUnderstood();
      if (begins) beginning.set(serial, begin(page, head));
      else if (addPage(beginning.get(serial) as Stream, page, head)) {
        blanks.push(...(beginning.get(serial) as Stream).pages.map(toBlank));
        beginning.delete(serial);
      }
      known.add(serial);
    } else if (!known.has(serial)) throw new NotUnderstood();
    place = end;
  }
  if (known.size === 0 || beginning.size > 0) throw new NotUnderstood();
  if (place < source.byteSize) blanks.push({ start: place, end: source.byteSize, text: '' });
  return blanks.sort((one, other) => one.start - other.start);
}

interface PageHead {
  readonly serial: number;
  readonly begins: boolean;
  /** Of its pieces of packets: 255 goes on with the next. */
  readonly lengths: Buffer;
  readonly body: number;
  readonly end: number;
}

/** Null where there is none. */
async function readHead(source: ByteSource, start: number): Promise<PageHead | null> {
  const head = await source.read(start, HEAD_BYTES);
  if (head.length < HEAD_BYTES || head.toString('latin1', 0, 5) !== 'OggS\0') return null;
  const body = HEAD_BYTES + (head[HEAD_BYTES - 1] ?? 0);
  const [serial, begins] = [head.readUInt32LE(14), ((head[5] ?? 0) & BEGINS) !== 0];
  const lengths = Buffer.from(await source.read(start + HEAD_BYTES, body - HEAD_BYTES));
  if (lengths.length < body - HEAD_BYTES) return null;
  return { serial, begins, lengths, body, end: start + body + lengths.reduce((sum, length) => sum + length, 0) };
}

/** The first page of a stream holds its first packet, and nothing else (RFC 3533, section 6). */
function begin(page: Page, { body }: PageHead): Stream {
  const codec = CODECS.find(({ name }) => page.bytes.toString('latin1', body, body + name.length) === name);
  if (!codec) throw new NotUnderstood();
  return { codec, pages: [], pieces: [], headers: 0 };
}

/** Takes a page of headers. Tells whether they have all come, and been emptied. */
function addPage(stream: Stream, page: Page, { lengths, body }: PageHead): boolean {
  stream.pages.push(page);
  let from = body;
  for (const length of lengths) {
    stream.pieces.push({ page, from, to: from + length });
    from += length;
    if (length === 255) continue;
    const pieces = stream.pieces;
    stream.pieces = [];
    stream.headers += 1;
    const packet = Buffer.concat(pieces.map(({ page: { bytes }, ...piece }) => bytes.subarray(piece.from, piece.to)));
    const isLast = stream.codec.empty(packet, stream.headers);
    let done = 0;
    for (const piece of pieces) done += packet.copy(piece.page.bytes, piece.from, done, done + piece.to - piece.from);
    if (isLast) {
      for (const { bytes } of stream.pages) bytes.writeUInt32LE(oggChecksum(bytes), 22);
      return true;
    }
  }
  return false;
}

function toBlank({ start, bytes }: Page): Blank {
  return { start, end: start + bytes.length, text: bytes.toString('latin1') };
}

/** No vendor, no tags; what is behind them players pass over (RFC 7845, section 5.2). */
function emptyOpusTags(packet: Buffer): boolean {
  assertBegins(packet, 'OpusTags', 16);
  packet.fill(0, 8);
  return true;
}

function emptyVorbisComment(packet: Buffer): boolean {
  assertBegins(packet, '\x03vorbis', MIN_VORBIS_COMMENT_BYTES);
  packet.fill(0);
  for (const { start, text } of blankVorbisComment(0, packet.length)) packet.write(text, start, 'latin1');
  return true;
}

function emptySpeexComment(packet: Buffer): boolean {
  emptyComment(packet, 0);
  return true;
}

/** A block of metadata for each packet (RFC 9639, sections 8 and 10.1); the first of them are tags. */
function emptyFlacBlock(packet: Buffer, index: number): boolean {
  const first = packet[0] ?? 0;
  const type = first % FLAC_LAST;
  if (packet.length < 4 || packet.readUIntBE(1, 3) !== packet.length - 4 || (index === 1) !== (type === FLAC_COMMENT))
    throw new NotUnderstood();
  if (type === FLAC_COMMENT) emptyComment(packet, 4);
  else if (!FLAC_PLAYED.has(type)) {
    packet[0] = FLAC_PADDING + (first & FLAC_LAST);
    packet.fill(0, 4);
  }
  return first >= FLAC_LAST;
}

/** A vendor whose name is zeros, and no tags. */
function emptyComment(packet: Buffer, start: number): void {
  if (packet.length < start + 8) throw new NotUnderstood();
  packet.fill(0, start);
  packet.writeUInt32LE(packet.length - start - 8, start);
}

function assertBegins(packet: Buffer, name: string, minBytes: number): void {
  if (packet.length < minBytes || packet.toString('latin1', 0, name.length) !== name) throw new NotUnderstood();
}
