import {
  pino,
  stdSerializers,
  type Bindings,
  type ChildLoggerOptions,
  type DestinationStream,
  type Logger,
} from 'pino';
import { withoutSecrets } from './log-redaction.js';
import type { LogLevel } from './settings.js';

export type Log = Logger;

export interface LogOptions {
  readonly service: string;
  readonly level: LogLevel;
  /** Where lines go; standard output when absent. */
  readonly destination?: DestinationStream | undefined;
}

/** Creates a JSON line logger. Errors under `err` carry their stack and causes. */
export function createLog({ service, level, destination }: LogOptions): Log {
  const options = {
    level,
    base: { service, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }), log: withoutSecrets },
    serializers: { err: (error: Error) => withoutSecrets(stdSerializers.err(error)) },
  };
  const log = destination ? pino(options, destination) : pino(options);
  // Children inherit it: what they are bound to passes no formatter of their parent.
  const make = Reflect.get(log, 'child') as (...parameters: never) => unknown;
  Object.defineProperty(log, 'child', {
    value(this: Log, bindings: Bindings, more?: ChildLoggerOptions): unknown {
      return Reflect.apply(make, this, [withoutSecrets(bindings), more]);
    },
  });
  return log;
}
