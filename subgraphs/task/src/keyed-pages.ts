import { Prisma } from './generated/prisma/client.js';
import type { TaskDbClient } from './db.js';

/** One page of the list that belongs to one key. */
export interface KeyedPage<Row> {
  /** One more than the page holds, when there is one more. */
  readonly rows: readonly Row[];
  readonly totalCount: number;
}

export interface KeyedPagesQuery {
  /** Columns of the row, aliased as the row type names them. */
  readonly columns: Prisma.Sql;
  /** Everything from FROM to the end of WHERE. */
  readonly source: Prisma.Sql;
  /** What the lists are told apart by. */
  readonly key: Prisma.Sql;
  readonly order: Prisma.Sql;
  /** Whether a row lies behind the cursor; TRUE without one. */
  readonly afterCursor: Prisma.Sql;
  readonly size: number;
}

type RankedRow<Row> = Row & { readonly pageKey: string; readonly pageTotal: number; readonly onPage: boolean };

/**
 * Reads the same page of many lists, and the length of each, in one statement.
 *
 * The first row of a list always comes along, as the carrier of its length, when the page itself is empty.
 */
export async function selectKeyedPages<Row>(db: TaskDbClient, keys: readonly string[], query: KeyedPagesQuery): Promise<KeyedPage<Row>[]> {
  const { columns, source, key, order, afterCursor, size } = query;
  const ranked = await db.$queryRaw<RankedRow<Row>[]>`
    SELECT *, "behind" AND "pageRank" <= ${size + 1} AS "onPage" FROM (
      SELECT ${columns},
        ${key} AS "pageKey",
        (count(*) OVER (PARTITION BY ${key}))::int AS "pageTotal",
        row_number() OVER (PARTITION BY ${key} ORDER BY ${order}) AS "listRank",
        ${afterCursor} AS "behind",
        row_number() OVER (PARTITION BY ${key}, ${afterCursor} ORDER BY ${order}) AS "pageRank"
      ${source}
    ) AS ranked
    WHERE ("behind" AND "pageRank" <= ${size + 1}) OR "listRank" = 1
    ORDER BY "pageKey", "listRank"`;

  const pages = new Map<string, { rows: Row[]; totalCount: number }>();
  for (const row of ranked) {
    const page = pages.get(row.pageKey) ?? { rows: [], totalCount: row.pageTotal };
    if (row.onPage) page.rows.push(row);
    pages.set(row.pageKey, page);
  }
  return keys.map((wanted) => pages.get(wanted) ?? { rows: [], totalCount: 0 });
}

export function uuidArray(ids: readonly string[]): Prisma.Sql {
  return Prisma.sql`${[...ids]}::uuid[]`;
}
