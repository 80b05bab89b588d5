import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PEERS, type PeerName } from './config.js';
import { LaunchError } from './launch-error.js';

export interface Flags {
  /** Removes all data first. */
  readonly reset: boolean;
  /** Null leaves it to `SEED_DEMO`. */
  readonly seed: boolean | null;
  /** Keeps traces, and shows them in a browser. */
  readonly trace: boolean;
  readonly help: boolean;
  /** Services that are left out, to see what is there without them. */
  readonly stopped: readonly PeerName[];
  /** `quiet` prints what is wrong and where the gateway is; `verbose` also prints the services' logs. */
  readonly output: 'quiet' | 'normal' | 'verbose';
}

const KNOWN = ['--reset', '--no-seed', '--trace', '--quiet', '--verbose', '--help', '-h'] as const;

/** Of `embedded/help.txt`, which the start script prints by itself: nothing has to be installed to be told how. */
export function readHelp(root: string): string {
  return readFileSync(path.join(root, 'embedded', 'help.txt'), 'utf8');
}

const STOP = '--stop';

/** @throws LaunchError that names every flag it does not know */
export function parseFlags(given: readonly string[]): Flags {
  const { stopped, parameters } = takeStopped(given);
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
    stopped,
    output: has('--quiet') ? 'quiet' : has('--verbose') ? 'verbose' : 'normal',
  };
}

/** `--stop media`, `--stop=media,task`. @throws LaunchError for what cannot be left out */
function takeStopped(given: readonly string[]): {
  stopped: readonly PeerName[];
  parameters: readonly string[];
} {
  const named: string[] = [];
  const parameters: string[] = [];
  for (let index = 0; index < given.length; index += 1) {
    const parameter = given[index] ?? '';
    if (parameter === STOP) named.push(given[(index += 1)] ?? '');
    else if (parameter.startsWith(`${STOP}=`)) named.push(parameter.slice(STOP.length + 1));
    else parameters.push(parameter);
  }
  const names = named.flatMap((list) => list.split(','));
  const unknown = names.filter((name) => !PEERS.some((peer) => peer === name));
  if (unknown.length > 0)
    throw new LaunchError(`${STOP} ${unknown.join(',')}: there is no such service to leave out.`, [
      `It is ${PEERS.join(', ')}, or several with commas.`,
    ]);
  return { stopped: PEERS.filter((peer) => names.includes(peer)), parameters };
}
