import { pino, type DestinationStream } from 'pino';

/** How long a line may wait for others, milliseconds. */
const HOLD_MS = 20;
/** Bytes that wait, at most. */
const MAX_HELD = 8_192;

/** Of which a write is begun, bytes. */
const MIN_LENGTH = 1;

/** What pino opens, with a member that its types leave out. */
type Output = ReturnType<typeof pino.destination> & { minLength?: number };

/** Where a log writes, a moment later than it is told. */
export interface HeldLines extends DestinationStream {
  /** Writes what is held now. */
  readonly release: () => void;
  /** Tells when all that came before is written. */
  flush(done: (error?: Error | null) => void): void;
  /** Writes all that came before, and returns when that is done. */
  flushSync(): void;
}

/** Those whose lines are written when the process ends. */
const atExit = new Set<HeldLines>();
/** No timer comes any more. */
let isExiting = false;

/**
 * Opens standard output for lines that are written beside the event loop, those of 20 ms at once: each write wakes a thread, which costs
 * a busy process more than to make its line. A process that ends writes what is held; one that is killed (SIGKILL) loses these 20 ms.
 * `process.exit` waits for no thread before it writes what is held, only afterwards: a write that was begun may come behind it.
 *
 * @param maxWrite bytes of one write, at most, where several processes write to one pipe
 */
export function holdLines(maxWrite: number | undefined): HeldLines {
  // With a minimal length, `flush` tells when lines are written.
  const output: Output = pino.destination({ dest: 1, minLength: MIN_LENGTH, sync: false, maxWrite });
  const maxHeld = Math.min(MAX_HELD, maxWrite ?? MAX_HELD);
  let held = '';
  let bytes = 0;
  let timer: NodeJS.Timeout | null = null;

  function release(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (held === '') return;
    const all = held;
    held = '';
    bytes = 0;
    output.write(all);
  }

  const lines: HeldLines = {
    release,
    write(line) {
      const more = Buffer.byteLength(line);
      // What is written at once stays below the bound, but for a line that is longer by itself.
      if (bytes + more > maxHeld) release();
      held += line;
      bytes += more;
      if (isExiting) lines.flushSync();
      else timer ??= setTimeout(release, HOLD_MS);
    },
    flush(done) {
      release();
      output.flush(done);
    },
    flushSync() {
      // A write that is begun beside the event loop now would not be waited for: the process may end before it.
      output.minLength = Infinity;
      try {
        release();
        output.flushSync();
      } finally {
        output.minLength = MIN_LENGTH;
      }
    },
  };
  // Before the output's own end, which writes what it has been given.
  if (atExit.size === 0) process.prependListener('exit', releaseAll);
  atExit.add(lines);
  return lines;
}

function releaseAll(): void {
  isExiting = true;
  for (const lines of atExit) lines.flushSync();
}
