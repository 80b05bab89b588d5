import { CommanderError } from 'commander';
import { ConfigError } from '@taskgraph/service-kit/config-error';
import { createProgram } from './program.js';
import { CommandError, createTerminal, EXIT, type Terminal } from './terminal.js';

/**
 * Runs `npx taskgraph`. Returns the exit code: 0 done, 1 failed, 2 wrong arguments, 78 settings that are wrong or missing; `migrate
 * status` also 3, where there is something to do.
 */
export async function runOperator(args: readonly string[], terminal: Terminal = createTerminal()): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = createProgram(terminal, (code) => (exitCode = code));
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (error instanceof CommandError) {
      terminal.printError(error.message);
      if (error.advice !== null) terminal.printError(`→ ${error.advice}`);
      return error.exitCode;
    }
    if (error instanceof ConfigError) {
      terminal.printError(error.message);
      return EXIT.configuration;
    }
    terminal.printError(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return EXIT.failed;
  }
}
