import { NotUnderstood, readAhead, type Blank, type ByteSource } from './blanks.js';
import { MIN_VORBIS_COMMENT_BYTES, blankVorbisComment } from './vorbis-comment.js';

/** An element (RFC 8794, section 2): `start` is that of its id, `body` that of what it holds. */
interface Element {
  readonly id: number;
  readonly start: number;
  readonly body: number;
  readonly end: number;
  /** Its writer did not know how long it would be: it ends where something begins that cannot be in it. */
  readonly isOpen: boolean;
}

/** What of a container stays: elements as they are, or their places without what stands there. What is not named becomes free space. */
type Kept = ReadonlyMap<number, 'whole' | 'place'>;

const kept = (...ids: readonly number[]): Kept => new Map(ids.map((id) => [id, 'whole']));

const VOID = 0xec;
const HEADER = 0x1a45dfa3;
const SEGMENT = 0x18538067;
const SEEK_HEAD = 0x114d9b74;
const SEEK = 0x4dbb;
const SEEK_ID = 0x53ab;
const INFO = 0x1549a966;
const TRACKS = 0x1654ae6b;
const TRACK = 0xae;
const CLUSTER = 0x1f43b675;
const CUES = 0x1c53bb6b;
const TAGS = 0x1254c367;
const CHAPTERS = 0x1043a770;
const ATTACHMENTS = 0x1941a469;
/** What an open cluster ends at. */
const BESIDE_CLUSTERS = new Set([SEEK_HEAD, INFO, TRACKS, CLUSTER, CUES, TAGS, CHAPTERS, ATTACHMENTS, HEADER, SEGMENT]);

/** What players read (RFC 9559, section 5.1). */
const KEPT_HEADER: Kept = kept(0x4286, 0x42f7, 0x42f2, 0x42f3, 0x4282, 0x4287, 0x4285);
/** The scale of times and the length; the names of the programs have to be there, so that they are empty. */
const KEPT_INFO: Kept = new Map([...kept(0x2ad7b1, 0x4489), [0x4d80, 'place'], [0x5741, 'place']] as const);
const TRACK_TYPE = 0x83;
const CODEC_ID = 0x86;
const CODEC_PRIVATE = 0x63a2;
/** All but names: numbers, types, flags, languages, codecs, and how pictures and sound are laid out. */
const KEPT_TRACK = kept(
  ...[0xd7, 0x73c5, TRACK_TYPE, 0xb9, 0x88, 0x55aa, 0x9c, 0x6de7, 0x6df8, 0x23e383, 0x234e7a, 0x23314f, 0x55ee],
  ...[0x22b59c, 0x22b59d, CODEC_ID, CODEC_PRIVATE, 0x56aa, 0x56bb, 0xe0, 0xe1, 0x6d80],
);
/** Pictures and sound. */
const PLAYED_TYPES = new Set([1, 2]);
/** All that WebM has (webmproject.org, container guidelines). */
const CODECS = new Set(['V_VP8', 'V_VP9', 'V_AV1', 'A_VORBIS', 'A_OPUS']);

/** The longest head: four bytes of id, eight of size. */
const HEAD_BYTES = 12;
const MAX_CONTAINER_BYTES = 8 * 1024 ** 2;
/** Of a film that a browser has recorded, in which each block stands by itself, some hours. */
const MAX_ELEMENTS = 1_000_000;
/** Of an index, or of a track. */
const MAX_PARTS = 10_000;
/** They are remembered until they are written. */
const MAX_BLANKS = 100_000;

/**
 * Finds what a WebM file holds beside pictures and sound: tags, chapters, attachments, titles, names of programs, the time at which it was made, and
 * what nobody knows. Blanks keep the length of everything, so that indexes go on being right.
 *
 * @throws NotUnderstood of what is no such file, has a track of something else, or more of something than films have
 */
