import { NotUnderstood, readAhead, type Blank, type ByteSource } from './blanks.js';
import { findUnplayed, wordOf, type TrackTables } from './video-samples.js';

/** A box of a file (ISO/IEC 14496-12, section 4.2): `start` is that of its head, `body` that of what it holds. */
interface Box {
  readonly type: string;
  readonly start: number;
  readonly body: number;
  readonly end: number;
  /** It says that it ends where there is nothing any more. */
  readonly isCut: boolean;
}

/** What of a box stays: all of it, or all but what names times, devices and places, or of a container these boxes. What is not named becomes free space. */
type Kept = 'whole' | 'times' | 'handler' | 'references' | 'descriptions' | { readonly [type: string]: Kept };

const kept = (...types: readonly string[]): Record<string, Kept> =>
  Object.fromEntries(types.map((type) => [type, 'whole']));

const SAMPLES = {
  stsd: 'descriptions',
  ...kept(
    'stts',
    'ctts',
    'cslg',
    'stsc',
    'stsz',
    'stz2',
    'stco',
    'co64',
    'stss',
    'stps',
    'sdtp',
    'stsh',
    'padb',
    'stdp',
    'sbgp',
    'sgpd',
    'subs',
    'saiz',
    'saio',
  ),
} as const;
const INDEX: Kept = {
  mvhd: 'times',
  mvex: kept('mehd', 'trex', 'leva'),
  trak: {
    tkhd: 'times',
    edts: kept('elst'),
    tapt: kept('clef', 'prof', 'enof'),
    mdia: {
      mdhd: 'times',
      hdlr: 'handler',
      minf: { ...kept('vmhd', 'smhd'), hdlr: 'handler', dinf: { dref: 'references' }, stbl: SAMPLES },
    },
  },
};
const FRAGMENT: Kept = {
  ...kept('mfhd'),
  traf: kept('tfhd', 'tfdt', 'trun', 'sbgp', 'sgpd', 'subs', 'saiz', 'saio', 'senc', 'sdtp'),
};
const FILE: Kept = kept('ftyp', 'styp', 'pdin', 'sidx', 'ssix');
/** The most that boxes of a fixed form take: what is longer holds something else as well (sections 8.2.2, 8.3.2, 8.4.2 and 12). */
const LONGEST: Readonly<Record<string, number>> = { mvhd: 120, tkhd: 104, mdhd: 44, vmhd: 20, smhd: 16 };

/** The longest head: size, type, and a size of 64 bits. */
const HEAD_BYTES = 16;
/** The index of a film of ten hours has some ten megabytes. */
const MAX_INDEX_BYTES = 32 * 1024 ** 2;
const MAX_FRAGMENT_BYTES = 2 * 1024 ** 2;
const MAX_BOXES = 200_000;

/**
 * Finds what a film or a sound in ISO's media format (MP4, QuickTime, M4A) holds beside pictures and sound: tags, places, devices, XMP, the times at
 * which it was made, tracks of positions and text, what cameras put between samples, and what nobody knows. Blanks keep the length of everything, so
 * that indexes go on being right.
 *
 * @throws NotUnderstood of what is no such file, has no picture and no sound, or more of something than films have
 */
export async function findVideoMetadata(given: ByteSource): Promise<Blank[]> {
  const source = readAhead(given);
  const found: Found = { blanks: [], boxes: 0 };
  const { blanks } = found;
  const data: Array<{ start: number; end: number }> = [];
  let tracks: TrackTables[] | null = null;
  let hasFragments = false;
  for (let start = 0; start < source.byteSize;) {
    const box = readBox(await source.read(start, HEAD_BYTES), start, source.byteSize);
    countBox(found);
    if (!box) {
      // Cameras append what is no box.
      blanks.push({ start, end: source.byteSize, text: '' });
      break;
    }
    const { type, body, end } = box;
    if (type === 'mdat') data.push({ start: body, end });
    else if (type === 'moov' && !tracks) {
      const index = await readWhole(source, box, { maxBytes: MAX_INDEX_BYTES, found });
      findInside(index, box, INDEX, found);
      tracks = index.children(box, 'trak').map((track) => readTrack(index, track));
    } else if (type === 'moof' && !box.isCut) {
      hasFragments = true;
      findInside(await readWhole(source, box, { maxBytes: MAX_FRAGMENT_BYTES, found }), box, FRAGMENT, found);
    } else if (keptOf(FILE, type) !== 'whole') blanks.push(...free(box));
    start = end;
  }
  if (!tracks?.some(({ isPlayed }) => isPlayed)) throw new NotUnderstood();
  // Of fragments, it is not looked up which of their data are whose.
  if (hasFragments && !tracks.every(({ isPlayed }) => isPlayed)) throw new NotUnderstood();
  if (!hasFragments) for (const blank of findUnplayed(data, tracks)) blanks.push(blank);
  return blanks.sort((one, other) => one.start - other.start);
}

