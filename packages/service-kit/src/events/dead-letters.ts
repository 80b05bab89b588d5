import type pg from 'pg';
import type { DeadLetter } from './event-bus.js';

const KEEP = `
  INSERT INTO dead_letters (event_id, group_name, envelope, error, attempts) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (group_name, event_id) DO UPDATE SET error = excluded.error, attempts = excluded.attempts, died_at = now()`;

/** Keeps a dead letter in the database of the service that could not handle it; `npm run events` lists and replays it. */
export async function keepDeadLetter(pool: pg.Pool, { event, group, error, attempts }: DeadLetter): Promise<void> {
  await pool.query(KEEP, [event.id, group, JSON.stringify(event), error, attempts]);
}
