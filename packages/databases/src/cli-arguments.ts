export type MigrateCommand =
  | { readonly kind: 'create'; readonly name: string; readonly allowEmpty: boolean }
  | { readonly kind: 'up' }
  | { readonly kind: 'down'; readonly count: number; readonly confirmed: boolean }
  | { readonly kind: 'status' }
  | { readonly kind: 'reset'; readonly confirmed: boolean }
  | { readonly kind: 'resolve'; readonly name: string }
  | { readonly kind: 'help' };

export interface MigrateArguments {
  readonly databases: readonly string[];
  /** Whether a program reads the answer. */
  readonly json: boolean;
  readonly command: MigrateCommand;
}

export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

const FLAGS: Readonly<Record<string, readonly string[]>> = {
  create: ['--empty', '--json'],
  up: ['--json'],
  down: ['--yes', '--json'],
  status: ['--json'],
  reset: ['--yes', '--json'],
  resolve: ['--json'],
};

/** Reads `<database|all> <command> [...]`. @throws UsageError */
export function parseArguments(args: readonly string[], known: readonly string[]): MigrateArguments {
  if (args.some((arg) => arg === '--help' || arg === '-h' || arg === 'help'))
    return { databases: [], json: false, command: { kind: 'help' } };
  if (args.length === 0) throw new UsageError('Say what to do.');
  const flags = args.filter((arg) => arg.startsWith('--'));
  const [target, kind, ...operands] = args.filter((arg) => !arg.startsWith('--'));
  if (target === undefined || (target !== 'all' && !known.includes(target))) {
    throw new UsageError(`There is no database "${target ?? ''}": choose ${known.join(', ')} or all.`);
  }
  const unknown = flags.find((flag) => !(FLAGS[kind ?? ''] ?? []).includes(flag));
  if (unknown) throw new UsageError(`${kind ?? 'migrate'} knows no ${unknown}.`);
  return {
    databases: target === 'all' ? known : [target],
    json: flags.includes('--json'),
    command: parseCommand(target, kind, operands, flags),
  };
}

function parseCommand(
  target: string,
  kind: string | undefined,
  operands: readonly string[],
  flags: readonly string[],
): MigrateCommand {
  switch (kind) {
    case 'create':
      if (operands.length === 0) throw new UsageError('create needs a name, such as: create add_due_date');
      return { kind, name: operands.join(' '), allowEmpty: flags.includes('--empty') };
    case 'up':
    case 'status':
      refuseOperands(kind, operands);
      return { kind };
    case 'down':
      return { kind, count: parseCount(operands), confirmed: flags.includes('--yes') };
    case 'reset':
      refuseOperands(kind, operands);
      return { kind, confirmed: flags.includes('--yes') };
    case 'resolve': {
      const [name, ...rest] = operands;
      if (target === 'all' || name === undefined || rest.length > 0)
        throw new UsageError('resolve needs one database and the full name of one failed migration.');
      return { kind, name };
    }
    default:
      throw new UsageError(
        kind === undefined
          ? 'Say what to do: create, up, down, status, reset or resolve.'
          : `There is no command "${kind}".`,
      );
  }
}

function parseCount(operands: readonly string[]): number {
  const [text = '1', ...rest] = operands;
  if (rest.length > 0 || !/^[1-9]\d{0,5}$/.test(text))
    throw new UsageError('down takes one number: how many migrations to undo.');
  return Number(text);
}

function refuseOperands(kind: string, operands: readonly string[]): void {
  if (operands.length > 0) throw new UsageError(`${kind} takes no "${operands.join(' ')}".`);
}
