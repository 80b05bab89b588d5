import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chooseFreePorts } from '@taskgraph/testkit';

/** By the name of a service, where its replicas answer. */
export type Replicas = Readonly<Record<string, readonly string[]>>;

export interface LoadBalancer extends AsyncDisposable {
  /** By the name of a service, where the balancer answers for it. */
  readonly urls: Readonly<Record<string, string>>;
  /** Waits until the balancer sends requests to a replica, or to it no more. */
  until(service: string, index: number, state: 'UP' | 'DOWN'): Promise<void>;
}

const POLL_MS = 20;
const UP_TIMEOUT_MS = 240_000;

/** Whether this machine has HAProxy: no npm package brings it. Tests that need it are skipped without it, which fails in CI. */
export function hasHaproxy(): boolean {
  return spawnSync('haproxy', ['-v'], { stdio: 'ignore' }).status === 0;
}

/**
 * Starts HAProxy before replicas. It looks at `/health/ready` and tries nothing twice, not even where a connection fails: whoever
 * stops has to be seen to before it refuses any. Replicas need not run yet.
 *
 * @throws with HAProxy's words when it does not come up
 */
export async function startHaproxy(replicas: Replicas): Promise<LoadBalancer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-haproxy-'));
  const names = Object.keys(replicas);
  const ports = await chooseFreePorts(names.length);
  const socket = path.join(folder, 'stats');
  const configuration = path.join(folder, 'haproxy.cfg');
  const sections = names.map((name, index) =>
    [
      `listen ${name}`,
      `  bind 127.0.0.1:${ports[index]}`,
      ...(replicas[name] ?? []).map((url, replica) => `  server ${name}${replica} ${new URL(url).host} check`),
    ].join('\n'),
  );
  await writeFile(configuration, [preamble(socket), ...sections, ''].join('\n\n'));
  const child = spawn('haproxy', ['-db', '-f', configuration], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-5_000)));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const deadline = Date.now() + UP_TIMEOUT_MS;
  while ((await readStates(socket)) === null) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`HAProxy does not run. Its output:\n${output}`);
    }
    await delay(POLL_MS);
  }
  return {
    urls: Object.fromEntries(names.map((name, index) => [name, `http://127.0.0.1:${ports[index]}`])),
    async until(service, index, state) {
      const giveUp = Date.now() + UP_TIMEOUT_MS;
      while (!(await readStates(socket))?.get(`${service}${index}`)?.startsWith(state)) {
        if (Date.now() > giveUp) throw new Error(`${service}${index} is not ${state} for HAProxy:\n${output}`);
        await delay(POLL_MS);
      }
    },
    [Symbol.asyncDispose]: stop,
  };
}

function preamble(socket: string): string {
  return `global
  stats socket ${socket} level user
  maxconn 2000

defaults
  mode http
  timeout connect 5s
  timeout client 5m
  timeout server 5m
  timeout tunnel 1h
  # Longer than a busy machine takes: what answers late is not gone.
  timeout check 20s
  # What is refused is to be seen.
  retries 0
  no option redispatch
  option httpchk
  http-check send meth GET uri /health/ready ver HTTP/1.1 hdr Host localhost
  http-check expect status 200
  default-server inter 500ms fall 1 rise 1`;
}

/** By the name of a server; null while HAProxy does not answer. */
function readStates(socket: string): Promise<ReadonlyMap<string, string> | null> {
  return new Promise((resolve) => {
    let text = '';
    const asked = createConnection(socket, () => asked.write('show stat\n'));
    asked.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    asked.once('error', () => resolve(null));
    asked.once('close', () => {
      const rows = text.split('\n').map((line) => line.split(','));
      resolve(text === '' ? null : new Map(rows.map((cells) => [cells[1] ?? '', cells[17] ?? ''])));
    });
  });
}
