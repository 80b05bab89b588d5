import { readdir } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import { withClient } from '@taskgraph/databases';
import { days, type RawSqlClient, type Tx } from '@taskgraph/service-kit';
import type pg from 'pg';
import { readOperatorConfig } from '../config.js';
import { FILES_COLUMNS, filesOf, type MediaItemFiles } from '../media-files.js';
import { findDatabase, openPlaces, type Places } from '../places.js';
import type { CommandHost } from '../command-host.js';
import { EXIT } from '../terminal.js';

interface Findings {
  readonly items: number;
  /** Items of which a file is not there. */
  readonly damaged: ReadonlyArray<{ readonly id: string; readonly missing: readonly string[] }>;
  /** Folders of items that no row names; null where the store cannot list them. */
  readonly strays: readonly string[] | null;
}

export function addMediaCommands({ program, terminal, exit }: CommandHost): void {
  const media = program.command('media').description('the files of media and the rows that name them');
  media
    .command('verify')
    .description('look whether every item has its files, and every file an item; exit 1 when not')
    .option('--json', 'answer for programs')
    .action(async ({ json = false }: { json?: boolean }) => {
      await using places = await openPlaces(readOperatorConfig());
      const findings = await look(places);
      if (json) terminal.printJson(findings);
      else tell(findings);
      exit(findings.damaged.length + (findings.strays?.length ?? 0) === 0 ? EXIT.done : EXIT.failed);
    });
  media
    .command('sweep')
    .description('remove files that belong to no item; items that have lost files are only told')
    .option('--yes', 'do not ask')
    .option('--json', 'answer for programs')
    .action(async ({ yes = false, json = false }: { yes?: boolean; json?: boolean }) => {
      await using places = await openPlaces(readOperatorConfig());
      const { strays, ...rest } = await look(places);
      const removed = strays ?? [];
      if (removed.length > 0) {
        await terminal.confirm(`The files of ${removed.length} folders that no item names are removed.`, {
          yes,
          word: 'remove',
        });
        for (const id of removed) await places.store.deleteAll(`${id}/`);
      }
      if (json) terminal.printJson({ ...rest, removed });
      else {
        tell({ ...rest, strays: [] });
        terminal.print(`${removed.length} folders without an item removed.`);
      }
      exit(rest.damaged.length === 0 ? EXIT.done : EXIT.failed);
    });

  media
    .command('orphans')
    .description('delete media that are attached to no task; their uploaders can restore them for a while')
    .requiredOption('--days <count>', 'attached to nothing for so many days at least', parseDays)
    .option('--dry-run', 'list the first of them only')
    .option('--yes', 'do not ask')
    .option('--json', 'answer for programs')
    .action(async ({ days: count, dryRun = false, yes = false, json = false }: OrphansOptions) => {
      const url = await findDatabase(readOperatorConfig(), 'media');
      const ageMs = days(count);
      const { deleteOrphans, listOrphanedItems, ORPHANS_AT_ONCE } = await import('@taskgraph/media/orphans');
      const first = await withClient(url, (client) => listOrphanedItems(rawSql(client), ageMs));
      let items = first.length;
      if (!dryRun && items > 0) {
        const which = items < ORPHANS_AT_ONCE ? `${items} items` : `${items} items or more`;
        await terminal.confirm(`${which} that are attached to no task are deleted.`, { yes, word: 'delete' });
        items = await withClient(url, async (client) => {
          for (let deleted = 0; ;) {
            const { length } = await inOneTransaction(client, (tx) => deleteOrphans(tx, ageMs));
            deleted += length;
            if (length < ORPHANS_AT_ONCE) return deleted;
          }
        });
      }
      if (json) terminal.printJson({ dryRun, items, first });
      else {
        for (const { id, filename, byteSize, since } of first)
          terminal.print(`${id} ${since.toISOString()} ${byteSize} bytes ${JSON.stringify(filename)}`);
        terminal.print(
          `${items} items ${dryRun ? 'to be deleted, or more where these are all that are listed' : 'deleted'}`,
        );
      }
      exit(EXIT.done);
    });

  function tell({ items, damaged, strays }: Findings): void {
    terminal.print(`${items} items`);
    for (const { id, missing } of damaged)
      terminal.print(`! ${id} has lost ${missing.join(', ')}: restore it from a backup, or delete it`);
    for (const id of strays ?? []) terminal.print(`! ${id}/ belongs to no item: taskgraph media sweep removes it`);
    if (strays === null) terminal.print('A bucket is not looked through for files without an item.');
    if (damaged.length + (strays?.length ?? 0) === 0) terminal.print('Every item has its files.');
  }
}

interface OrphansOptions {
  readonly days: number;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** @throws InvalidArgumentError */
function parseDays(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('It is a number of days, and one at least.');
  return Number(text);
}

function rawSql(client: pg.Client): RawSqlClient {
  return {
    $executeRawUnsafe: async (sql, ...values) => (await client.query(sql, values)).rowCount ?? 0,
    $queryRawUnsafe: async <Rows>(sql: string, ...values: unknown[]) => (await client.query(sql, values)).rows as Rows,
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

async function look({ urls, store, objects }: Places): Promise<Findings> {
  // Folders first: an item that is uploaded meanwhile has a row by then.
  const folders = objects === null ? null : (await readdir(objects)).filter((name) => /^[0-9a-f-]{36}$/.test(name));
  const { rows } = await withClient(urls.media, (client) =>
    client.query<MediaItemFiles & { id: string }>(`SELECT id, ${FILES_COLUMNS} FROM media_items`),
  );
  const damaged = [];
  for (const { id, contentId, ...item } of rows) {
    const files = filesOf(item);
    const there = await Promise.all(files.map((file) => store.stat(`${contentId}/${file}`)));
    const missing = files.filter((_, index) => there[index] === null);
    // Deleted since the rows were read, it has lost nothing.
    if (missing.length > 0 && (await isKept(urls.media, id))) damaged.push({ id, missing });
  }
  const known = new Set(rows.map(({ contentId }) => contentId));
  return { items: rows.length, damaged, strays: folders?.filter((id) => !known.has(id)) ?? null };
}

async function isKept(url: string, id: string): Promise<boolean> {
  const { rowCount } = await withClient(url, (client) => client.query('SELECT 1 FROM media_items WHERE id = $1', [id]));
  return rowCount === 1;
}
