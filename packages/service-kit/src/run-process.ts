import { loadEnvFile } from './env-file.js';
import { exitOnFault } from './exit-on-fault.js';
import type { ServiceProcess } from './http-server.js';
import { changeLogLevel, flushLog, type Log } from './log.js';
import type { LogLevel } from './log-level.js';
import { ConfigError } from './config-error.js';

/** sysexits.h: EX_CONFIG. */
const EXIT_CONFIG = 78;

/** What a process runs. */
export interface Runnable extends Pick<ServiceProcess, 'log' | 'shutdownGraceMs' | 'close'> {
  listen(): Promise<unknown>;
  /** Resolves when it is told to stop otherwise than by a signal. */
  readonly stopped?: Promise<void>;
}

const EXIT_BY_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Runs a process: reads its `.env`, creates it, listens, waits for SIGTERM or SIGINT, closes it and exits 0. A second signal exits at
 * once, and so does one that comes before anything is served: the first process of a container has no default for signals, and would
 * otherwise start what is to stop. Configuration faults are printed together, without a stack. A fault that nothing catches ends it with 70, see
 * {@link exitOnFault}.
 */
export async function runProcess(create: () => Promise<Runnable>): Promise<void> {
  let service: Runnable | null = null;
  exitOnFault({
    report(error, origin) {
      if (service) service.log.fatal({ err: error, origin }, 'a fault that nothing has caught: the process ends');
      else process.stderr.write(`${describe(error)}\n`);
    },
    drain: async () => service?.close(),
    drainTimeoutMs: () => service?.shutdownGraceMs ?? 0,
    flush: async () => (service ? flushLog(service.log) : undefined),
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, exitAtOnce);
  try {
    loadEnvFile();
    service = await create();
    await service.listen();
  } catch (error) {
    process.stderr.write(`${error instanceof ConfigError ? error.message : describe(error)}\n`);
    process.exit(error instanceof ConfigError ? EXIT_CONFIG : 1);
  }
  const running = service;
  changeLevelOnSignal(running.log);
  let stopping = false;
  let signalled = false;
  const stop = (signal: StopSignal) => {
    if (signalled) exitAtOnce(signal);
    signalled = true;
    end();
  };
  const end = () => {
    if (stopping) return;
    stopping = true;
    void running
      .close()
      .then(
        () => 0,
        (error: unknown) => {
          process.stderr.write(`${describe(error)}\n`);
          return 1;
        },
      )
      .then(async (code) => {
        await flushLog(running.log);
        process.exit(code);
      });
  };
  void running.stopped?.then(end);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, stop);
    process.off(signal, exitAtOnce);
  }
  // The process that has started it is gone.
  process.once('disconnect', () => stop('SIGTERM'));
}

type StopSignal = keyof typeof EXIT_BY_SIGNAL;

function exitAtOnce(signal: StopSignal): never {
  process.exit(EXIT_BY_SIGNAL[signal]);
}

/** Writes more, and at the next signal what the settings say again: for an operator who cannot reach the operations port. */
function changeLevelOnSignal(log: Log): void {
  const { level } = log;
  process.on('SIGUSR2', () => changeLogLevel(log, (log.level === level ? 'debug' : level) as LogLevel));
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') return `Port ${port ?? ''} is in use by another program.`;
  return error.stack ?? error.message;
}
