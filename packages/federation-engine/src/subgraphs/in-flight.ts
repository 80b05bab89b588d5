import { Cancellation, type CancelSignal } from '../request/cancellation.js';
import type { UpstreamAnswer } from './single-upstream.js';

/** What makes two queries the same: the viewer is a part of what is asked, and so is the service. */
export interface Query {
  /** The same object for the same service. */
  readonly service: object;
  readonly authorization: string | undefined;
  /** What else says whose answer it is. */
  readonly scope: string | undefined;
  readonly body: string;
}

export interface InFlight {
  /**
   * Starts a query, or joins an equal one that is under way and was started after `askedAfter`, if that is given. `isOwn` tells
   * whose parsed body it is: a caller that joins parses the text for itself, because bodies are changed.
   *
   * @throws what the query throws; the reason of `signal`
   */
  share(
    query: Query,
    wish: { readonly signal: CancelSignal; readonly askedAfter?: number | undefined },
    start: (signal: CancelSignal) => Promise<UpstreamAnswer>,
  ): Promise<SharedAnswer>;
  /** To be called before a mutation is sent; returns what is to be called when it has been answered. */
  mutationStarts(): () => void;
  /** To be called when something is known to have changed: nobody joins a query that was sent before. */
  changed(): void;
}

export interface SharedAnswer {
  readonly answer: UpstreamAnswer;
  readonly isOwn: boolean;
}

/**
 * Lets equal queries that are under way at the same time share one call.
 *
 * A query that was sent before a mutation was answered may not have seen it, so nobody joins it any more: a client that reads
 * after a write reads what was written.
 *
 * Where nobody shares anything, this costs a look at what is under way at the same place: nearly always nothing.
 */
export function createInFlight(): InFlight {
  let flights = new Flights();

  const forget = () => {
    if (flights.count > 0) flights = new Flights();
  };

  return {
    changed: forget,
    share(query, { signal, askedAfter = -Infinity }, start) {
      return new Promise((resolve, reject) => {
        const joined = flights.find(query);
        const isOwn = !joined || joined.startedAt <= askedAfter;
        const flight = isOwn ? new Flight(query, flights) : joined;
        const passenger = new Passenger(flight, signal, isOwn, resolve, reject);
        if (!passenger.board()) return;
        if (isOwn) flight.takeOff(start(flight));
      });
    },
    mutationStarts() {
      forget();
      return forget;
    },
  };
}

const PLACES = 512;
/** Characters that are looked at to find a place. The end of a token is of its signature, and that of a body of its variables. */
const TAIL = 6;

/**
 * Queries under way, by what tells them from each other. It is no `Map`, for which each fetch would join all of that to one long key.
 */
class Flights {
  count = 0;
  readonly #places = new Array<Flight | undefined>(PLACES).fill(undefined);

  find(query: Query): Flight | undefined {
    const { service, authorization, scope, body } = query;
    for (let flight = this.#places[placeOf(query)]; flight; flight = flight.next) {
      const other = flight.query;
      if (
        other.service === service &&
        other.body === body &&
        other.authorization === authorization &&
        other.scope === scope
      )
        return flight;
    }
    return undefined;
  }

  /** @returns the one that stands behind it now */
  add(flight: Flight): Flight | undefined {
    const place = placeOf(flight.query);
    const next = this.#places[place];
    this.#places[place] = flight;
    this.count += 1;
    return next;
  }

  remove(flight: Flight): void {
    const place = placeOf(flight.query);
    let before = this.#places[place];
    if (before === flight) this.#places[place] = flight.next;
    else {
      while (before && before.next !== flight) before = before.next;
      if (!before) return;
      before.next = flight.next;
    }
    flight.next = undefined;
    this.count -= 1;
  }
}

function placeOf({ authorization, body }: Query): number {
  const text = authorization ?? body;
  let hash = body.length;
  for (let index = Math.max(0, text.length - TAIL); index < text.length; index += 1)
    hash = (31 * hash + text.charCodeAt(index)) | 0;
  return (hash >>> 0) % PLACES;
}

/** A query under way; it is ended when nobody wants its answer any more. */
class Flight extends Cancellation {
  /** Milliseconds since the epoch. */
  readonly startedAt = Date.now();
  /** At the same place of {@link Flights}. */
  next: Flight | undefined;
  readonly #passengers: Passenger[] = [];
  #isUnderWay = true;

  constructor(
    readonly query: Query,
    readonly all: Flights,
  ) {
    super();
    this.next = all.add(this);
  }

  add(passenger: Passenger): void {
    this.#passengers.push(passenger);
  }

  takeOff(answer: Promise<UpstreamAnswer>): void {
    answer.then(
      (arrived) => {
        this.#land();
        for (const passenger of this.#passengers) passenger.arrive(arrived);
      },
      (error: unknown) => {
        this.#land();
        for (const passenger of this.#passengers) passenger.fail(error);
      },
    );
  }

  remove(passenger: Passenger, reason: unknown): void {
    const index = this.#passengers.indexOf(passenger);
    if (index >= 0) this.#passengers.splice(index, 1);
    if (this.#passengers.length === 0) {
      this.#land();
      this.abort(reason);
    }
  }

  #land(): void {
    if (!this.#isUnderWay) return;
    this.#isUnderWay = false;
    this.all.remove(this);
  }
}

/** A caller that waits for a flight. One that gives up does not wait for what others still want. */
class Passenger {
  constructor(
    readonly flight: Flight,
    readonly signal: CancelSignal,
    readonly isOwn: boolean,
    readonly resolve: (answer: SharedAnswer) => void,
    readonly reject: (reason: unknown) => void,
  ) {}

  /** Returns false for a caller that has given up already. */
  board(): boolean {
    this.flight.add(this);
    if (this.signal.aborted) {
      this.handleEvent();
      return false;
    }
    this.signal.addEventListener('abort', this, LISTEN_ONCE);
    return true;
  }

  /** The signal has aborted. */
  handleEvent(): void {
    this.flight.remove(this, this.signal.reason);
    this.reject(this.signal.reason);
  }

  arrive(answer: UpstreamAnswer): void {
    this.signal.removeEventListener('abort', this);
    this.resolve({ answer, isOwn: this.isOwn });
  }

  fail(error: unknown): void {
    this.signal.removeEventListener('abort', this);
    this.reject(error);
  }
}

const LISTEN_ONCE = { once: true };
