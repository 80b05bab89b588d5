import path from 'node:path';
import type { Manifest } from '../backup/manifest.js';
import { DATABASES, readOperatorConfig } from '../config.js';
import type { CommandHost } from '../command-host.js';
import { CommandError, EXIT } from '../terminal.js';

interface Flags {
  readonly json?: boolean;
  readonly yes?: boolean;
  readonly expect?: string;
}

export function addBackupCommands({ program, terminal, exit }: CommandHost): void {
  const onProgress = (text: string) => terminal.printError(`… ${text}`);

  program
    .command('backup <folder>')
    .description('copy the three databases and the files as they are at one instant, while the services go on')
    .option('--json', 'answer for programs')
    .action(async (folder: string, { json = false }: Flags) => {
      const [{ openPlaces }, { takeBackup }] = await Promise.all([
        import('../places.js'),
        import('../backup/take-backup.js'),
      ]);
      await using places = await openPlaces(readOperatorConfig());
      const { manifest, hash, damaged } = await takeBackup(places, path.resolve(folder), onProgress);
      if (json) terminal.printJson({ ...summaryOf(manifest), hash, damaged });
      else {
        terminal.print(`${folder} has the state of ${manifest.takenAt}: ${inWords(manifest)}.`);
        for (const id of damaged) terminal.print(`! ${id} had lost its files before: it is in the backup without them`);
        terminal.print(`Keep its hash elsewhere, for restore --expect: ${hash}`);
        if (!('secrets.json' in manifest.files))
          terminal.print('Secrets are not in it: without AUTH_KEY_ENCRYPTION_SECRET its signing keys cannot be read.');
      }
      exit(damaged.length === 0 ? EXIT.done : EXIT.failed);
    });

  program
    .command('restore <folder>')
    .description('put a backup in the place of what is there; all services have to be stopped')
    .option('--expect <hash>', 'the hash that backup told')
    .option('--check', 'only tell whether the backup is whole')
    .option('--yes', 'do not ask, even where something is there')
    .option('--json', 'answer for programs')
    .action(
      async (folder: string, { json = false, yes = false, expect, check = false }: Flags & { check?: boolean }) => {
        const [{ openPlaces }, { verifyBackup }, { areSecretsEqual, findContent, restoreBackup }] = await Promise.all([
          import('../places.js'),
          import('../backup/manifest.js'),
          import('../backup/restore-backup.js'),
        ]);
        const source = path.resolve(folder);
        const manifest = await verifyBackup(source, expect);
        if (check) {
          if (json) terminal.printJson(summaryOf(manifest));
          else terminal.print(`${folder} is whole: the state of ${manifest.takenAt}, ${inWords(manifest)}.`);
          return;
        }
        await using places = await openPlaces(readOperatorConfig(), { create: true });
        if (places.isRunning) throw new CommandError('The system runs.', 'Stop it first.');
        const content = await findContent(places);
        const isOverwriting = content !== null || !(await areSecretsEqual(places, source));
        if (isOverwriting)
          await terminal.confirm(`This destroys what is there: ${content ?? 'secrets of its own'}.`, {
            yes,
            word: 'restore',
          });
        const { rows, objects, unpublished } = await restoreBackup(places, source, manifest, onProgress);
        if (json) terminal.printJson({ ...summaryOf(manifest), rows, objects, unpublished });
        else {
          terminal.print(`Restored the state of ${manifest.takenAt}: ${inWords(manifest)}.`);
          if (unpublished > 0)
            terminal.print(`${unpublished} events that a service had not handled yet are published again.`);
        }
      },
    );
}

function rowsOf(manifest: Manifest): Record<string, number> {
  return Object.fromEntries(
    DATABASES.map((name) => [name, manifest.databases[name].tables.reduce((sum, { rows }) => sum + rows, 0)]),
  );
}

function summaryOf(manifest: Manifest): object {
  return {
    takenAt: manifest.takenAt,
    rows: rowsOf(manifest),
    files: Object.keys(manifest.files).length,
    leftOut: manifest.leftOut,
  };
}

function inWords(manifest: Manifest): string {
  const rows = Object.entries(rowsOf(manifest)).map(([name, count]) => `${count} rows of ${name}`);
  const files = Object.keys(manifest.files).filter((file) => file.startsWith('objects/')).length;
  return [...rows, `${files} files`].join(', ');
}
