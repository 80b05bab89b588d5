import {
  EVENTS,
  uuid7,
  type DomainEvent,
  type EventData,
  type EventEnvelope,
  type EventSource,
  type EventType,
} from '@taskgraph/contracts';
import type pg from 'pg';
import { activeSpan } from '../tracing/span.js';
import type { Tx } from '../transaction.js';

/** The part of a Prisma client that runs SQL as it is. */
export interface RawSqlClient {
  $executeRawUnsafe(sql: string, ...values: unknown[]): Promise<number>;
  $queryRawUnsafe<Rows>(sql: string, ...values: unknown[]): Promise<Rows>;
}

/** What a service says has happened. */
export type NewEvent = {
  [Type in EventType]: {
    readonly type: Type;
    readonly subject: string;
    readonly data: EventData<Type>;
  };
}[EventType];

/** The channel on which the relay tells that something was committed: `<subject> <position>`. */
export const OUTBOX_CHANNEL = 'outbox';

/** PostgreSQL keeps advisory locks of one and of two keys apart; these are of two. */
const SUBJECT_LOCKS = 7_021;

/**
 * Writes events to the outbox, in the transaction that makes them true: they are published if, and only if, it commits.
 *
 * Writers of one subject wait for each other, so that positions of a subject grow in the order of commits. The notification
 * goes out with the commit.
 */
const APPEND = `
  WITH events AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($1::jsonb)
      AS e(ordinal int, id uuid, type text, subject text, data jsonb, time timestamptz, "requestId" text, traceparent text)
  ), locks AS MATERIALIZED (
    SELECT pg_advisory_xact_lock(${SUBJECT_LOCKS}, hashtext(subject)) FROM (SELECT DISTINCT subject FROM events ORDER BY subject) AS s
  ), guard AS MATERIALIZED (
    SELECT count(*) AS locked FROM locks
  ), appended AS (
    INSERT INTO outbox (id, type, subject, data, time, request_id, traceparent)
    SELECT id, type, subject, data, time, "requestId", traceparent FROM guard, events WHERE guard.locked > 0 ORDER BY ordinal
    RETURNING subject, position
  )
  SELECT pg_notify('${OUTBOX_CHANNEL}', subject || ' ' || max(position))::text FROM appended GROUP BY subject`;

export async function appendEvents<Client extends RawSqlClient>(
  tx: Tx<Client>,
  events: readonly NewEvent[],
  { requestId, now = Date.now }: { readonly requestId?: string | undefined; readonly now?: () => number } = {},
): Promise<void> {
  if (events.length === 0) return;
  const traceparent = activeSpan()?.traceparent;
  const rows = events.map(({ type, subject, data }, ordinal) => ({
    ordinal,
    id: uuid7(now()),
    type,
    subject,
    // What would not be understood must not be written.
    data: EVENTS[type].data.parse(data),
    time: new Date(now()).toISOString(),
    requestId,
    traceparent,
  }));
  await tx.$executeRawUnsafe(APPEND, JSON.stringify(rows));
}

export interface OutboxRow {
  readonly position: bigint;
  readonly event: EventEnvelope;
}

interface RawRow {
  readonly position: string;
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly data: unknown;
  readonly time: Date;
  readonly requestId: string | null;
  readonly traceparent: string | null;
}

export const OUTBOX_COLUMNS = `position, id, type, subject, data, time, request_id AS "requestId", traceparent`;

export function toOutboxRow(source: EventSource, row: unknown): OutboxRow {
  const { position, id, type, subject, data, time, requestId, traceparent } = row as RawRow;
  return {
    position: BigInt(position),
    event: {
      id,
      type,
      source,
      subject,
      sequence: position,
      time: time.toISOString(),
      ...(requestId !== null && { requestId }),
      ...(traceparent !== null && { traceparent }),
      data,
    },
  };
}

/** What has happened to a subject, for the subscriptions that follow it. */
export interface OutboxReader {
  /** Null when the event is not, or no longer, there or is about something else. */
  positionOf(eventId: string, subject: string): Promise<bigint | null>;
  /** 0 when nothing has happened yet. */
  newestPosition(subject: string): Promise<bigint>;
  /** In order. */
  readAfter(subject: string, position: bigint, limit: number): Promise<OutboxRow[]>;
}

export function createOutboxReader(pool: pg.Pool, source: EventSource): OutboxReader {
  return {
    async positionOf(eventId, subject) {
      const { rows } = await pool.query<{ position: string }>(
        'SELECT position FROM outbox WHERE id = $1 AND subject = $2',
        [eventId, subject],
      );
      return rows[0] ? BigInt(rows[0].position) : null;
    },
    async newestPosition(subject) {
      const { rows } = await pool.query<{ position: string | null }>(
        'SELECT max(position) AS position FROM outbox WHERE subject = $1',
        [subject],
      );
      return BigInt(rows[0]?.position ?? 0);
    },
    async readAfter(subject, position, limit) {
      const { rows } = await pool.query<RawRow>(
        `SELECT ${OUTBOX_COLUMNS} FROM outbox WHERE subject = $1 AND position > $2 ORDER BY position LIMIT $3`,
        [subject, position.toString(), limit],
      );
      return rows.map((row) => toOutboxRow(source, row));
    },
  };
}

/** Narrows an event to its type. @throws ZodError when its data are not what the type says */
export function parseEventData<Type extends EventType>(event: EventEnvelope, type: Type): DomainEvent<Type> {
  return { ...event, type, data: EVENTS[type].data.parse(event.data) as EventData<Type> };
}
