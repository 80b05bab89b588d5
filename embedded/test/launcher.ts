import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chooseFreePorts } from '@taskgraph/testkit';

const START = fileURLToPath(new URL('../../scripts/start.mjs', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Nearly as long as a test may take: the first start makes demo data, on busy machines too. */
const WAIT_MS = 110_000;
const POLL_MS = 25;

export interface Run {
  readonly pid: number;
  /** Both streams, in the order in which they came. */
  readonly output: string;
  /** The exit code, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals>;
  kill(signal: NodeJS.Signals): void;
  /** Waits until the output holds `text`. @throws with the output when the process ends before */
  until(text: string | RegExp): Promise<void>;
  /** Sends SIGINT, as Ctrl-C does, and waits for the end. */
  stop(): Promise<number | NodeJS.Signals>;
}

export interface Launcher extends AsyncDisposable {
  /** The folder that the data are in. */
  readonly dataDir: string;
  readonly ports: Readonly<Record<'gateway' | 'auth' | 'task' | 'media', number>>;
  readonly graphqlUrl: string;
  /** Runs `npm start -- …flags` without npm in between. */
  run(flags?: readonly string[], env?: Readonly<Record<string, string>>): Run;
  /** Runs `./start-dev.sh`, from another folder. */
  runScript(env?: Readonly<Record<string, string>>): Run;
  /** Runs `npm start` itself. */
  runWithNpm(flags?: readonly string[], env?: Readonly<Record<string, string>>): Run;
}

/** Runs the real start script on a data folder and ports of its own. */
export async function createLauncher(): Promise<Launcher> {
  const parent = await mkdtemp(path.join(tmpdir(), 'taskgraph-start-'));
  // mkdtemp makes a folder for this user only; PostgreSQL may run as another.
  await chmod(parent, 0o755);
  const dataDir = path.join(parent, 'data');
  const [gateway, auth, task, media] = (await chooseFreePorts(4)) as [number, number, number, number];
  const runs: Run[] = [];
  const settings = {
    TASKGRAPH_DATA_DIR: dataDir,
    GATEWAY_PORT: String(gateway),
    AUTH_PORT: String(auth),
    TASK_PORT: String(task),
    MEDIA_PORT: String(media),
  };
  const keep = (run: Run) => {
    runs.push(run);
    return run;
  };
  return {
    dataDir,
    ports: { gateway, auth, task, media },
    graphqlUrl: `http://127.0.0.1:${gateway}/graphql`,
    run(flags = [], env = {}) {
      return keep(launch(process.execPath, [START, ...flags], { ...settings, ...env }));
    },
    runScript(env = {}) {
      return keep(launch(path.join(ROOT, 'start-dev.sh'), [], { ...settings, ...env }, parent));
    },
    runWithNpm(flags = [], env = {}) {
      return keep(launch('npm', ['start', '--', ...flags], { ...settings, ...env }));
    },
    async [Symbol.asyncDispose]() {
      for (const run of runs) await run.stop();
      await rm(parent, { recursive: true, force: true });
    },
  };
}

function launch(
  command: string,
  parameters: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd = ROOT,
): Run {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  const child = spawn(command, parameters, {
    cwd,
    env: { PATH, HOME, ENV_FILE: '', ...(TMPDIR !== undefined && { TMPDIR }), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let over = false;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const ended = new Promise<number | NodeJS.Signals>((resolve) =>
    child.once('close', (code, signal) => {
      over = true;
      resolve(code ?? signal ?? 0);
    }),
  );
  const holds = (text: string | RegExp) => (typeof text === 'string' ? output.includes(text) : text.test(output));
  return {
    pid: child.pid ?? 0,
    get output() {
      return output;
    },
    ended,
    kill: (signal) => void child.kill(signal),
    async until(text) {
      const deadline = Date.now() + WAIT_MS;
      while (!holds(text)) {
        if (over || Date.now() > deadline)
          throw new Error(`${over ? 'It ended' : 'Nothing came'} before ${String(text)}. Its output:\n${output}`);
        await delay(POLL_MS);
      }
    },
    async stop() {
      if (!over) child.kill('SIGINT');
      return ended;
    },
  };
}
