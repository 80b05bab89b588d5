import { toDatabaseFault } from './database-faults.js';
import { AppError } from './app-error.js';
import type { LogLevel } from './log-level.js';
import type { Log } from './log.js';
import { runOnce, type OnceConfig, type OnceTools } from './run-once.js';

/** As of the operator's command. */
const EXIT = { done: 0, failed: 1, usage: 2 } as const;
/** One for the work, and one for what is asked meanwhile. */
const CONNECTIONS = 2;

export interface WorkConfig extends OnceConfig {
  readonly LOG_LEVEL: LogLevel;
}

/** What was done, by name, and what could not be: it keeps nothing else from being done. */
interface WorkOutcome {
  readonly done: Readonly<Record<string, number>>;
  readonly faults: ReadonlyMap<string, unknown>;
}

interface WorkOptions<Config extends WorkConfig> {
  readonly service: string;
  /** Of the command line: there are none. */
  readonly args: readonly string[];
  /** @throws ConfigError */
  readonly readConfig: () => Config;
  readonly databaseUrl: (config: Config) => string;
  readonly work: (tools: OnceTools<Config>) => Promise<WorkOutcome>;
}

/**
 * Does once what a service does by the clock, for a scheduler that does it in its place. One line of the log tells what was done, and one
 * each what could not be: a warning where a database or a store is away, and an error with its stack else.
 *
 * @returns the exit code: 1 where something failed, 2 for arguments, 78 for faulty settings, which are told without a stack
 */
export async function runWork<Config extends WorkConfig>({
  service,
  args,
  readConfig,
  databaseUrl,
  work,
}: WorkOptions<Config>): Promise<number> {
  if (args.length > 0) {
    process.stderr.write(`It takes no arguments, and was given ${args.join(' ')}: settings are those of ${service}.\n`);
    return EXIT.usage;
  }
  const connection = `${service}-work`;
  const logLevel = ({ LOG_LEVEL }: Config) => LOG_LEVEL;
  const options = { name: service, connection, connections: CONNECTIONS, readConfig, databaseUrl, logLevel };
  return runOnce(options, async (tools) => {
    const { log } = tools;
    try {
      const { done, faults } = await work(tools);
      for (const [what, error] of faults) tell(log, service, error, what);
      if (faults.size > 0) {
        log.warn({ done, failed: [...faults.keys()] }, 'work by the clock is done in part');
        return EXIT.failed;
      }
      log.info({ done }, 'work by the clock is done');
      return EXIT.done;
    } catch (error) {
      tell(log, service, error);
      return EXIT.failed;
    }
  });
}

/** Without a stack where it is not of this code: a warning has none. */
function tell(log: Log, service: string, error: unknown, what?: string): void {
  const fault = toDatabaseFault(error, service) ?? (error instanceof AppError ? error : null);
  const facts = { err: error, ...(what !== undefined && { what }) };
  if (fault) log.warn({ ...facts, code: fault.code, reason: fault.reason }, 'work by the clock has failed');
  else log.error(facts, 'work by the clock has failed');
}

/** Does each part, whatever becomes of the others. */
export async function doParts(
  parts: Readonly<Record<string, () => Promise<Readonly<Record<string, number>>>>>,
): Promise<WorkOutcome> {
  const done: Record<string, number> = {};
  const faults = new Map<string, unknown>();
  for (const [name, part] of Object.entries(parts))
    try {
      Object.assign(done, await part());
    } catch (error) {
      faults.set(name, error);
    }
  return { done, faults };
}