interface Found {
  readonly blanks: Blank[];
  /** Looked at so far. */
  boxes: number;
}

function countBox(found: Found): void {
  found.boxes += 1;
  if (found.boxes > MAX_BOXES) throw new NotUnderstood();
}

/** A part of a file that is in memory, asked by places in the file. */
class Part {
  constructor(
    private readonly bytes: Buffer,
    private readonly at: number,
    private readonly found: Found,
  ) {}

  word(place: number): number {
    return wordOf(this.bytes, place - this.at);
  }

  text(start: number, end: number): string {
    return this.bytes.toString('latin1', start - this.at, end - this.at);
  }

  /** What a box holds behind version and flags. */
  fullBody({ body, end }: Pick<Box, 'body' | 'end'>): Buffer {
    return this.bytes.subarray(Math.min(body + 4, end) - this.at, end - this.at);
  }

  boxAt(place: number, end: number): Box | null {
    countBox(this.found);
    const box = readBox(this.bytes.subarray(place - this.at, place - this.at + HEAD_BYTES), place, end);
    return box?.isCut ? null : box;
  }

  /** @throws NotUnderstood where one is damaged */
  wholeChildren(parent: Pick<Box, 'body' | 'end'>): Box[] {
    const found = this.children(parent);
    if ((found.at(-1)?.end ?? parent.body) < parent.end) throw new NotUnderstood();
    return found;
  }

  /** None behind one that is damaged. */
  children({ body, end }: Pick<Box, 'body' | 'end'>, type?: string): Box[] {
    const found: Box[] = [];
    for (let place = body; place < end;) {
      const box = this.boxAt(place, end);
      if (!box) break;
      if (type === undefined || box.type === type) found.push(box);
      place = box.end;
    }
    return found;
  }

  find(parent: Pick<Box, 'body' | 'end'> | undefined, ...path: readonly string[]): Box | undefined {
    const [type, ...rest] = path;
    if (!parent || type === undefined) return undefined;
    const [box] = this.children(parent, type);
    return rest.length === 0 ? box : this.find(box, ...rest);
  }
}

async function readWhole(
  source: ByteSource,
  { body, end, isCut }: Box,
  { maxBytes, found }: { readonly maxBytes: number; readonly found: Found },
): Promise<Part> {
  if (isCut || end - body > maxBytes) throw new NotUnderstood();
  return new Part(await source.read(body, end - body), body, found);
}

function readBox(head: Buffer, start: number, limit: number): Box | null {
  if (head.length < 8 || limit - start < 8) return null;
  const type = head.toString('latin1', 4, 8);
  const short = head.readUInt32BE(0);
  if (short === 1 && head.length < HEAD_BYTES) return null;
  // A size of 0 is all that is left.
  const size = short === 1 ? Number(head.readBigUInt64BE(8)) : short === 0 ? limit - start : short;
  const headBytes = short === 1 ? HEAD_BYTES : 8;
  if (size < headBytes) return null;
  const end = Math.min(limit, start + size);
  return { type, start, body: Math.min(start + headBytes, end), end, isCut: start + size > limit };
}

const keptOf = (from: Kept, type: string): Kept | undefined =>
  typeof from === 'object' && Object.hasOwn(from, type) ? from[type] : undefined;

/** The box stays where it is, and holds nothing (section 8.1.2). */
function free({ start, body, end }: Box): Blank[] {
  return [
    { start: start + 4, end: start + 8, text: 'free' },
    { start: body, end, text: '' },
  ];
}

