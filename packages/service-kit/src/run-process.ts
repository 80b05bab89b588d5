import { loadEnvFile } from './env-file.js';
import { exitOnFault } from './exit-on-fault.js';
import type { ServiceProcess } from './http-server.js';
import { changeLogLevel, flushLog, type Log } from './log.js';
import type { LogLevel } from './log-level.js';
import { ConfigError } from './settings.js';

/** sysexits.h: EX_CONFIG. */
const EXIT_CONFIG = 78;

/** What a process runs. */
export interface Runnable extends Pick<ServiceProcess, 'log' | 'shutdownGraceMs' | 'close'> {
  listen(): Promise<unknown>;
  /** Resolves when it is told to stop otherwise than by a signal. */
  readonly stopped?: Promise<void>;
}

/**
 * Runs a process: reads its `.env`, creates it, listens, waits for SIGTERM or SIGINT, closes it and exits 0. A second signal exits at
 * once. Configuration faults are printed together, without a stack. A fault that nothing catches ends it with 70, see
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
  const stop = (signal: NodeJS.Signals) => {
    if (signalled) process.exit(signal === 'SIGINT' ? 130 : 143);
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
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // Who has started it is gone.
  process.once('disconnect', () => stop('SIGTERM'));
}

/** Writes more, and at the next signal what the settings say again: for who cannot reach the operations port. */
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
