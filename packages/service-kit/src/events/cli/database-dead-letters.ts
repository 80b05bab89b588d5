import { databaseSession, eventEnvelope, type EventEnvelope, type EventSource } from '@taskgraph/contracts';
import pg from 'pg';
import { OUTBOX_CHANNEL } from '../outbox.js';
import { EventsError, type DeadLetterStore, type StoredLetter } from './dead-letter-store.js';

interface DatabaseLetter extends StoredLetter {
  /** The service that could not handle it. */
  readonly keeper: EventSource;
  readonly eventId: string;
}

interface LetterRow {
  readonly event_id: string;
  readonly group_name: string;
  readonly envelope: unknown;
  readonly error: string;
  readonly attempts: number;
  readonly died_at: Date;
}

const LIST = `SELECT event_id, group_name, envelope, error, attempts, died_at FROM dead_letters ORDER BY died_at, event_id`;
const DELETE = `DELETE FROM dead_letters WHERE event_id = $1 AND group_name = $2`;
/**
 * The outbox of the producer forgets events after a time, so that the event may have to be written again: at its old place, for
 * it is no news, and comes before what has happened since.
 */
const PUBLISH_AGAIN = `
  WITH again AS (
    INSERT INTO outbox (position, id, type, subject, data, time, request_id) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (id) DO UPDATE SET published_at = NULL
    RETURNING subject, position
  )
  SELECT pg_notify('${OUTBOX_CHANNEL}', subject || ' ' || position)::text FROM again`;

const CONNECT_TIMEOUT_MS = 5_000;
const UNDEFINED_TABLE = '42P01';

/** The dead letters that services without Pub/Sub keep in their databases. @throws EventsError */
export async function openDatabaseLetters(
  urls: ReadonlyMap<EventSource, string>,
): Promise<DeadLetterStore<DatabaseLetter>> {
  const clients = new Map<EventSource, pg.Client>();
  const close = async () => {
    await Promise.all([...clients.values()].map((client) => client.end()));
  };
  try {
    for (const [source, url] of urls) clients.set(source, await connect(source, url));
  } catch (error) {
    await close();
    throw error;
  }

  async function discard({ keeper, eventId, group }: DatabaseLetter): Promise<void> {
    await clients.get(keeper)?.query(DELETE, [eventId, group]);
  }

  return {
    place: `the database${urls.size === 1 ? '' : 's'} of ${[...urls.keys()].join(', ')}`,
    async list() {
      const letters: DatabaseLetter[] = [];
      for (const [keeper, client] of clients) letters.push(...(await listOf(keeper, client)));
      return letters.sort((a, b) => a.diedAt.localeCompare(b.diedAt));
    },
    async replay(letter) {
      const { event, id } = letter;
      if (event === null) throw notAnEvent(id);
      const producer = clients.get(event.source);
      if (!producer)
        throw new EventsError(
          'DATABASE_MISSING',
          `Event ${id} is one of ${event.source}, whose database is not known.`,
          `Set ${event.source.toUpperCase()}_DATABASE_URL.`,
        );
      // First the outbox: a crash in between replays the event and leaves its dead letter, never the other way round.
      await producer.query(PUBLISH_AGAIN, toOutboxValues(event));
      await discard(letter);
    },
    discard,
    close,
  };
}

export function notAnEvent(id: string): EventsError {
  return new EventsError(
    'NOT_AN_EVENT',
    `What arrived as ${id} is no event: nobody could handle it.`,
    `Find out who has sent it, then: npm run events -- discard ${id}`,
  );
}

function toOutboxValues({ sequence, id, type, subject, data, time, requestId }: EventEnvelope): unknown[] {
  return [sequence, id, type, subject, JSON.stringify(data), time, requestId ?? null];
}

async function listOf(keeper: EventSource, client: pg.Client): Promise<DatabaseLetter[]> {
  try {
    const { rows } = await client.query<LetterRow>(LIST);
    return rows.map((row) => toLetter(keeper, row));
  } catch (error) {
    if ((error as { code?: string }).code !== UNDEFINED_TABLE) throw error;
    throw new EventsError(
      'DATABASE_NOT_MIGRATED',
      `The database of ${keeper} has no table for dead letters yet.`,
      `npm run migrate -- ${keeper} up`,
      { cause: error },
    );
  }
}

function toLetter(keeper: EventSource, row: LetterRow): DatabaseLetter {
  const envelope = eventEnvelope.safeParse(row.envelope);
  return {
    keeper,
    id: row.event_id,
    eventId: row.event_id,
    event: envelope.success ? envelope.data : null,
    group: row.group_name,
    error: row.error,
    attempts: row.attempts,
    diedAt: row.died_at.toISOString(),
  };
}

async function connect(source: EventSource, url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: databaseSession(url),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'taskgraph-events',
  });
  // A server that goes away is reported by the next statement; unheard it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    const { host } = new URL(url);
    const { code, message } = error as { code?: string; message: string };
    throw new EventsError(
      'DATABASE_UNREACHABLE',
      `The database of ${source} at ${host} does not answer (${code ?? message}).`,
      'Start it, or correct its URL.',
      { cause: error },
    );
  }
}
