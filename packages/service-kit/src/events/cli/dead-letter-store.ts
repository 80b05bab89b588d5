import type { EventEnvelope } from '@taskgraph/contracts';

/** A dead letter wherever it is kept. */
export interface StoredLetter {
  /** Of its event, or of the message when that is no event. */
  readonly id: string;
  /** Null when what arrived is no event. */
  readonly event: EventEnvelope | null;
  readonly group: string;
  readonly error: string;
  readonly attempts: number;
  /** ISO 8601. */
  readonly diedAt: string;
}

export interface DeadLetterStore<Letter extends StoredLetter = StoredLetter> {
  /** In words, such as "the databases of auth, task and media". */
  readonly place: string;
  /** The oldest first. */
  list(): Promise<Letter[]>;
  /** Publishes the event of a listed letter again, and then takes the letter away. @throws EventsError */
  replay(letter: Letter): Promise<void>;
  discard(letter: Letter): Promise<void>;
  close(): Promise<void>;
}

type EventsErrorCode =
  | 'DATABASE_MISSING'
  | 'DATABASE_NOT_MIGRATED'
  | 'DATABASE_UNREACHABLE'
  | 'NO_SUCH_DEAD_LETTER'
  | 'NOT_AN_EVENT'
  | 'NOT_CONFIGURED'
  | 'NOT_CONFIRMED'
  | 'PUBSUB_REFUSED'
  | 'PUBSUB_UNREACHABLE'
  | 'TOPOLOGY_CONFLICT'
  | 'TOPOLOGY_MISSING';

/** Says what keeps a command from being done, and what to do about it, in words for the person at the terminal. */
export class EventsError extends Error {
  readonly code: EventsErrorCode;
  readonly advice: string | undefined;

  constructor(code: EventsErrorCode, message: string, advice?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'EventsError';
    this.code = code;
    this.advice = advice;
  }
}