export async function findWebmMetadata(given: ByteSource): Promise<Blank[]> {
  const source = readAhead(given);
  const blanks = new Blanks();
  const header = await readElement(source, 0);
  if (header?.id !== HEADER) throw new NotUnderstood();
  blanks.add(await findInside(source, header, KEPT_HEADER));
  const segment = await readElement(source, header.end);
  if (segment?.id !== SEGMENT) throw new NotUnderstood();
  const segmentEnd = segment.isOpen ? source.byteSize : Math.min(segment.end, source.byteSize);
  let hasTracks = false;
  let elements = 0;
  let cluster = false;
  for (let place = segment.body; place < segmentEnd;) {
    if ((elements += 1) > MAX_ELEMENTS) throw new NotUnderstood();
    const element = await readElement(source, place);
    if (!element) {
      // What follows was cut off, or is nothing that players find.
      blanks.add([{ start: place, end: segmentEnd, text: '' }]);
      break;
    }
    const { id, end, isOpen } = element;
    const isInCluster = cluster && !BESIDE_CLUSTERS.has(id);
    if (id === CLUSTER) {
      cluster = isOpen;
      place = isOpen ? element.body : end;
      continue;
    }
    if (isOpen) throw new NotUnderstood();
    place = end;
    if (isInCluster) continue;
    cluster = false;
    if (id === TRACKS) {
      hasTracks = true;
      blanks.add(await findInTracks(source, element));
    } else if (id === INFO) blanks.add(await findInside(source, element, KEPT_INFO));
    else if (id === SEEK_HEAD) blanks.add(await findInSeekHead(source, element));
    else if (id !== CUES) blanks.add([free(element, source.byteSize)]);
  }
  if (!hasTracks) throw new NotUnderstood();
  if (segmentEnd < source.byteSize) blanks.add([{ start: segmentEnd, end: source.byteSize, text: '' }]);
  return blanks.found;
}

/** Places to be blanked, no more than are remembered. */
class Blanks {
  readonly found: Blank[] = [];

  /** @throws NotUnderstood when they are too many */
  add(more: readonly Blank[]): void {
    for (const blank of more) this.found.push(blank);
    if (this.found.length > MAX_BLANKS) throw new NotUnderstood();
  }
}

/** Null where there is no head of one. */
async function readElement(source: ByteSource, start: number): Promise<Element | null> {
  return headOf(await source.read(start, HEAD_BYTES), start);
}

/** Ids and sizes are numbers of as many bytes as their first bits tell (RFC 8794, sections 4 to 6). */
function headOf(bytes: Buffer, start: number): Element | null {
  const idBytes = Math.clz32(bytes[0] ?? 0) - 23;
  if (idBytes > 4 || bytes.length <= idBytes) return null;
  const first = bytes[idBytes] ?? 0;
  const sizeBytes = Math.clz32(first) - 23;
  const body = idBytes + sizeBytes;
  if (sizeBytes > 8 || bytes.length < body) return null;
  let size = first & (0xff >> sizeBytes);
  let isOpen = size === 0xff >> sizeBytes;
  for (const byte of bytes.subarray(idBytes + 1, body)) {
    isOpen &&= byte === 0xff;
    size = size * 256 + byte;
  }
  const end = isOpen ? Infinity : start + body + size;
  return { id: bytes.readUIntBE(0, idBytes), start, body: start + body, end, isOpen };
}

/** The elements of a container, which has to be there whole. */
async function readChildren(source: ByteSource, container: Element): Promise<Element[]> {
  const { body, end } = container;
  if (end > source.byteSize || end - body > MAX_CONTAINER_BYTES) throw new NotUnderstood();
  const children: Element[] = [];
  for (let place = body; place < end;) {
    const child = headOf(await source.read(place, Math.min(HEAD_BYTES, end - place)), place);
    if (!child || child.end > end || children.length >= MAX_PARTS) throw new NotUnderstood();
    children.push(child);
    place = child.end;
  }
  return children;
}

