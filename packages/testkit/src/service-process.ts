import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const EXIT_WITH_PARENT = new URL('../process/exit-with-parent.mjs', import.meta.url).href;

const READY_TIMEOUT_MS = 240_000;
/** Longer than the grace period that spawned services are given. */
const STOP_TIMEOUT_MS = 60_000;
const POLL_MS = 25;
const KEPT_LINES = 5_000;

export interface ServiceProcessOptions {
  readonly name: string;
  /** Relative to the repository, such as `gateway/dist/main.js`. */
  readonly entry: string;
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  /** Of Node, beside those of every service. */
  readonly nodeFlags?: readonly string[];
}

export interface SpawnedService {
  readonly name: string;
  readonly url: string;
  /** Of the present run, or of the last one when it has ended. */
  readonly pid: number;
  readonly running: boolean;
  readonly lines: readonly string[];
  /** Sends a signal and waits until the process has ended. Returns its exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
  /** Waits until the process has ended by itself. Returns its exit code, or the signal that ended it. */
  exit(): Promise<number | NodeJS.Signals>;
  /** Starts the process again, on the same port, and waits until it is ready. */
  start(): Promise<void>;
}

/** Starts a built service and waits until it says that it is ready. @throws with its log when it ends before */
export async function spawnService(options: ServiceProcessOptions): Promise<SpawnedService> {
  const entry = path.join(ROOT, options.entry);
  if (!existsSync(entry)) throw new Error(`${options.entry} is not built: run npm run build first.`);
  const lines: string[] = [];
  let child = launch(entry, options, lines);
  let ended = endOf(child);

  const service: SpawnedService = {
    name: options.name,
    url: options.url,
    lines,
    get pid() {
      return child.pid ?? 0;
    },
    get running() {
      return isRunning(child);
    },
    async end(signal) {
      if (!isRunning(child)) return ended;
      child.kill(signal);
      const giveUp = new AbortController();
      const late = delay(STOP_TIMEOUT_MS, 'late' as const, { signal: giveUp.signal }).catch(() => 'done' as const);
      if ((await Promise.race([ended, late])) === 'late') {
        child.kill('SIGKILL');
        await ended;
        throw new Error(
          `${options.name} did not end within ${STOP_TIMEOUT_MS} ms of ${signal}. Its log:\n${lines.join('\n')}`,
        );
      }
      giveUp.abort();
      return ended;
    },
    exit: () => ended,
    async start() {
      if (isRunning(child)) return;
      child = launch(entry, options, lines);
      ended = endOf(child);
      await untilReady(child, options, lines);
    },
  };
  await untilReady(child, options, lines);
  return service;
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null && child.pid !== undefined;
}

function endOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  // 'close' comes after the last line of output, 'exit' before; between them the process is gone and its last lines are not read.
  return new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal ?? 0)));
}

function launch(entry: string, options: ServiceProcessOptions, lines: string[]): ChildProcess {
  // The test runner's NODE_OPTIONS are not for the service, and no setting of the developer's shell may leak in.
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  const flags = ['--enable-source-maps', ...(options.nodeFlags ?? []), '--import', EXIT_WITH_PARENT];
  const child = spawn(process.execPath, [...flags, entry], {
    cwd: ROOT,
    env: { PATH, HOME, ENV_FILE: '', ...(TMPDIR !== undefined && { TMPDIR }), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts.map((line) => `[${options.name}] ${line}`));
      if (lines.length > KEPT_LINES) lines.splice(0, lines.length - KEPT_LINES);
    });
    stream?.on('end', () => {
      if (rest !== '') lines.push(`[${options.name}] ${rest}`);
      rest = '';
    });
  }
  return child;
}

async function untilReady(
  child: ChildProcess,
  { name, url }: ServiceProcessOptions,
  lines: readonly string[],
): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  let failure: string | null = null;
  child.once('error', (error) => (failure = error.message));
  child.once('close', (code, signal) => (failure = `it ended with ${code ?? signal}`));
  while (!(await isReady(url))) {
    if (failure === null && Date.now() > deadline) {
      child.kill('SIGKILL');
      failure = `it was not ready within ${READY_TIMEOUT_MS} ms`;
    }
    if (failure !== null) throw new Error(`${name} could not be started: ${failure}. Its log:\n${lines.join('\n')}`);
    await delay(POLL_MS);
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    // Connections are not kept: one to a service that is killed would be a handle that nobody closes.
    const response = await fetch(new URL('/health/ready', url), { headers: { connection: 'close' } });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
