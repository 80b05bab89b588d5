import type pg from 'pg';

/** Rows of one statement: it ends within its time, and others wait for it only for a moment. */
const ROWS = 5_000;

const RANGE = 'SELECT min(position) AS first, max(position) AS last FROM outbox';
const UNMARK = `
  UPDATE outbox SET published_at = NULL
  WHERE position >= $1 AND position < $1::bigint + ${ROWS} AND published_at IS NOT NULL`;

const FORGET_EVENTS = `
  DELETE FROM outbox WHERE position IN (
    SELECT position FROM outbox WHERE published_at < now() - $1::interval ORDER BY published_at LIMIT ${ROWS}
  )`;
/** An event comes again within the time that it is kept: seven days in a subscription, 31 as a dead letter. */
const FORGET_HANDLED = `
  DELETE FROM inbox WHERE (group_name, event_id) IN (
    SELECT group_name, event_id FROM inbox WHERE handled_at < now() - interval '40 days' ORDER BY handled_at LIMIT ${ROWS}
  )`;

/**
 * Marks everything that is kept as unpublished; returns how much that was. A day's events are many: it is done in parts, and
 * from the start again when it was interrupted.
 */
export async function markUnpublished(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ first: string | null; last: string | null }>(RANGE);
  const { first, last } = rows[0] ?? {};
  if (typeof first !== 'string' || typeof last !== 'string') return 0;
  let count = 0;
  for (let position = BigInt(first); position <= BigInt(last); position += BigInt(ROWS))
    count += (await client.query(UNMARK, [position.toString()])).rowCount ?? 0;
  return count;
}

/** Deletes a part of what is kept no longer. Returns whether that was all. */
export async function forgetOld(client: pg.Client, retentionMs: number): Promise<boolean> {
  const events = await client.query(FORGET_EVENTS, [`${retentionMs} milliseconds`]);
  const handled = await client.query(FORGET_HANDLED);
  return (events.rowCount ?? 0) < ROWS && (handled.rowCount ?? 0) < ROWS;
}
