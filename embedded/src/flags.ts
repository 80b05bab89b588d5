import { readFileSync } from 'node:fs';
import path from 'node:path';
import { LaunchError } from './launch-error.js';

export interface Flags {
  /** Removes all data first. */
  readonly reset: boolean;
  /** Null leaves it to `SEED_DEMO`. */
  readonly seed: boolean | null;
  /** Keeps traces, and shows them in a browser. */
  readonly trace: boolean;
  readonly help: boolean;
  /** `quiet` prints what is wrong and where the gateway is; `verbose` also prints the services' logs. */
  readonly output: 'quiet' | 'normal' | 'verbose';
}

const KNOWN = ['--reset', '--no-seed', '--trace', '--quiet', '--verbose', '--help', '-h'] as const;

/** Of `embedded/help.txt`, which the start script prints by itself: nothing has to be installed to be told how. */
export function readHelp(root: string): string {
  return readFileSync(path.join(root, 'embedded', 'help.txt'), 'utf8');
}

/** @throws LaunchError that names every flag it does not know */
export function parseFlags(parameters: readonly string[]): Flags {
  const unknown = parameters.filter((parameter) => !KNOWN.some((known) => known === parameter));
  if (unknown.length > 0) {
    const hints = unknown.map((parameter) => {
      const near = KNOWN.find((known) => parameter.length > 2 && known.startsWith(parameter.replace(/^-*/, '--')));
      return `${parameter} is no flag of npm start.${near ? ` Did you mean ${near}?` : ''}`;
    });
    throw new LaunchError(hints.join('\n'), ['npm start -- --help lists the flags.']);
  }
  const has = (flag: (typeof KNOWN)[number]) => parameters.includes(flag);
  if (has('--quiet') && has('--verbose')) throw new LaunchError('--quiet and --verbose contradict each other.');
  return {
    reset: has('--reset'),
    seed: has('--no-seed') ? false : null,
    trace: has('--trace'),
    help: has('--help') || has('-h'),
    output: has('--quiet') ? 'quiet' : has('--verbose') ? 'verbose' : 'normal',
  };
}