async function findInside(source: ByteSource, container: Element, keptInside: Kept): Promise<Blank[]> {
  const blanks: Blank[] = [];
  for (const child of await readChildren(source, container)) {
    const stays = keptInside.get(child.id);
    if (stays === undefined) blanks.push(free(child, source.byteSize));
    else if (stays === 'place') blanks.push({ start: child.body, end: child.end, text: '' });
  }
  return blanks;
}

/** Where the elements of the file lie: not those that become free space. */
async function findInSeekHead(source: ByteSource, seekHead: Element): Promise<Blank[]> {
  const blanks: Blank[] = [];
  for (const seek of await readChildren(source, seekHead)) {
    const ids = seek.id === SEEK ? (await readChildren(source, seek)).filter(({ id }) => id === SEEK_ID) : [];
    const names = await Promise.all(ids.map(({ body, end }) => source.read(body, end - body)));
    const isKept = names.length === 1 && names.every((name) => [INFO, TRACKS, CUES, CLUSTER].includes(numberOf(name)));
    if (!isKept) blanks.push(free(seek, source.byteSize));
  }
  return blanks;
}

async function findInTracks(source: ByteSource, tracks: Element): Promise<Blank[]> {
  const blanks = new Blanks();
  for (const track of await readChildren(source, tracks)) {
    if (track.id !== TRACK) {
      blanks.add([free(track, source.byteSize)]);
      continue;
    }
    const children = await readChildren(source, track);
    const read = async (id: number) => {
      const [found, ...others] = children.filter((child) => child.id === id);
      if (others.length > 0) throw new NotUnderstood();
      return found && source.read(found.body, found.end - found.body);
    };
    const codec = ((await read(CODEC_ID)) ?? Buffer.alloc(0)).toString('latin1').replace(/\0+$/, '');
    // Subtitles and data stand between pictures and sound, where nobody tells them apart without looking at each.
    if (!PLAYED_TYPES.has(numberOf((await read(TRACK_TYPE)) ?? Buffer.alloc(0))) || !CODECS.has(codec))
      throw new NotUnderstood();
    blanks.add(await findInside(source, track, KEPT_TRACK));
    const setup = children.find(({ id }) => id === CODEC_PRIVATE);
    if (codec === 'A_VORBIS' && setup) blanks.add(await findVorbisComment(source, setup));
  }
  return blanks.found.sort((one, other) => one.start - other.start);
}

/** Vorbis begins with three packets, the second of which are its tags; here their lengths stand before them (RFC 9559, section 6.2, Xiph lacing). */
async function findVorbisComment(source: ByteSource, { body, end }: Element): Promise<Blank[]> {
  const setup = await source.read(body, end - body);
  if (setup[0] !== 2) throw new NotUnderstood();
  let place = 1;
  const [first, second] = [0, 0].map(() => {
    let length = 0;
    for (; setup[place] === 0xff; place += 1) length += 0xff;
    return length + (setup[(place += 1) - 1] ?? 0);
  }) as [number, number];
  const start = place + first;
  if (second < MIN_VORBIS_COMMENT_BYTES || start + second > setup.length) throw new NotUnderstood();
  return blankVorbisComment(body + start, second);
}

function numberOf(bytes: Buffer): number {
  return bytes.length >= 1 && bytes.length <= 6 ? bytes.readUIntBE(0, bytes.length) : -1;
}

/** Free space, as long as the element was (RFC 8794, section 11.3.2). */
function free({ start, end: given }: Element, byteSize: number): Blank {
  const end = Math.min(given, byteSize);
  const length = given - start;
  let sizeBytes = 1;
  // A size of nothing but ones is none that is known.
  while (length - 1 - sizeBytes >= 2 ** (7 * sizeBytes) - 1) sizeBytes += 1;
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(length - 1 - sizeBytes) | (1n << BigInt(7 * sizeBytes)));
  return { start, end, text: String.fromCharCode(VOID) + size.toString('latin1', 8 - sizeBytes) };
}
