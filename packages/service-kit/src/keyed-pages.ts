import { KeyLoader } from './key-loader.js';
import type { ComposedSql } from './prepared-reads.js';

/** One page of the list that belongs to one key. */
export interface KeyedPage<Row> {
  /** One more than the page holds, when there is one more. */
  readonly rows: readonly Row[];
  /** Null when nobody asked. */
  readonly totalCount: number | null;
}

/** A fragment of SQL with its parameters, as Prisma's `Prisma.sql` makes it. */
type SqlTag<Sql> = (strings: readonly string[], ...values: never[]) => Sql;

interface KeyedPagesQuery<Sql> {
  /** Selects the rows of one page, one more than it holds, of the list whose key is `k.id`: with their order and their limit. */
  readonly page: Sql;
  /** The order, by the names of the columns that `page` selects. */
  readonly order: Sql;
  /** Selects the length of the whole list whose key is `k.id`; null when nobody asks. */
  readonly total: Sql | null;
}

type PageRow<Row> = Row & { readonly pageKey: string; readonly pageTotal?: number; readonly onPage: true | null };

/**
 * Composes the statement that reads the same page of many lists, and the length of each where it is asked for. Of each list, only the
 * rows of its page are read.
 */
export function keyedPages<Sql extends ComposedSql>(
  tag: SqlTag<Sql>,
  keys: readonly string[],
  { page, order, total }: KeyedPagesQuery<Sql>,
): Sql {
  const sql = tag as (strings: readonly string[], ...values: unknown[]) => Sql;
  const lists = total === null ? sql`` : sql`, (${total})::int AS "pageTotal"`;
  // A list is counted once, and not once for each of its rows.
  return sql`
    WITH k AS MATERIALIZED (SELECT k.id${lists} FROM unnest(${[...keys]}::uuid[]) AS k(id))
    SELECT k.id AS "pageKey"${total === null ? sql`` : sql`, k."pageTotal"`}, p.*
    FROM k LEFT JOIN LATERAL (SELECT TRUE AS "onPage", page.* FROM (${page}) AS page) AS p ON TRUE
    ORDER BY k.id, ${order}`;
}

/** Tells the rows of {@link keyedPages} apart, in the order of the keys. A list that was not read is an empty one. */
export function toKeyedPages<Row>(keys: readonly string[], rows: readonly PageRow<Row>[]): KeyedPage<Row>[] {
  const pages = new Map<string, { rows: Row[]; totalCount: number | null }>();
  for (const row of rows) {
    let page = pages.get(row.pageKey);
    if (!page) pages.set(row.pageKey, (page = { rows: [], totalCount: row.pageTotal ?? null }));
    if (row.onPage) page.rows.push(row);
  }
  return keys.map((key) => pages.get(key) ?? { rows: [], totalCount: 0 });
}

/** The rows that {@link keyedPages} selects. */
export type KeyedPageRow<Row> = PageRow<Row>;

/** Loaders that are told apart by what is asked for beside the keys: fields that ask for the same share one. */
export function loaderBy<Request, Value>(
  nameOf: (request: Request) => string,
  batch: (request: Request) => (keys: readonly string[]) => Promise<Array<Value | Error>>,
): (request: Request) => KeyLoader<Value> {
  const loaders = new Map<string, KeyLoader<Value>>();
  return (request) => {
    const name = nameOf(request);
    let loader = loaders.get(name);
    if (!loader) loaders.set(name, (loader = new KeyLoader<Value>(batch(request))));
    return loader;
  };
}
