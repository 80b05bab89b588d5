import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { addBackupCommands } from './commands/backup.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addMediaCommands } from './commands/media.js';
import { addRetentionCommand } from './commands/retention.js';
import { addSchemaCommands } from './commands/schema.js';
import { addServiceCommands } from './commands/services.js';
import { addSeedCommand } from './commands/seed.js';
import type { CommandHost } from './command-host.js';
import { REPOSITORY } from './config.js';
import type { Terminal } from './terminal.js';

/** Composes the commands, in the order of the help. */
export function createProgram(terminal: Terminal, exit: (code: number) => void): Command {
  const program = new Command('taskgraph');
  program
    .description('Looks after a Taskgraph: what npm start runs, or services on databases that settings name.')
    .version(readVersion(), '-V, --version', 'tell the version')
    .helpCommand('help [command]', 'tell how a command is used')
    .showHelpAfterError('Run it with --help to see how it is used.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.writeOut(text),
      writeErr: (text) => terminal.writeError(text),
    })
    .addHelpText(
      'after',
      `
Settings come from the environment and from .env: AUTH_DATABASE_URL, TASK_DATABASE_URL, MEDIA_DATABASE_URL. Where they are unset, the
embedded PostgreSQL in .data/ (TASKGRAPH_DATA_DIR) is meant.
Exit codes: 0 done, 1 failed, 2 wrong arguments, 78 settings that are wrong or missing.`,
    );
  const host: CommandHost = { program, terminal, exit };
  addServiceCommands(host);
  addSeedCommand(host);
  addRetentionCommand(host);
  addMediaCommands(host);
  addSchemaCommands(host);
  addDoctorCommand(host);
  addBackupCommands(host);
  return program;
}

/** That of the checkout, which `/health` and `taskgraph_build_info` tell too. */
function readVersion(): string {
  const { version } = JSON.parse(readFileSync(path.join(REPOSITORY, 'package.json'), 'utf8')) as { version: string };
  return version;
}
