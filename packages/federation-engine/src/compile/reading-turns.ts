import { Fault } from '../request/fault.js';
import { createBoundedQueue } from '../request/fair-queue.js';

/** Lets documents be read one by one, a client after the other. */
interface ReadingTurns {
  /**
   * Returns null when the client may read now, else what resolves when it may.
   *
   * @throws Fault UNAVAILABLE, later, to the last of the client that has most that wait, when too many wait
   */
  take(client: string): Promise<void> | null;
}

interface Waiting {
  readonly begin: () => void;
  readonly drop: (error: Error) => void;
}

/**
 * Reading a document (its parsing, its validation, what it may cost) takes the event loop for a millisecond or more. One is read in
 * each turn of the loop, so that a client that sends thousands of new documents at once waits for its own, and a known one is never
 * behind more than one of them.
 *
 * @param exempt the client whose documents wait for nobody and keep nobody waiting
 */
export function createReadingTurns(maxWaiting: number, exempt: string): ReadingTurns {
  const waiting = createBoundedQueue<Waiting>(maxWaiting, exempt);
  let isTaken = false;

  function next(): void {
    const first = waiting.take();
    if (first) {
      setImmediate(next);
      first.begin();
    } else isTaken = false;
  }

  return {
    take(client) {
      if (client === exempt) return null;
      if (!isTaken) {
        isTaken = true;
        setImmediate(next);
        return null;
      }
      return new Promise((begin, drop) => {
        const dropped = waiting.add(client, { begin, drop });
        dropped?.drop(
          new Fault('UNAVAILABLE', 'Too many new operations are being read. Try again shortly.', {
            reason: 'OVERLOADED',
            extensions: { retryAfter: 1 },
          }),
        );
      });
    },
  };
}
