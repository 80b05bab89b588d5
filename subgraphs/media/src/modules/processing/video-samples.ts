import { NotUnderstood, type Blank } from './blanks.js';

/** Where the samples of a track are said to lie (ISO/IEC 14496-12, sections 8.7.2 to 8.7.5): boxes behind version and flags. */
export interface TrackTables {
  /** Whether somebody sees or hears it. */
  readonly isPlayed: boolean;
  /** `stsz`: the size of all, how many there are, the size of each. Null where they are written in another way. */
  readonly sizes: Buffer | null;
  /** `stsc`: how many there are in chunks from one on. */
  readonly runs: Buffer;
  /** `stco` or `co64`. */
  readonly offsets: Buffer;
  readonly offsetBytes: 4 | 8;
  /** Of sound that is not packed, whose size of all means little in QuickTime; null for all else. */
  readonly bytesPerSample: number | null;
}

/** The bytes that hold a film's data. */
export interface DataRange {
  readonly start: number;
  readonly end: number;
}

/** Of a film of five hours whose pictures and sound take turns with each frame. */
const MAX_CHUNKS = 2 ** 21;
/** Of a day in which a camera writes its position each second. */
const MAX_GAPS = 2 ** 18;

/**
 * Finds what of a film's data no picture and no sound lies in: tracks of positions and text, and what cameras write between samples.
 *
 * @throws NotUnderstood when there is more of it than in any film
 */
export function findUnplayed(data: readonly DataRange[], tracks: readonly TrackTables[]): Blank[] {
  const blanks: Blank[] = [];
  const played = findPlayed(tracks);
  let next = played.next();
  for (const { start, end } of data) {
    let position = start;
    while (!next.done && next.value.start < end) {
      const { start: from, end: to } = next.value;
      if (from > position) blanks.push({ start: position, end: from, text: '' });
      if (blanks.length > MAX_GAPS) throw new NotUnderstood();
      position = Math.max(position, to);
      // What reaches beyond may be in the data behind.
      if (to > end) break;
      next = played.next();
    }
    if (position < end) blanks.push({ start: position, end, text: '' });
  }
  return blanks;
}

/** What is played, in order, each byte once. */
function* findPlayed(tracks: readonly TrackTables[]): Generator<DataRange> {
  const counts = tracks.map(countChunks);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total > MAX_CHUNKS) throw new NotUnderstood();
  const all = new Float64Array(total);
  let [position, playedCount] = [0, 0];
  for (const [number, track] of tracks.entries()) {
    const count = counts[number] ?? 0;
    if (track.isPlayed) playedCount += count;
    for (let chunk = 0; chunk < count; chunk += 1) all[position++] = offsetOf(track, chunk);
  }
  all.sort();
  const starts = new Float64Array(playedCount);
  const ends = new Float64Array(playedCount);
  position = 0;
  for (const track of tracks) {
    if (!track.isPlayed) continue;
    for (const [start, lengths] of chunksOf(track)) {
      starts[position] = start;
      ends[position++] = start + lengthOf(lengths, startBehind(all, start) - start);
    }
  }
  // Where as many chunks have ended as begun, nothing is played: which end is whose does not matter.
  starts.sort();
  ends.sort();
  let [begun, ended, from] = [0, 0, 0];
  while (ended < playedCount) {
    const [start = Infinity, end = 0] = [starts[begun], ends[ended]];
    if (begun < playedCount && start <= end) {
      if (begun === ended) from = start;
      begun += 1;
    } else {
      ended += 1;
      if (begun === ended && end > from) yield { start: from, end };
    }
  }
}

function countChunks({ offsets, offsetBytes }: TrackTables): number {
  return Math.min(wordOf(offsets, 0), Math.max(0, Math.floor((offsets.length - 4) / offsetBytes)));
}

function offsetOf({ offsets, offsetBytes }: TrackTables, chunk: number): number {
  const at = 4 + offsetBytes * chunk;
  return offsetBytes === 4 ? offsets.readUInt32BE(at) : Number(offsets.readBigUInt64BE(at));
}

/**
 * How much of a chunk is played, which ends where the next one begins at the latest.
 *
 * @throws NotUnderstood where its samples would reach into the next: the sizes that are told are those of something else
 */
function lengthOf(lengths: readonly number[], room: number): number {
  if (lengths.length === 1 && (lengths[0] ?? 0) > room) throw new NotUnderstood();
  const fitting = lengths.filter((length) => length <= room);
  return fitting.length > 0 ? Math.max(...fitting) : room;
}

/**
 * Where each chunk begins and how long it is; two lengths where it is not known which of them is meant.
 *
 * @throws NotUnderstood where sizes are not told, or in another way (`stz2`)
 */
function* chunksOf(track: TrackTables): Generator<[start: number, lengths: readonly number[]]> {
  const { sizes, runs, bytesPerSample } = track;
  const count = countChunks(track);
  if (count === 0) return;
  if (!sizes) throw new NotUnderstood();
  const common = wordOf(sizes, 0);
  const samples = Math.min(wordOf(sizes, 4), common > 0 ? Infinity : Math.floor((sizes.length - 8) / 4));
  const runCount = Math.min(wordOf(runs, 0), Math.floor((runs.length - 4) / 12));
  let [run, sample] = [0, 0];
  for (let chunk = 0; chunk < count; chunk += 1) {
    // The first of a run is told from 1.
    while (run + 1 < runCount && wordOf(runs, 4 + 12 * (run + 1)) <= chunk + 1) run += 1;
    const wanted = wordOf(runs, 8 + 12 * run);
    const next = Math.min(samples, sample + wanted);
    let length = common * (next - sample);
    if (common === 0) for (let number = sample; number < next; number += 1) length += wordOf(sizes, 8 + 4 * number);
    const lengths = bytesPerSample === null ? [length] : [length, Math.ceil((next - sample) * bytesPerSample)];
    sample = next;
    yield [offsetOf(track, chunk), lengths];
  }
}

/** Of offsets in order, the first that is larger. */
function startBehind(all: Float64Array, start: number): number {
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((all[middle] ?? Infinity) <= start) low = middle + 1;
    else high = middle;
  }
  return all[low] ?? Infinity;
}

/** Nothing behind the end. */
export function wordOf(bytes: Buffer, at: number): number {
  return at >= 0 && at + 4 <= bytes.length ? bytes.readUInt32BE(at) : 0;
}
