import { Argument } from 'commander';
import { DATABASES, readOperatorConfig, type DatabaseName } from '../config.js';
import type { CommandHost } from '../command-host.js';
import { EXIT } from '../terminal.js';

/** Rows whose time is over: services delete them by themselves from time to time, and this does so at once. */
export function addRetentionCommand({ program, terminal, exit }: CommandHost): void {
  program
    .command('retention')
    .description('delete rows whose time is over, as services do by themselves from time to time')
    .addArgument(new Argument('[service]', 'of which service').choices([...DATABASES, 'all']).default('all'))
    .option('--dry-run', 'count them only')
    .option('--json', 'answer for programs')
    .action(async (service: DatabaseName | 'all', { dryRun = false, json = false }: Options) => {
      const { runRetention } = await import('../retention/run-retention.js');
      const services = service === 'all' ? DATABASES : [service];
      const tables = await runRetention({ config: readOperatorConfig(), services, dryRun });
      if (json) terminal.printJson({ dryRun, tables });
      else
        for (const { service: of, table, rows, fault } of tables) {
          terminal.print(`${of}.${table}: ${rows} ${dryRun ? 'to be deleted' : 'deleted'}`);
          if (fault !== null) terminal.printError(`${of}.${table} could not be purged: ${fault}`);
        }
      exit(tables.some(({ fault }) => fault !== null) ? EXIT.failed : EXIT.done);
    });
}

interface Options {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}
