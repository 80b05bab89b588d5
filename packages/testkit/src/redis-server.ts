import { spawn, spawnSync } from 'node:child_process';
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { chooseFreePorts } from './free-ports.js';

export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  /** Ends the process at once, as a crash does. */
  stop(): Promise<void>;
  /** Starts it again on the same port, empty. */
  start(): Promise<void>;
}

const READY_TIMEOUT_MS = 240_000;
const POLL_MS = 20;

/** Whether this machine has a Redis server: no npm package brings one. Tests that need it are skipped without it, which fails in CI. */
export function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Starts a Redis of its own that keeps nothing on disk; clients need the password where one is given. @throws when it does not come up */
export async function startRedisServer({ password }: { readonly password?: string } = {}): Promise<RedisServer> {
  const [port] = (await chooseFreePorts(1)) as [number];
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  if (password !== undefined) options.push('--requirepass', password);
  const launch = () => spawn('redis-server', options, { stdio: 'ignore' });
  let child = launch();
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  await untilReady(port);
  return {
    url: `redis://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`,
    stop,
    async start() {
      child = launch();
      await untilReady(port);
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function untilReady(port: number): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (Date.now() > deadline) throw new Error(`redis-server does not listen on port ${port}`);
    await delay(POLL_MS);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
