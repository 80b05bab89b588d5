import type pg from 'pg';

/** Prisma's record of migrations: restoring runs them, so it is there already. */
const HISTORY = '_prisma_migrations';

export interface Table {
  readonly name: string;
  /** Those that are not computed from others. */
  readonly columns: readonly string[];
}

const TABLES = `
  SELECT c.oid::int AS oid, c.relname AS name,
    array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attgenerated = '') AS columns
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> '${HISTORY}'
  GROUP BY c.oid, c.relname ORDER BY c.relname`;
const REFERENCES = `
  SELECT conrelid::int AS "from", confrelid::int AS "to" FROM pg_constraint
  WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conrelid <> confrelid`;

/** Lists the tables of a database, each behind those that it refers to. */
export async function listTables(client: pg.Client): Promise<Table[]> {
  const { rows: tables } = await client.query<Table & { oid: number }>(TABLES);
  const { rows: references } = await client.query<{ from: number; to: number }>(REFERENCES);
  const listed: Array<Table & { oid: number }> = [];
  const waiting = new Set(tables);
  while (waiting.size > 0) {
    const free = [...waiting].filter(({ oid }) =>
      references.every(({ from, to }) => from !== oid || ![...waiting].some((other) => other.oid === to)),
    );
    // Tables that refer to each other would have to be filled in one statement; there are none.
    if (free.length === 0)
      throw new Error(`tables refer to each other: ${[...waiting].map(({ name }) => name).join()}`);
    for (const table of free) {
      listed.push(table);
      waiting.delete(table);
    }
  }
  return listed.map(({ name, columns }) => ({ name, columns }));
}

/** Tells the value that each sequence has reached; as text, since it may be beyond what a number holds. */
export async function readSequences(client: pg.Client): Promise<Record<string, string>> {
  const { rows } = await client.query<{ name: string; value: string | null }>(
    `SELECT sequencename AS name, last_value::text AS value FROM pg_sequences WHERE schemaname = 'public'`,
  );
  return Object.fromEntries(rows.flatMap(({ name, value }) => (value === null ? [] : [[name, value]])));
}

export async function listAppliedMigrations(client: pg.Client): Promise<Array<{ name: string; checksum: string }>> {
  const { rows } = await client.query<{ name: string; checksum: string }>(
    `SELECT migration_name AS name, checksum FROM ${HISTORY}
     WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name`,
  );
  return rows;
}
