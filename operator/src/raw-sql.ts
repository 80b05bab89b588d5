import type { RawSqlClient } from '@taskgraph/service-kit';
import type pg from 'pg';

/** What the rules of services ask of their database's client, on one connection. */
export function rawSql(client: pg.Client): RawSqlClient {
  return {
    $executeRawUnsafe: async (sql, ...values) => (await client.query(sql, values)).rowCount ?? 0,
    $queryRawUnsafe: async <Rows>(sql: string, ...values: unknown[]) => (await client.query(sql, values)).rows as Rows,
  };
}
