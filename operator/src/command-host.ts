import type { Command } from 'commander';
import type { Terminal } from './terminal.js';

/** What each command is added to. */
export interface CommandHost {
  readonly program: Command;
  readonly terminal: Terminal;
  /** Tells the exit code of a command that ends without an error. */
  readonly exit: (code: number) => void;
}
