import DataLoader from 'dataloader';
import type { PageRequest } from './paging.js';

/** One page of the list that belongs to one key. */
export interface KeyedPage<Row> {
  /** One more than the page holds, when there is one more. */
  readonly rows: readonly Row[];
  readonly totalCount: number;
}

/** A fragment of SQL with its parameters, as Prisma's `Prisma.sql` makes it. */
export type SqlTag<Sql> = (strings: readonly string[], ...values: never[]) => Sql;

export interface KeyedPagesQuery<Sql> {
  /** Columns of the row, aliased as the row type names them. */
  readonly columns: Sql;
  /** Everything from FROM to the end of WHERE. */
  readonly source: Sql;
  /** What the lists are told apart by. */
  readonly key: Sql;
  readonly order: Sql;
  /** Whether a row lies behind the cursor; TRUE without one. */
  readonly afterCursor: Sql;
  readonly size: number;
}

/** The part of a Prisma client that runs a composed statement. */
interface RawClient<Sql> {
  $queryRaw<Result>(statement: Sql): Promise<Result>;
}

type RankedRow<Row> = Row & { readonly pageKey: string; readonly pageTotal: number; readonly onPage: boolean };

/**
 * Reads the same page of many lists, and the length of each, in one statement.
 *
 * The first row of a list always comes along, as the carrier of its length, when the page itself is empty.
 */
export async function selectKeyedPages<Row, Sql>(
  db: RawClient<Sql>,
  tag: SqlTag<Sql>,
  keys: readonly string[],
  query: KeyedPagesQuery<Sql>,
): Promise<KeyedPage<Row>[]> {
  const sql = tag as (strings: readonly string[], ...values: unknown[]) => Sql;
  const { columns, source, key, order, afterCursor } = query;
  const wanted = query.size + 1;
  const ranked = await db.$queryRaw<RankedRow<Row>[]>(sql`
    SELECT *, "behind" AND "pageRank" <= ${wanted} AS "onPage" FROM (
      SELECT ${columns},
        ${key} AS "pageKey",
        (count(*) OVER (PARTITION BY ${key}))::int AS "pageTotal",
        row_number() OVER (PARTITION BY ${key} ORDER BY ${order}) AS "listRank",
        ${afterCursor} AS "behind",
        row_number() OVER (PARTITION BY ${key}, ${afterCursor} ORDER BY ${order}) AS "pageRank"
      ${source}
    ) AS ranked
    WHERE ("behind" AND "pageRank" <= ${wanted}) OR "listRank" = 1
    ORDER BY "pageKey", "listRank"`);

  const pages = new Map<string, { rows: Row[]; totalCount: number }>();
  for (const row of ranked) {
    const page = pages.get(row.pageKey) ?? { rows: [], totalCount: row.pageTotal };
    if (row.onPage) page.rows.push(row);
    pages.set(row.pageKey, page);
  }
  return keys.map((wantedKey) => pages.get(wantedKey) ?? { rows: [], totalCount: 0 });
}

/** Loaders of pages: fields that ask for the same page of different lists share one. */
export function loaderByPage<Value>(
  batch: (page: PageRequest) => (keys: readonly string[]) => Promise<Value[]>,
): (page: PageRequest) => DataLoader<string, Value> {
  const loaders = new Map<string, DataLoader<string, Value>>();
  return (page) => {
    const name = JSON.stringify(page);
    const loader = loaders.get(name) ?? new DataLoader<string, Value>(batch(page));
    loaders.set(name, loader);
    return loader;
  };
}
