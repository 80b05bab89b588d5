/** Where progress is told; a pino logger is one. */
export interface ProgressLog {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
}

/** Tells nobody. */
export const silentLog: ProgressLog = { debug: () => undefined, info: () => undefined, warn: () => undefined };
