import path from 'node:path';
import { env as processEnv, loadEnvFile as load } from 'node:process';
import { ConfigError } from './config-error.js';

/** Where npm was called, of a script that it runs in the folder of a workspace (npm run-script, "Environment"). */
const CALLED_IN = 'INIT_CWD';

/**
 * Reads a file of settings into the environment of the process. What the environment has already wins, also where it says nothing
 * (`NAME=`), so a setting can be given, and taken away, for one start.
 *
 * The file is `.env` in the working directory, or where npm was called, and need not be there; `ENV_FILE` names another one, or none when it
 * is empty.
 *
 * @throws ConfigError when the file cannot be read
 */
export function loadEnvFile(): void {
  const { ENV_FILE: named, [CALLED_IN]: calledIn } = processEnv;
  if (named === '') return;
  if (named !== undefined) return readInto(named, `ENV_FILE ${named}`);
  for (const folder of new Set(['.', calledIn ?? '.'])) readIfThere(path.join(folder, '.env'));
}

function readIfThere(file: string): void {
  try {
    load(file);
  } catch (error) {
    if (!isAbsent(error)) throw unreadable(file, error);
  }
}

function readInto(file: string, name: string): void {
  try {
    load(file);
  } catch (error) {
    throw unreadable(name, error);
  }
}

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

function unreadable(name: string, error: unknown): ConfigError {
  return new ConfigError([`${name} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`]);
}
