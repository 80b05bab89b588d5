import { LaunchError } from './launch-error.js';

export interface Flags {
  /** Removes all data first. */
  readonly reset: boolean;
  /** Null leaves it to `SEED_DEMO`. */
  readonly seed: boolean | null;
  readonly help: boolean;
  /** `quiet` prints what is wrong and where the gateway is; `verbose` also prints the services' logs. */
  readonly output: 'quiet' | 'normal' | 'verbose';
}

const KNOWN = ['--reset', '--no-seed', '--quiet', '--verbose', '--help', '-h'] as const;

export const HELP = `Starts the whole system on this machine: PostgreSQL, three subgraphs and the gateway, in one process.

  npm start                 start; the data of the last start are there again
  npm start -- --reset      start over: removes accounts, tasks, pictures and secrets first
  npm start -- --no-seed    start without making demo data (the same as SEED_DEMO=0)
  npm start -- --quiet      say only where the gateway is, and what goes wrong
  npm start -- --verbose    show the logs of the services as well
  npm start -- --help       this

Settings, from the environment:

  GATEWAY_PORT, AUTH_PORT, TASK_PORT, MEDIA_PORT    3000, 3001, 3002, 3003; 0 is any free port
  HOST                      127.0.0.1; where the services listen
  TASKGRAPH_DATA_DIR        .data; where everything is kept
  SEED_DEMO                 1; whether the first start makes demo data
  LOG_LEVEL                 warn on the screen, info in the log file; sets both when given

README.md has the settings of each service; they apply here too.
`;

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
    help: has('--help') || has('-h'),
    output: has('--quiet') ? 'quiet' : has('--verbose') ? 'verbose' : 'normal',
  };
}
