import { createWriteStream } from 'node:fs';
import { rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { createLog, makeFolder, type Log } from '@taskgraph/service-kit';
import type { EmbeddedConfig, ServiceName } from './config.js';
import type { DataDir } from './data-dir.js';
import type { Paint } from './progress.js';

type LogLevel = NonNullable<EmbeddedConfig['logLevel']>;

/** pino's numbers; a line is shown when its number is at least that of the chosen level. */
const SEVERITY: Readonly<Record<LogLevel, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
  silent: 70,
};
/**
 * A warning that a slow machine brings about, with a plan: there is nothing to do about it, and a beginner would take it for a fault.
 * It is in the file; a person who asks for a level sees it.
 */
const OF_SLOW_MACHINES = 'slow operation';
/** A file that has grown beyond is put aside at the next start; one older file is kept. */
const MAX_FILE_BYTES = 20 * 1024 * 1024;

export interface AppLogOptions {
  readonly screenLevel: LogLevel;
  readonly fileLevel: LogLevel;
  /** Whether the person has asked for what is on the screen, beside what matters to everybody. */
  readonly isAskedFor: boolean;
  /** Writes one line to the screen. */
  readonly show: (line: string) => void;
  readonly paint: Paint;
}

export interface AppLog {
  readonly file: string;
  of(service: ServiceName): Log;
  /** Everything runs: from now on warnings of what has failed and is tried again are on the screen. */
  startIsOver(): void;
  close(): Promise<void>;
}

/**
 * Writes the logs of all services as JSON lines to one file, and what matters to the screen, for people to read.
 *
 * While it starts, everything loads at once in one process, and a slow machine has time-outs of what is tried again: they are in the file
 * alone. What a start cannot go on without ends it, in words of its own.
 */
export async function openAppLog(
  { logs }: DataDir,
  { screenLevel, fileLevel, isAskedFor, show, paint }: AppLogOptions,
): Promise<AppLog> {
  await makeFolder(logs);
  const file = path.join(logs, 'taskgraph.log');
  const size = await stat(file).then(
    (status) => status.size,
    () => 0,
  );
  if (size > MAX_FILE_BYTES) await rename(file, `${file}.1`);
  const stream = createWriteStream(file, { flags: 'a' });
  let writable = true;
  stream.on('error', (error) => {
    // A full disk must not stop the services.
    if (writable) show(`The log file cannot be written any more: ${error.message}`);
    writable = false;
  });

  const level = SEVERITY[screenLevel] < SEVERITY[fileLevel] ? screenLevel : fileLevel;
  let isStarting = true;
  const isForFile = ({ level: name, msg, err, code }: LogLine) =>
    msg === OF_SLOW_MACHINES || (isStarting && name === 'warn' && (err !== undefined || code !== undefined));
  const destination = {
    write(line: string) {
      const severity = SEVERITY[levelOf(line)];
      if (writable && severity >= SEVERITY[fileLevel]) stream.write(line);
      if (severity < SEVERITY[screenLevel]) return;
      const parsed = JSON.parse(line) as LogLine;
      if (isAskedFor || !isForFile(parsed)) show(toReadable(parsed, paint));
    },
  };
  return {
    file,
    of: (service) => createLog({ service, level, destination }),
    startIsOver() {
      isStarting = false;
    },
    close: () => new Promise((resolve) => (writable ? stream.end(() => resolve()) : resolve())),
  };
}

/** The level stands first in each line; see service-kit's log. */
function levelOf(line: string): LogLevel {
  const level = /^\{"level":"([a-z]+)"/.exec(line)?.[1];
  return level !== undefined && level in SEVERITY ? (level as LogLevel) : 'info';
}

interface LogLine {
  readonly level: string;
  readonly time: string;
  readonly service: string;
  readonly msg?: string;
  readonly err?: { readonly message?: string; readonly stack?: string };
  readonly pid?: number;
  /** Of a fault that somebody was told. */
  readonly code?: string;
}

/** `12:00:01 WARN  media: message key=value`, with the stack of an error below. */
function toReadable({ level, time, service, msg, err, pid: _pid, ...rest }: LogLine, paint: Paint): string {
  const details = Object.entries(rest).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const head = `${time.slice(11, 19)} ${paintLevel(level, paint)} ${service}: ${msg ?? err?.message ?? ''}${details.join('')}`;
  return err ? `${head}\n${err.stack ?? err.message ?? ''}` : head;
}

function paintLevel(level: string, paint: Paint): string {
  const text = level.toUpperCase().padEnd(5);
  if (level === 'warn') return paint('yellow', text);
  return level === 'error' || level === 'fatal' ? paint('red', text) : text;
}
