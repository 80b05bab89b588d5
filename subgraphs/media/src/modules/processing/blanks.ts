/** Reads parts of a file that lies anywhere. */
export interface ByteSource {
  readonly byteSize: number;
  /** From `start`, as many as there are of `length`. */
  read(start: number, length: number): Promise<Buffer>;
}

/** Bytes from `start` to `end`, which is not included, that are to be written as `text` and zeros: everything stays where it was. */
export interface Blank {
  readonly start: number;
  readonly end: number;
  /** What the first bytes become, in Latin-1: the name of something that players pass over. */
  readonly text: string;
}

/** Of a file that is no such file, or one that would take too much: there is nothing of it for others. */
export class NotUnderstood extends Error {
  override readonly name = 'NotUnderstood';
}

/** The same bytes, but for those that are blanked. Blanks are in the order of their starts, and do not overlap. */
export async function* withBlanks(
  source: AsyncIterable<Uint8Array>,
  blanks: readonly Blank[],
): AsyncGenerator<Uint8Array> {
  let position = 0;
  let first = 0;
  for await (const chunk of source) {
    const end = position + chunk.length;
    let bytes: Uint8Array | null = null;
    while ((blanks[first]?.end ?? Infinity) <= position) first += 1;
    for (let number = first; (blanks[number]?.start ?? Infinity) < end; number += 1) {
      const blank = blanks[number] as Blank;
      bytes ??= new Uint8Array(chunk);
      const [from, to] = [Math.max(blank.start, position), Math.min(blank.end, end)];
      bytes.fill(0, from - position, to - position);
      for (let byte = from; byte < Math.min(to, blank.start + blank.text.length); byte += 1)
        bytes[byte - position] = blank.text.charCodeAt(byte - blank.start);
    }
    yield bytes ?? chunk;
    position = end;
  }
}

const READ_AHEAD_BYTES = 64 * 1024;
/** Each may be a request to the place of files. A film of hours in fragments of seconds has some thousand of them. */
const MAX_READS = 20_000;

/**
 * Reads ahead, so that what lies close together is read once.
 *
 * @throws NotUnderstood when it is asked too often
 */
export function readAhead(source: ByteSource): ByteSource {
  let ahead: Buffer = Buffer.alloc(0);
  let [at, reads] = [0, 0];
  return {
    byteSize: source.byteSize,
    async read(start, length) {
      const wanted = Math.max(0, Math.min(length, source.byteSize - start));
      if (start < at || start + wanted > at + ahead.length) {
        if ((reads += 1) > MAX_READS) throw new NotUnderstood();
        ahead = await source.read(start, Math.max(wanted, READ_AHEAD_BYTES));
        at = start;
      }
      return ahead.subarray(start - at, start - at + wanted);
    },
  };
}
