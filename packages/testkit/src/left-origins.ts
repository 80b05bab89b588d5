import { randomUUID } from 'node:crypto';
import type pg from 'pg';

const ORIGIN = { ipAddress: '192.0.2.77', userAgent: 'a browser' };

/**
 * Leaves events of each of these people, with where they were, in a service: two in the outbox, one of which was published, and one among
 * the dead letters.
 *
 * @returns tells what is left of that of each of them, wherever it is
 */
export async function leaveOrigins(
  pool: pg.Pool,
  type: string,
  userIds: readonly string[],
  { outbox = true } = {},
): Promise<() => Promise<Array<[string, string[]]>>> {
  const person = type.includes('privileged') ? 'actorId' : 'userId';
  for (const userId of userIds) {
    const data = { [person]: userId, ...ORIGIN };
    for (const publishedAt of outbox ? [null, new Date()] : [])
      await pool.query(
        'INSERT INTO outbox (id, type, subject, data, time, published_at) VALUES ($1, $2, $3, $4, now(), $5)',
        [randomUUID(), type, userId, JSON.stringify(data), publishedAt],
      );
    await pool.query(
      "INSERT INTO dead_letters (group_name, event_id, envelope, error, attempts) VALUES ('any', $1, $2, 'broken', 5)",
      [randomUUID(), JSON.stringify({ type, subject: userId, data })],
    );
  }
  const find = async (userId: string) => {
    const { rows } = await pool.query<{ text: string }>(
      `SELECT data::text AS text FROM outbox WHERE data ->> $1 = $2
        UNION ALL SELECT envelope::text FROM dead_letters WHERE envelope -> 'data' ->> $1 = $2`,
      [person, userId],
    );
    const text = rows.map((row) => row.text).join();
    return Object.entries(ORIGIN).flatMap(([name, value]) => (text.includes(value) ? [name] : []));
  };
  return () => Promise.all(userIds.map(async (userId): Promise<[string, string[]]> => [userId, await find(userId)]));
}
