import { InvalidArgumentError } from 'commander';
import { readOperatorConfig } from '../config.js';
import type { CommandHost } from '../command-host.js';
import type { Findings } from '../media/media-findings.js';
import { EXIT } from '../terminal.js';

export function addMediaCommands({ program, terminal, exit }: CommandHost): void {
  const media = program.command('media').description('the files of media and the rows that name them');
  media
    .command('verify')
    .description('look whether every item has its files, and every file an item; exit 1 when not')
    .option('--json', 'answer for programs')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { openPlaces, findInMedia } = await loadWork();
      await using places = await openPlaces(readOperatorConfig());
      const findings = await findInMedia(places);
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
      const { openPlaces, findInMedia, removeStrays } = await loadWork();
      await using places = await openPlaces(readOperatorConfig());
      const { strays, ...rest } = await findInMedia(places);
      let removed = strays ?? [];
      if (removed.length > 0) {
        await terminal.confirm(`The files of ${removed.length} folders that no item names are removed.`, {
          yes,
          word: 'remove',
        });
        removed = await removeStrays(places, removed);
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
      const { openOrphans } = await loadWork();
      const orphans = await openOrphans(readOperatorConfig(), count);
      const { first, areAll } = orphans;
      let items = first.length;
      if (!dryRun && items > 0) {
        const which = areAll ? `${items} items` : `${items} items or more`;
        await terminal.confirm(`${which} that are attached to no task are deleted.`, { yes, word: 'delete' });
        items = await orphans.deleteAll();
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

/** What the commands do, and all that it needs: loaded by those that do it, and not for the help. */
async function loadWork() {
  const [places, findings, orphans] = await Promise.all([
    import('../places.js'),
    import('../media/media-findings.js'),
    import('../media/orphans.js'),
  ]);
  return { ...places, ...findings, ...orphans };
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
