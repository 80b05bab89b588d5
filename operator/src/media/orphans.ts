import { withClient } from '@taskgraph/databases';
import { deleteOrphans, listOrphanedItems, ORPHANS_AT_ONCE, type OrphanedItem } from '@taskgraph/media/orphans';
import { days, type RawSqlClient, type Tx } from '@taskgraph/service-kit';
import type pg from 'pg';
import type { OperatorConfig } from '../config.js';
import { findDatabase } from '../places.js';
import { rawSql } from '../raw-sql.js';

export interface Orphans {
  /** The oldest of them. */
  readonly first: readonly OrphanedItem[];
  /** Whether there are no more. */
  readonly areAll: boolean;
  /** @returns how many were deleted */
  deleteAll(): Promise<number>;
}

/** Finds media that have been attached to no task for so many days. */
export async function openOrphans(config: OperatorConfig, count: number): Promise<Orphans> {
  const url = await findDatabase(config, 'media');
  const ageMs = days(count);
  const first = await withClient(url, (client) => listOrphanedItems(rawSql(client), ageMs));
  return {
    first,
    areAll: first.length < ORPHANS_AT_ONCE,
    deleteAll: () =>
      withClient(url, async (client) => {
        for (let deleted = 0; ;) {
          const { length } = await inOneTransaction(client, (tx) => deleteOrphans(tx, ageMs));
          deleted += length;
          if (length < ORPHANS_AT_ONCE) return deleted;
        }
      }),
  };
}

async function inOneTransaction<Result>(
  client: pg.Client,
  work: (tx: Tx<RawSqlClient>) => Promise<Result>,
): Promise<Result> {
  await client.query('BEGIN');
  try {
    const result = await work(rawSql(client) as Tx<RawSqlClient>);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
