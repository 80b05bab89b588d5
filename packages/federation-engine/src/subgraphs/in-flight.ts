import type { UpstreamAnswer } from './upstream.js';

export interface InFlight {
  /**
   * Starts a query, or joins an equal one that is under way and was started after `askedAfter`, if that is given. `isOwn` tells
   * whose parsed body it is: who joins parses the text for himself, because bodies are changed.
   *
   * @throws what the query throws; the reason of `signal`
   */
  share(
    key: string,
    wish: { readonly signal: AbortSignal; readonly askedAfter?: number | undefined },
    start: (signal: AbortSignal) => Promise<UpstreamAnswer>,
  ): Promise<{ readonly answer: UpstreamAnswer; readonly isOwn: boolean }>;
  /** To be called before a mutation is sent; returns what is to be called when it has been answered. */
  mutationStarts(): () => void;
  /** To be called when something is known to have changed: nobody joins a query that was sent before. */
  changed(): void;
}

interface Flight {
  readonly answer: Promise<UpstreamAnswer>;
  readonly cancel: AbortController;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  passengers: number;
}

const LISTEN_ONCE = { once: true };

/**
 * Lets equal queries that are under way at the same time share one call.
 *
 * A query that was sent before a mutation was answered may not have seen it, so nobody joins it any more: who reads after
 * a write reads what was written.
 */
export function createInFlight(): InFlight {
  let flights = new Map<string, Flight>();

  function take(key: string, start: (signal: AbortSignal) => Promise<UpstreamAnswer>): Flight {
    const cancel = new AbortController();
    const flight: Flight = { answer: start(cancel.signal), cancel, startedAt: Date.now(), passengers: 0 };
    const all = flights;
    all.set(key, flight);
    const land = () => {
      if (all.get(key) === flight) all.delete(key);
    };
    flight.answer.then(land, land);
    return flight;
  }

  const forget = () => {
    if (flights.size > 0) flights = new Map();
  };

  return {
    changed: forget,
    share(key, { signal, askedAfter = -Infinity }, start) {
      const joined = flights.get(key);
      const mayJoin = joined && !joined.cancel.signal.aborted && joined.startedAt > askedAfter;
      const flight = mayJoin ? joined : take(key, start);
      const isOwn = flight !== joined;
      flight.passengers += 1;
      // Who gives up does not wait for what others still want. This is done for every fetch: one listener, one promise.
      return new Promise((resolve, reject) => {
        const leave = () => {
          flight.passengers -= 1;
          if (flight.passengers === 0) flight.cancel.abort(signal.reason);
          reject(signal.reason as Error);
        };
        if (signal.aborted) {
          leave();
          return;
        }
        signal.addEventListener('abort', leave, LISTEN_ONCE);
        flight.answer.then(
          (answer) => {
            signal.removeEventListener('abort', leave);
            resolve({ answer, isOwn });
          },
          (error: unknown) => {
            signal.removeEventListener('abort', leave);
            reject(error);
          },
        );
      });
    },
    mutationStarts() {
      forget();
      return forget;
    },
  };
}