function findInside(
  part: Part,
  parent: Pick<Box, 'body' | 'end'>,
  from: Kept,
  found: Found,
  kind: string | null = null,
): void {
  let place = parent.body;
  while (place < parent.end) {
    const box = part.boxAt(place, parent.end);
    if (!box) {
      found.blanks.push({ start: place, end: parent.end, text: '' });
      return;
    }
    const handler = box.type === 'trak' ? handlerOf(part, box) : kind;
    const what = box.type === 'trak' && !isPlayed(handler) ? undefined : keptOf(from, box.type);
    if (box.end - box.start > (LONGEST[box.type] ?? Infinity)) throw new NotUnderstood();
    if (what === undefined) found.blanks.push(...free(box));
    else if (typeof what === 'object') findInside(part, box, what, found, handler);
    else for (const blank of findIn(part, box, what, handler)) found.blanks.push(blank);
    place = box.end;
  }
}

/** What of a box that stays tells of times and devices. */
function findIn(part: Part, { body, end }: Box, what: Exclude<Kept, object>, kind: string | null): Blank[] {
  const blank = (start: number, length = Infinity): Blank[] =>
    start < end ? [{ start, end: Math.min(end, start + length), text: '' }] : [];
  switch (what) {
    case 'whole':
      return [];
    // When it was made and changed, behind version and flags (sections 8.2.2, 8.3.2 and 8.4.2).
    case 'times':
      return blank(body + 4, part.word(body) >>> 24 === 1 ? 16 : 8);
    // Behind what it is of: whose it is, in words (section 8.4.3).
    case 'handler':
      return blank(body + 12);
    // Where QuickTime has found the data, a path of somebody's disk at times: behind version and flags of each (section 8.7.2).
    case 'references':
      return part
        .wholeChildren({ body: Math.min(body + 8, end), end })
        .flatMap((entry) => blank(entry.body + 4, entry.end - entry.body - 4));
    // The name of what has packed the pictures (section 12.1.3).
    case 'descriptions':
      if (kind !== 'vide') return [];
      return part.wholeChildren({ body: Math.min(body + 8, end), end }).flatMap((entry) => {
        const start = entry.body + 42;
        if (start + 32 > entry.end) throw new NotUnderstood();
        return blank(start, 32);
      });
  }
}

/** What a track is of. */
function handlerOf(part: Part, track: Box): string | null {
  const box = part.find(track, 'mdia', 'hdlr');
  return box ? part.text(box.body + 8, box.body + 12) : null;
}

/** Positions are recorded in tracks of metadata, and as subtitles. */
function isPlayed(handler: string | null): boolean {
  return handler === 'vide' || handler === 'soun';
}

function readTrack(part: Part, track: Box): TrackTables {
  const table = part.find(track, 'mdia', 'minf', 'stbl');
  const bodyOf = (type: string) => {
    const box = part.find(table, type);
    return box ? part.fullBody(box) : null;
  };
  const handler = handlerOf(part, track);
  const sizes = bodyOf('stsz');
  const offsets = bodyOf('stco');
  const isSound = handler === 'soun' && sizes !== null && wordOf(sizes, 0) > 0;
  return {
    isPlayed: isPlayed(handler),
    sizes,
    runs: bodyOf('stsc') ?? Buffer.alloc(0),
    offsets: offsets ?? bodyOf('co64') ?? Buffer.alloc(0),
    offsetBytes: offsets ? 4 : 8,
    bytesPerSample: isSound ? bytesPerSampleOf(part, part.find(table, 'stsd')) : null,
  };
}

/** Of sound that is not packed (QuickTime File Format, sound sample descriptions of version 0, 1 and 2). */
function bytesPerSampleOf(part: Part, descriptions: Box | undefined): number {
  const entry = descriptions && part.children({ body: descriptions.body + 8, end: descriptions.end })[0];
  if (!entry || entry.end - entry.start < 36) return 1;
  const at = (offset: number) => (entry.start + offset + 4 <= entry.end ? part.word(entry.start + offset) : 0);
  const version = at(16) >>> 16;
  if (version === 1 && at(36) > 0 && at(44) > 0) return at(44) / at(36);
  const [channels, bits] = version === 2 ? [at(48), at(56)] : [at(24) >>> 16, at(24) & 0xffff];
  return channels * Math.ceil(bits / 8);
}
