import { ConfigError, exitOnFault, flushLog } from '@taskgraph/service-kit';
import { environment, readEmbeddedConfig } from './config.js';
import { parseFlags, readHelp, type Flags } from './flags.js';
import { LaunchError } from './launch-error.js';
import { createProgress, type Progress } from './progress.js';
import { demoQueryScreen, runningScreen } from './screen.js';
import { findSeedState, seedDemoData } from './seed/seed.js';
import { REPOSITORY, seedsDemoData, startSystem, type System } from './system.js';

/** npm passes on a Ctrl-C that the terminal has sent to this process already: both are one. */
const SAME_SIGNAL_MS = 500;

/** For four services and PostgreSQL; what is not done then, the next start tidies up. */
const FAULT_DRAIN_MS = 60_000;

const EXIT_BY_SIGNAL = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type StopSignal = keyof typeof EXIT_BY_SIGNAL;
/** sysexits.h: EX_UNAVAILABLE, EX_CONFIG. */
const EXIT_FAILED = 69;
const EXIT_CONFIG = 78;

/** Runs the whole system until a signal ends it. Returns the exit code. */
async function run(parameters: readonly string[]): Promise<number> {
  const flags = parseFlags(parameters);
  if (flags.help) {
    process.stdout.write(readHelp(REPOSITORY));
    return 0;
  }
  const config = readEmbeddedConfig(REPOSITORY);
  const progress = createProgress({ output: process.stdout, quiet: flags.output === 'quiet' });
  const stop = new AbortController();
  const stopped = onStopSignal(stop, progress);

  const starting = startSystem({ root: REPOSITORY, config, flags, env: environment(), progress, signal: stop.signal });
  endOnFault(starting, progress);
  let system: System;
  try {
    system = await starting;
  } catch (error) {
    if (stop.signal.aborted) return 0;
    throw error;
  }
  const seeds = seedsDemoData(flags, config);
  const background = present(system, flags, { seeds, isOpen: config.isOpen }, { progress, signal: stop.signal }).then(
    () => {
      system.startIsOver();
      giveBackMemory();
    },
  );
  const failure = await Promise.race([stopped, system.failed]);
  if (failure) progress.say(`\n${explain(failure)}\n`);
  progress.say('\nStopping …');
  // What is under way in the background would wait for what is gone.
  stop.abort();
  await background;
  await system.close();
  if (failure) return EXIT_FAILED;
  progress.say('Stopped. The data are kept.');
  return 0;
}

/** A fault that nothing catches ends the whole system, PostgreSQL last. */
function endOnFault(starting: Promise<System>, progress: Progress): void {
  let system: System | null = null;
  starting.then(
    (started) => (system = started),
    () => undefined,
  );
  exitOnFault({
    report(error, origin) {
      system?.log.fatal({ err: error, origin }, 'a fault that nothing has caught: the system ends');
      progress.say(`\nA fault of Taskgraph itself, please report it: the system stops.\n${explainFault(error)}`);
    },
    drain: async () => (await starting).close(),
    drainTimeoutMs: () => FAULT_DRAIN_MS,
    flush: async () => (system ? flushLog(system.log) : undefined),
  });
}

/** Tells what runs where, and makes the demo data if that has not been done. */
async function present(
  system: System,
  flags: Flags,
  { seeds, isOpen }: { readonly seeds: boolean; readonly isOpen: boolean },
  { progress, signal }: { progress: Progress; signal: AbortSignal },
): Promise<void> {
  const { urls, dataDir } = system;
  const seconds = (Date.now() - performance.timeOrigin) / 1000;
  if (flags.output === 'quiet') progress.say(`${urls.gateway}/graphql`);
  let state = await findSeedState(dataDir);
  const demo = seeds || state !== null;
  if (flags.output !== 'quiet') {
    progress.say(
      runningScreen({
        urls,
        postgresPort: system.postgresPort,
        tracesUrl: system.tracesUrl,
        dataDir: dataDir.folder,
        logFile: system.logFile,
        seconds,
        demo,
        isOpen,
        paint: progress.paint,
      }),
    );
  }
  if (!state && seeds) {
    try {
      const onProgress = (text: string) => progress.flash(`  … making demo data: ${text}`);
      state = await seedDemoData({ dataDir, graphqlUrl: `${urls.gateway}/graphql`, signal, onProgress });
      if (flags.output !== 'quiet')
        progress.say(`\n  ${progress.paint('green', '✓')} demo data: 2 people, 30 tasks, 12 pictures`);
    } catch (error) {
      if (signal.aborted) return;
      progress.say(`\n  The demo data are not complete; the next start goes on with them. (${describe(error)})`);
    }
  }
  if (state && flags.output !== 'quiet') progress.say(demoQueryScreen(urls.gateway, state.taskId));
}

/** Starting leaves a lot behind, which an idle process would keep until it is busy again. */
function giveBackMemory(): void {
  globalThis.gc?.();
}

/** Resolves at the first signal to stop, or when the starter is gone; a second signal ends the process at once. */
function onStopSignal(stop: AbortController, progress: Progress): Promise<void> {
  return new Promise((resolve) => {
    let firstAt: number | null = null;
    const begin = () => {
      firstAt ??= performance.now();
      stop.abort();
      resolve();
    };
    const handle = (signal: StopSignal) => {
      if (firstAt === null) return begin();
      if (performance.now() - firstAt < SAME_SIGNAL_MS) return;
      progress.say('Stopped at once; the next start tidies up.');
      process.exit(EXIT_BY_SIGNAL[signal]);
    };
    for (const signal of Object.keys(EXIT_BY_SIGNAL) as StopSignal[]) process.on(signal, handle);
    process.once('disconnect', begin);
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What went wrong, in words for the person at the terminal; a stack only for what nobody has foreseen. */
function explain(error: unknown): string {
  if (error instanceof LaunchError) return [error.message, ...error.advice].join('\n');
  if (error instanceof ConfigError) return `${error.message}\nREADME.md lists the settings.`;
  return `Taskgraph could not be started:\n${explainFault(error)}`;
}

function explainFault(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

try {
  process.exit(await run(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`\n${explain(error)}\n`);
  process.exit(error instanceof ConfigError ? EXIT_CONFIG : 1);
}
