import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chooseFreePorts } from './free-ports.js';

export interface PubSubEmulator extends AsyncDisposable {
  /** `host:port`, as PUBSUB_EMULATOR_HOST has it. */
  readonly host: string;
  /** Ends the process at once, as a crash does. */
  stop(): Promise<void>;
  /** Starts it again on the same port. It has forgotten its topics, subscriptions and messages. */
  start(): Promise<void>;
}

const READY_TIMEOUT_MS = 240_000;
const ANSWER_TIMEOUT_MS = 1_000;
const POLL_MS = 25;
const KEPT_OUTPUT_CHARACTERS = 4_000;

const HOW_TO_INSTALL =
  'install it with `gcloud components install pubsub-emulator` or `apt-get install google-cloud-cli-pubsub-emulator`, ' +
  'and Java with `apt-get install default-jre-headless`; PUBSUB_EMULATOR_HOME names its folder when it lies elsewhere';

/** Whether this machine has Google's Pub/Sub emulator and a Java to run it. Tests that need it are skipped without it, which fails in CI. */
export function hasPubSubEmulator(): boolean {
  if (findEmulatorJar() !== null && spawnSync(javaCommand(), ['-version'], { stdio: 'ignore' }).status === 0)
    return true;
  process.stderr.write(`Tests on Pub/Sub are skipped, for its emulator is not here: ${HOW_TO_INSTALL}.\n`);
  return false;
}

/** Starts Google's Pub/Sub emulator on a free port. @throws when it is not installed or does not come up */
export async function startPubSubEmulator(): Promise<PubSubEmulator> {
  const jar = findEmulatorJar();
  if (jar === null) throw new Error(`There is no Pub/Sub emulator: ${HOW_TO_INSTALL}.`);
  const [port, iamPort] = (await chooseFreePorts(2)) as [number, number];
  // The jar, not `gcloud`: that is Python, takes seconds, and leaves the Java process behind when it is killed.
  const parameters = ['-XX:TieredStopAtLevel=1', '-Xmx512m', '-jar', jar, '--host=127.0.0.1', `--port=${port}`];
  const launch = () => {
    const child = spawn(javaCommand(), [...parameters, `--iam_port=${iamPort}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return { child, output: keepOutput(child) };
  };
  let running = launch();
  const stop = async () => {
    const { child } = running;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  const ready = async () => {
    try {
      await untilReady(running.child, port);
    } catch (error) {
      await stop();
      throw new Error(`${(error as Error).message} Its output:\n${running.output()}`, { cause: error });
    }
  };
  await ready();
  return {
    host: `127.0.0.1:${port}`,
    stop,
    async start() {
      running = launch();
      await ready();
    },
    [Symbol.asyncDispose]: stop,
  };
}

function javaCommand(): string {
  const home = process.env['JAVA_HOME'];
  return home ? path.join(home, 'bin/java') : 'java';
}

/** The places where the Google Cloud SDK keeps it, without asking `gcloud`, which takes a second. */
function findEmulatorJar(): string | null {
  const { PUBSUB_EMULATOR_HOME, CLOUDSDK_ROOT, PATH = '' } = process.env;
  const sdks = [CLOUDSDK_ROOT, ...PATH.split(path.delimiter).map(sdkOfBin), '/usr/lib/google-cloud-sdk'];
  const homes = [PUBSUB_EMULATOR_HOME, ...sdks.map((sdk) => sdk && path.join(sdk, 'platform/pubsub-emulator'))];
  for (const home of homes) {
    if (!home) continue;
    const folder = path.join(home, 'lib');
    const jar = existsSync(folder) && readdirSync(folder).find((file) => /^cloud-pubsub-emulator-.*\.jar$/.test(file));
    if (jar) return path.join(folder, jar);
  }
  return null;
}

/** The SDK whose `gcloud` lies, or is linked to, in a folder of the search path. */
function sdkOfBin(folder: string): string | undefined {
  const gcloud = path.join(folder, 'gcloud');
  return folder !== '' && existsSync(gcloud) ? path.dirname(path.dirname(realpathSync(gcloud))) : undefined;
}

function keepOutput(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(-KEPT_OUTPUT_CHARACTERS);
    });
  return () => text;
}

async function untilReady(child: ChildProcess, port: number): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  let failure: string | null = null;
  child.once('error', (error) => (failure = error.message));
  child.once('close', (code, signal) => (failure = `it ended with ${code ?? signal}`));
  while (!(await answers(port))) {
    if (failure !== null) throw new Error(`The Pub/Sub emulator does not run: ${String(failure)}.`);
    if (Date.now() > deadline) throw new Error(`The Pub/Sub emulator does not answer on port ${port}.`);
    await delay(POLL_MS);
  }
}

/** Its port also speaks HTTP, and says `Ok` there. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, path: '/', agent: false, timeout: ANSWER_TIMEOUT_MS });
    asked.once('response', (response) => {
      response.resume();
      response.once('close', () => resolve(response.statusCode === 200));
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', () => resolve(false));
    asked.end();
  });
}
