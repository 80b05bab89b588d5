import { spawn, type ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterAccount } from './cluster-account.js';
import type { ClusterBinaries } from './cluster-binaries.js';
import { connectionTo, CLUSTER_HOST, withClient } from './cluster-connection.js';
import { ClusterError } from './cluster-error.js';
import { isAlive, type ClusterFiles } from './cluster-files.js';
import type { ProgressLog } from './progress-log.js';

export interface ServerOptions {
  readonly binaries: ClusterBinaries;
  readonly files: ClusterFiles;
  readonly account: ClusterAccount | null;
  readonly port: number;
  readonly password: string;
  readonly log: ProgressLog;
  readonly serverSettings: Readonly<Record<string, string>>;
  /** A folder to remove when this process dies without stopping the server. */
  readonly removeOnOwnerDeath: string | null;
}

export interface PostgresServer {
  readonly pid: number;
  /** Resolves with its last lines when it has ended without being stopped. */
  readonly ended: Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** Recovery after a crash may take a while; beyond this the start has failed. */
const START_TIMEOUT_MS = 60_000;
/** A fast shutdown writes a checkpoint; beyond this the server is stopped without one and recovers at the next start. */
const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 20;
const KEPT_LINES = 40;
const TOLD_LINES = 5;

/** Starts the server and waits until it answers a query. @throws ClusterError */
export async function startServer(options: ServerOptions): Promise<PostgresServer> {
  const { binaries, files, account, port, log } = options;
  const settings: Record<string, string> = {
    listen_addresses: CLUSTER_HOST,
    port: String(port),
    // Connections come over TCP with a password; a socket in /tmp would be one more thing to clash.
    unix_socket_directories: '',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...options.serverSettings,
  };
  const child = spawn(
    binaries.postgres,
    ['-D', files.pgData, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      // A process group of its own: Ctrl-C in the terminal reaches the starter only.
      detached: process.platform !== 'win32',
      cwd: tmpdir(),
      ...(account && { uid: account.uid, gid: account.gid }),
    },
  );
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
  const lines = keepLines(child, log);
  await untilReady(child, ended, lines, options);

  const pid = child.pid as number;
  const guard = startGuard(pid, files.pidFile, options.removeOnOwnerDeath);
  let stopping = false;
  const endedByItself = new Promise<readonly string[]>((resolve) => {
    void ended.then(() => {
      if (stopping) return;
      log.warn(`PostgreSQL ended unexpectedly:\n${lines.join('\n')}`);
      resolve(lines.slice(-TOLD_LINES));
    });
  });
  // A cluster that nobody stops does not keep a finished program alive; the guard stops the server then.
  child.unref();
  (child.stderr as unknown as { unref(): void }).unref();

  return {
    pid,
    ended: endedByItself,
    async stop() {
      stopping = true;
      if (child.exitCode === null && child.signalCode === null) {
        child.ref();
        await endServer(child, ended, options);
      }
      guard?.release();
    },
  };
}

function keepLines(child: ChildProcess, log: ProgressLog): string[] {
  const lines: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    for (const line of chunk.split('\n').filter((text) => text.trim() !== '')) {
      log.debug(line);
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
    }
  });
  return lines;
}

async function untilReady(
  child: ChildProcess,
  ended: Promise<void>,
  lines: readonly string[],
  options: ServerOptions,
): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let dead = false;
  void ended.then(() => {
    dead = true;
  });
  const { adminUrl } = connectionTo(options.port, options.password);
  for (;;) {
    if (dead) throw startFailure(lines, options);
    try {
      await withClient(adminUrl, (client) => client.query('SELECT 1'));
      // Another server may have taken the port in between; ours would be dead by now or soon.
      if (child.exitCode === null) return;
    } catch (error) {
      const { code } = error as { code?: string };
      const starting = code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === '57P03' || code === undefined;
      if (!starting || Date.now() > deadline) {
        child.kill('SIGKILL');
        await ended;
        throw new ClusterError('START_FAILED', `PostgreSQL did not start. Its last words:\n${lines.join('\n')}`, {
          cause: error,
        });
      }
    }
    await Promise.race([delay(POLL_MS), ended]);
  }
}

export function portInUse(port: number): ClusterError {
  return new ClusterError(
    'PORT_IN_USE',
    `Port ${port} is in use by another program, so PostgreSQL cannot listen on it.`,
  );
}

function startFailure(lines: readonly string[], { port, binaries }: ServerOptions): ClusterError {
  const words = lines.join('\n');
  if (/could not bind|Address already in use/i.test(words)) {
    return portInUse(port);
  }
  return new ClusterError(
    'START_FAILED',
    words
      ? `PostgreSQL did not start. Its last words:\n${words}`
      : `${binaries.postgres} cannot be run on this machine.`,
  );
}

async function endServer(child: ChildProcess, ended: Promise<void>, { binaries, files }: ServerOptions): Promise<void> {
  if (process.platform === 'win32') {
    spawn(binaries.pgCtl, ['stop', '-D', files.pgData, '-m', 'fast'], { stdio: 'ignore' });
    await ended;
    return;
  }
  // pg_ctl: SIGINT is a fast shutdown, SIGQUIT an immediate one.
  child.kill('SIGINT');
  const giveUp = new AbortController();
  const late = delay(STOP_TIMEOUT_MS, 'late', { signal: giveUp.signal }).catch(() => 'done');
  if ((await Promise.race([ended, late])) === 'late') child.kill('SIGQUIT');
  await ended;
  giveUp.abort();
}

/** Stops a server that is no child of this process. */
export async function stopOrphan(pid: number): Promise<void> {
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  signal(pid, 'SIGINT');
  while (await isAlive(pid)) {
    if (Date.now() > deadline) {
      throw new ClusterError(
        'ALREADY_RUNNING',
        `PostgreSQL (process ${pid}) of an earlier run does not stop. End it by hand: kill -QUIT ${pid}`,
      );
    }
    await delay(POLL_MS);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Starts a tiny process that stops the server when this one dies without having done so, kill -9 included: its standard
 * input ends with this process.
 */
function startGuard(serverPid: number, pidFile: string, folderToRemove: string | null): { release(): void } | null {
  if (process.platform === 'win32') return null;
  const script =
    'read -r word; [ "$word" = released ] && exit 0; kill -INT "$1" 2>/dev/null; ' +
    // PostgreSQL removes its pid file last. The pid itself may linger where nobody reaps it, as in a container.
    '[ -z "$2" ] && exit 0; n=0; while [ -e "$3" ] && [ $n -lt 300 ]; do sleep 0.1; n=$((n+1)); done; rm -rf -- "$2"';
  const guard = spawn(
    '/bin/sh',
    ['-c', script, 'taskgraph-postgres-guard', String(serverPid), folderToRemove ?? '', pidFile],
    {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      cwd: tmpdir(),
    },
  );
  // Without a shell the server is merely not guarded.
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return { release: () => guard.stdin.end('released\n') };
}
