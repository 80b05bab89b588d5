import { randomUUID } from 'node:crypto';
import { withClient } from '@taskgraph/databases';
import pg from 'pg';

interface Column {
  readonly table: string;
  readonly column: string;
  readonly type: string;
  readonly isArray: boolean;
  readonly enumLabels: string[] | null;
  readonly maxLength: number | null;
}

interface Reference {
  readonly table: string;
  readonly columns: string[];
  readonly target: string;
  readonly targetColumns: string[];
}

/**
 * Puts rows into every table that has none, whatever tables there are: a migration that is undone on an empty database shows
 * little.
 * Returns how many rows each table holds.
 */
export function fillTables(url: string, rowsPerTable = 3): Promise<Record<string, number>> {
  return withClient(url, async (client) => {
    const columns = await listColumns(client);
    const references = await listReferences(client);
    const counts: Record<string, number> = {};
    for (const table of inOrderOfReferences([...new Set(columns.map((column) => column.table))], references)) {
      counts[table] = await countRows(client, table);
      if (counts[table] > 0) continue;
      for (let row = 0; row < rowsPerTable; row += 1)
        await insertRow(
          client,
          columns.filter((column) => column.table === table),
          references,
          row,
        );
      counts[table] = rowsPerTable;
    }
    return counts;
  });
}

async function countRows(client: pg.Client, table: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM ${pg.escapeIdentifier(table)}`,
  );
  return rows[0]?.count ?? 0;
}

async function listColumns(client: pg.Client): Promise<Column[]> {
  const { rows } = await client.query<Column>(`
    SELECT c.relname AS table, a.attname AS column, coalesce(e.typname, t.typname) AS type, e.oid IS NOT NULL AS "isArray",
           (SELECT array_agg(enumlabel::text ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = coalesce(e.oid, t.oid)) AS "enumLabels",
           CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 END AS "maxLength"
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
      LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
       AND a.attgenerated = '' AND a.attidentity = '' AND c.relname <> '_prisma_migrations'
     ORDER BY c.relname, a.attnum`);
  return rows;
}

async function listReferences(client: pg.Client): Promise<Reference[]> {
  const { rows } = await client.query<Reference>(`
    SELECT conrelid::regclass::text AS table, confrelid::regclass::text AS target,
           (SELECT array_agg(attname::text ORDER BY n) FROM unnest(conkey) WITH ORDINALITY k(num, n) JOIN pg_attribute ON attrelid = conrelid AND attnum = num) AS columns,
           (SELECT array_agg(attname::text ORDER BY n) FROM unnest(confkey) WITH ORDINALITY k(num, n) JOIN pg_attribute ON attrelid = confrelid AND attnum = num) AS "targetColumns"
      FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace`);
  return rows;
}

function inOrderOfReferences(tables: string[], references: readonly Reference[]): string[] {
  const ordered: string[] = [];
  const visit = (table: string) => {
    if (ordered.includes(table)) return;
    for (const { table: from, target } of references) if (from === table && target !== table) visit(target);
    ordered.push(table);
  };
  tables.forEach(visit);
  return ordered;
}

async function insertRow(
  client: pg.Client,
  columns: readonly Column[],
  references: readonly Reference[],
  row: number,
): Promise<void> {
  const table = columns[0]?.table ?? '';
  const values = new Map<string, unknown>(columns.map((column) => [column.column, sampleValue(column, row)]));
  for (const reference of references.filter((candidate) => candidate.table === table)) {
    const { rows } = await client.query<Record<string, unknown>>(
      `SELECT ${reference.targetColumns.map((name) => pg.escapeIdentifier(name)).join(', ')} FROM ${reference.target} ORDER BY 1 OFFSET $1 LIMIT 1`,
      [reference.target === table ? 0 : row],
    );
    reference.columns.forEach((name, index) =>
      values.set(name, rows[0]?.[reference.targetColumns[index] as string] ?? null),
    );
  }
  const names = [...values.keys()].map((name) => pg.escapeIdentifier(name)).join(', ');
  await client.query(
    `INSERT INTO ${pg.escapeIdentifier(table)} (${names}) VALUES (${[...values].map((_, index) => `$${index + 1}`).join(', ')})`,
    [...values.values()],
  );
}

function sampleValue({ column, type, isArray, enumLabels, maxLength }: Column, row: number): unknown {
  const value = enumLabels ? enumLabels[row % enumLabels.length] : scalarValue(type, column, row, maxLength);
  return isArray ? [value] : value;
}

function scalarValue(type: string, column: string, row: number, maxLength: number | null): unknown {
  switch (type) {
    case 'uuid':
      return randomUUID();
    case 'int2':
    case 'int4':
    case 'int8':
    case 'numeric':
    case 'float4':
    case 'float8':
      return row + 1;
    case 'bool':
      return row % 2 === 0;
    case 'bytea':
      return Buffer.from(randomUUID());
    case 'json':
    case 'jsonb':
      return JSON.stringify({ row });
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return new Date(Date.UTC(2026, 0, row + 1));
    default:
      return `${column} ${row}`.slice(0, maxLength ?? undefined);
  }
}
