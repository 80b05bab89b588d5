import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runOperator as runCommand } from '../src/main.js';
import { createTerminalOn } from '../src/terminal.js';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Lets what it is loaded into take its output for a terminal. */
export const FAKE_TERMINAL = new URL('../../packages/testkit/process/fake-terminal.mjs', import.meta.url).href;
/** Where no embedded system runs. */
export const NOWHERE = path.join(tmpdir(), 'taskgraph-no-such-data');

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `npx taskgraph …` as somebody does who has set nothing but what is given, and who is not at a terminal. */
export function runOperator(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  typed = '',
): Promise<Ended> {
  const { PATH = '', HOME = '' } = process.env;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [path.join(ROOT, 'scripts/taskgraph.mjs'), ...args],
      { cwd: ROOT, env: { PATH, HOME, ENV_FILE: '', TASKGRAPH_DATA_DIR: NOWHERE, ...env }, maxBuffer: 64 * 1024 ** 2 },
      (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
    );
    child.stdin?.end(typed);
  });
}

/** Runs a script for a reader that has left before it says anything, as `head` does when it has read enough. */
export async function runUnread(script: string, args: readonly string[]): Promise<Omit<Ended, 'stdout'>> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [path.join(ROOT, script), ...args], {
    cwd: ROOT,
    env: { PATH, HOME, ENV_FILE: '', TASKGRAPH_DATA_DIR: NOWHERE },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close') as Promise<[number]>]);
  return { code, stderr };
}

/** Runs it in this process, for what neither works on anything nor reads a setting: help, and arguments that are wrong. */
export async function askOperator(args: readonly string[]): Promise<Ended> {
  const told = { stdout: '', stderr: '' };
  const terminal = createTerminalOn({
    writeOut: (text) => void (told.stdout += text),
    writeError: (text) => void (told.stderr += text),
  });
  return { code: await runCommand(args, terminal), ...told };
}
