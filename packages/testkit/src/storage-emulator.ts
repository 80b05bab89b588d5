import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chooseFreePorts } from './free-ports.js';

export interface StorageEmulator extends AsyncDisposable {
  /** `http://host:port`, as STORAGE_EMULATOR_HOST has it. */
  readonly url: string;
  /** Exists already. */
  readonly bucket: string;
  /** Makes another. Returns its name. */
  addBucket(name: string): Promise<string>;
  /** Ends the process at once, as an outage does. What it holds stays. */
  stop(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TOOL = 'fake-gcs-server';
const BUCKET = 'taskgraph-test';
const READY_TIMEOUT_MS = 240_000;
const POLL_MS = 25;

let found: string | null | undefined;

/**
 * Whether this machine has fake-gcs-server, or Go to install it into `.tools/`, which takes a minute and is done once. Tests that need
 * it are skipped without it, which fails in CI.
 */
export function hasStorageEmulator(): boolean {
  return emulatorBinary() !== null;
}

/** Starts fake-gcs-server on a free port, with its objects in a folder of its own. @throws when it is not there or does not come up */
export async function startStorageEmulator(): Promise<StorageEmulator> {
  const binary = emulatorBinary();
  if (binary === null) throw new Error(`There is no ${TOOL}: it is installed with Go (https://go.dev/doc/install).`);
  const [port] = (await chooseFreePorts(1)) as [number];
  const url = `http://127.0.0.1:${port}`;
  const root = await mkdtemp(path.join(tmpdir(), 'taskgraph-gcs-'));
  const parameters = ['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-external-url', url];
  const launch = () =>
    spawn(binary, [...parameters, '-backend', 'filesystem', '-filesystem-root', root, '-log-level', 'error'], {
      stdio: 'ignore',
    });
  let child = launch();
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  const dispose = async () => {
    await stop();
    await rm(root, { recursive: true, force: true });
  };
  const addBucket = async (name: string) => {
    const made = await ask(`${url}/storage/v1/b?project=test`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    });
    if (!made) throw new Error(`${TOOL} makes no bucket.`);
    return name;
  };
  try {
    await untilReady(child, url);
    await addBucket(BUCKET);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    url,
    bucket: BUCKET,
    addBucket,
    stop,
    async start() {
      child = launch();
      await untilReady(child, url);
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** The tool's place, once it is installed; what fails is told once. */
function emulatorBinary(): string | null {
  if (found !== undefined) return found;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(ROOT, 'scripts/run-tool.mjs'), '--where', TOOL],
    // The test runner's NODE_OPTIONS are not for the script.
    { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } },
  );
  if (status !== 0) process.stderr.write(`Tests on Cloud Storage are skipped. ${stderr.trim()}\n`);
  found = status === 0 ? (stdout.trim().split('\n').at(-1) ?? null) : null;
  return found;
}

async function untilReady(child: ChildProcess, url: string): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  let failure: string | null = null;
  child.once('error', (error) => (failure = error.message));
  child.once('close', (code, signal) => (failure = `it ended with ${code ?? signal}`));
  while (!(await ask(`${url}/storage/v1/b?project=test`))) {
    if (failure !== null) throw new Error(`${TOOL} does not run: ${String(failure)}.`);
    if (Date.now() > deadline) throw new Error(`${TOOL} does not answer at ${url}.`);
    await delay(POLL_MS);
  }
}

async function ask(url: string, init: RequestInit = {}): Promise<boolean> {
  try {
    // Connections are not kept: one to a process that is killed would be a handle that nobody closes.
    const response = await fetch(url, { ...init, headers: { ...init.headers, connection: 'close' } });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
