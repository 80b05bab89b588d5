import { types } from 'node:util';
import {
  pino,
  stdSerializers,
  type Bindings,
  type ChildLoggerOptions,
  type DestinationStream,
  type Logger,
} from 'pino';
import { holdLines } from './held-lines.js';
import { collapseBursts } from './log-bursts.js';
import { withoutSecrets } from './log-redaction.js';
import { activeSpan } from './tracing/span.js';
import type { LogLevel } from './log-level.js';

export type Log = Logger;

/** What is written to a pipe as a whole, on Linux (pipe(7)). */
const PIPE_BUF = 4_096;

interface LogOptions {
  readonly service: string;
  readonly level: LogLevel;
  /** Of those that serve together, which one this is. */
  readonly worker?: number | undefined;
  /** Where lines go; standard output when absent. */
  readonly destination?: DestinationStream | undefined;
}

/**
 * Creates a JSON line logger. Errors under `err` carry their causes, and their stack above level warn. A burst of one fault is one line and
 * one with the count: see `log-bursts.ts`.
 */
export function createLog({ service, level, worker, destination }: LogOptions): Log {
  // Several that write to one pipe do not break into each other's lines as long as they write no more at a time.
  const lines = destination ? null : holdLines(worker === undefined ? undefined : PIPE_BUF);
  const options = {
    level,
    base: { service, pid: process.pid, ...(worker !== undefined && { worker }) },
    timestamp: isoTime(),
    formatters: { level: (label: string) => ({ level: label }), log: withTrace },
    hooks: { logMethod: collapseBursts(lines?.release) },
    // What stands in the place of an error has been made readable before.
    serializers: {
      err: (error: Error) => withoutSecrets(types.isNativeError(error) ? stdSerializers.err(error) : error),
    },
  };
  const log = pino(options, lines ?? (destination as DestinationStream));
  const parts = new Set<WeakRef<Log>>([new WeakRef(log)]);
  PARTS.set(log, parts);
  // Children inherit it: what they are bound to passes no formatter of their parent.
  const make = Reflect.get(log, 'child') as (...parameters: never) => unknown;
  Object.defineProperty(log, 'child', {
    value(this: Log, bindings: Bindings, more?: ChildLoggerOptions): unknown {
      const child = Reflect.apply(make, this, [withoutSecrets(bindings), more]) as Log;
      // The log of a request is gone before anybody could change its level.
      if (!('requestId' in bindings) && parts.size < MAX_PARTS) parts.add(new WeakRef(child));
      return child;
    },
  });
  return log;
}

/** Of each log, itself and those of the parts of the process: a child of pino has the level that its parent had when it was made. */
const PARTS = new WeakMap<Log, Set<WeakRef<Log>>>();
const MAX_PARTS = 1_000;

/** Changes the level of a log that `createLog` has made, and of the parts of the process that log below it. */
export function changeLogLevel(log: Log, level: LogLevel): void {
  const before = log.level;
  if (before === level) return;
  for (const part of PARTS.get(log) ?? [new WeakRef(log)]) {
    const found = part.deref();
    if (found) found.level = level;
  }
  log.info({ before, level }, 'the level of the log was changed');
}

/** Says of a line to which trace it belongs, where there is one, and leaves out what is secret. */
function withTrace(facts: Record<string, unknown>): Record<string, unknown> {
  const safe = withoutSecrets(facts);
  const span = activeSpan();
  return span === null ? safe : { traceId: span.traceId, ...safe };
}

/** pino's time of a line, which is written once for all lines of a millisecond. */
function isoTime(): () => string {
  let at = 0;
  let text = '';
  return () => {
    const now = Date.now();
    if (now !== at) {
      at = now;
      text = `,"time":"${new Date(now).toISOString()}"`;
    }
    return text;
  };
}

/** The reader of standard output may have stopped. */
const FLUSH_TIMEOUT_MS = 5_000;

/**
 * Waits until what has been logged is written, for at most five seconds. Of a process that exits before, lines come in another order,
 * or not at all. Never throws.
 */
export async function flushLog(log: Log): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, FLUSH_TIMEOUT_MS);
    // An error tells of a pipe that takes no fsync.
    log.flush(() => resolve());
  });
  clearTimeout(timer);
}
