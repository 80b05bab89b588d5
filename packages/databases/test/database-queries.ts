import { withClient } from '@taskgraph/databases';

export const query = <Row extends object>(url: string, sql: string) =>
  withClient(url, async (client) => (await client.query<Row>(sql)).rows);

/** Names of the tables, in order. */
export const tables = async (url: string) =>
  (
    await query<{ name: string }>(url, `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`)
  ).map(({ name }) => name);
