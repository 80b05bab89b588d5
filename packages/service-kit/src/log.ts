import { pino, type DestinationStream, type Logger } from 'pino';
import type { LogLevel } from './settings.js';

export type Log = Logger;

/** What never reaches a log, wherever a careless caller puts it (one level deep and in headers). */
const SECRET_PATHS = [
  'authorization',
  'cookie',
  'password',
  'currentPassword',
  'newPassword',
  'accessToken',
  'refreshToken',
  'token',
].flatMap((name) => [name, `*.${name}`, `*.headers.${name}`]);

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
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRET_PATHS, censor: '[redacted]' },
  };
  return destination ? pino(options, destination) : pino(options);
}
