export type EventsCommand =
  | { readonly kind: 'help' }
  | ({ readonly json: boolean } & (
      | { readonly kind: 'list-dead' }
      | { readonly kind: 'replay'; readonly id: string }
      | { readonly kind: 'discard'; readonly id: string; readonly yes: boolean }
      | { readonly kind: 'apply-topology' }
    ));

export const USAGE = `Usage: npx taskgraph events <command>

  list-dead          list the dead letters: events that a group could not handle, and why
  replay <id|all>    publish a dead letter's event again; groups that have handled it skip it
  discard <id>       throw a dead letter away, when somebody has said so (--yes: without asking)
  topology apply     create the topics and subscriptions that are missing, and correct the others (Pub/Sub only)

Each answers for programs with --json.
With PUBSUB_PROJECT_ID (and PUBSUB_EMULATOR_HOST for the emulator) dead letters are those that Pub/Sub keeps. Without it they
are those in the services' databases: AUTH_DATABASE_URL, TASK_DATABASE_URL and MEDIA_DATABASE_URL, and for what is unset the
embedded PostgreSQL of a system that runs.
Exit codes: 0 done, 1 failed, 2 wrong arguments, 78 settings that are wrong or missing.`;

export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** Reads what stands behind `npm run events --`. @throws UsageError */
export function parseEventsArguments(args: readonly string[]): EventsCommand {
  if (args.some((arg) => arg === '--help' || arg === '-h' || arg === 'help')) return { kind: 'help' };
  const json = args.includes('--json');
  const yes = args[0] === 'discard' && args.includes('--yes');
  const known = [...(json ? ['--json'] : []), ...(yes ? ['--yes'] : [])];
  const [command, ...operands] = args.filter((arg) => !known.includes(arg));
  if (command === undefined) throw new UsageError('Say what to do.');
  const flag = operands.find((arg) => arg.startsWith('-')) ?? (command.startsWith('-') ? command : undefined);
  if (flag !== undefined) throw new UsageError(`There is no option "${flag}".`);
  switch (command) {
    case 'list-dead':
      if (operands.length > 0) throw new UsageError('list-dead takes nothing more.');
      return { kind: 'list-dead', json };
    case 'replay':
    case 'discard': {
      const [id, ...rest] = operands;
      const what = command === 'replay' ? 'the id of one dead letter, or all' : 'the id of one dead letter';
      if (id === undefined || rest.length > 0 || (command === 'discard' && id === 'all'))
        throw new UsageError(`${command} needs ${what}.`);
      return command === 'discard' ? { kind: command, json, id, yes } : { kind: command, json, id };
    }
    case 'topology':
      if (operands.length !== 1 || operands[0] !== 'apply') throw new UsageError('Say: topology apply');
      return { kind: 'apply-topology', json };
    default:
      throw new UsageError(`There is no command "${command}".`);
  }
}
