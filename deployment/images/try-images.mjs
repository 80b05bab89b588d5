import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chooseFreePort, startCluster } from '@taskgraph/databases';
import { inside } from './build-stages.mjs';

const SERVICES = ['auth', 'task', 'media', 'gateway'];
const DATABASES = ['auth', 'task', 'media'];
const READY_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 60_000;

/**
 * Runs what the images hold, as the user that they name: migrates a PostgreSQL of its own, starts the four processes, waits until
 * each image's health check is content, and asks the gateway. Stops everything.
 *
 * @param {object} options
 * @param {Record<'migrate' | 'auth' | 'task' | 'media' | 'gateway', import('./build-stages.mjs').Image>} options.images
 * @param {string} options.nodeFolder
 * @param {string} options.scratch
 * @param {(line: string) => void} options.tell
 * @throws when a process fails, does not become ready, answers wrongly, or does not end by itself
 */
export async function tryImages({ images, nodeFolder, scratch, tell }) {
  const cluster = await startCluster({
    dataDir: path.join(scratch, 'postgres'),
    persistent: false,
    log: { debug() {}, info() {}, warn: tell },
  });
  const running = [];
  try {
    const env = await settings(cluster, images);
    await migrate({ image: images.migrate, env, nodeFolder, tell });
    for (const name of SERVICES)
      running.push({ name, process: launch(name, images[name], images[name].cmd, env, nodeFolder) });
    await Promise.all(
      running.map(({ name, process }) => untilHealthy({ name, process, image: images[name], env, nodeFolder })),
    );
    tell('all four processes are healthy');
    await ask(env.GATEWAY_PORT);
    tell('the gateway has answered: an account, a task of it, and both read with one query');
    for (const { name, process } of running.toReversed()) await stop(name, process);
    tell('all four processes have ended with 0 after SIGTERM');
  } finally {
    for (const { process } of running) process.kill('SIGKILL');
    await Promise.allSettled(running.map(({ process }) => process.ended));
    await cluster.stop();
  }
}

async function migrate({ image, env, nodeFolder, tell }) {
  const process = launch('migrate', image, [...image.entrypoint, ...image.cmd], env, nodeFolder);
  const ended = await process.ended;
  if (ended !== 0) throw new Error(`migrate ended with ${ended}:\n${process.output()}`);
  tell('the databases are migrated');
}

async function stop(name, process) {
  process.kill('SIGTERM');
  const ended = await Promise.race([process.ended, delay(STOP_TIMEOUT_MS, 'nothing', { ref: false })]);
  if (ended !== 0) throw new Error(`${name} ended with ${ended} after SIGTERM:\n${process.output()}`);
}

/** Beside those that the images bring. */
async function settings(cluster, images) {
  const env = {
    HOST: '127.0.0.1',
    OPERATIONS_HOST: '127.0.0.1',
    AUTH_KEY_ENCRYPTION_SECRET: randomBytes(32).toString('hex'),
    CLIENT_INFO_SECRET: randomBytes(32).toString('hex'),
    MEDIA_URL_SECRET: randomBytes(32).toString('hex'),
    TASKGRAPH_DATA_DIR: inside(images.media, '/data'),
  };
  for (const name of SERVICES) {
    const setting = name.toUpperCase();
    env[`${setting}_PORT`] = String(await chooseFreePort());
    env[`${setting}_OPERATIONS_PORT`] = String(await chooseFreePort());
    if (name !== 'gateway') env[`${setting}_URL`] = `http://127.0.0.1:${env[`${setting}_PORT`]}`;
  }
  for (const name of DATABASES) env[`${name.toUpperCase()}_DATABASE_URL`] = cluster.url(name);
  return env;
}

/** Runs a command of an image, as its user, with its environment and `env` only. */
function launch(name, image, [command, ...parameters], env, nodeFolder) {
  const [uid, gid] = image.user.split(':').map(Number);
  // With less priority than a process gives to parts of itself: none may count on being allowed to raise it.
  const child = spawn(
    'nice',
    ['-n', '15', command === 'node' ? path.join(nodeFolder, 'node') : command, ...parameters],
    {
      cwd: inside(image, image.workdir),
      env: { PATH: `${nodeFolder}:/usr/bin:/bin`, HOME: '/nonexistent', ...image.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Nobody else may become somebody else.
      ...(process.getuid?.() === 0 && { uid, gid }),
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk) => (output = (output + chunk).slice(-20_000)));
  const ended = new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new Error(`${name} cannot be started: ${cause.message}`, { cause })));
    child.once('close', (code, signal) => resolve(signal ?? code));
  });
  let over = false;
  void ended.then(
    () => (over = true),
    () => (over = true),
  );
  return { ended, isOver: () => over, kill: (signal) => child.kill(signal), output: () => output };
}

/** Asks as the container engine does: by the health check of the image. */
async function untilHealthy({ name, process, image, env, nodeFolder }) {
  const giveUpAt = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    if (process.isOver()) throw new Error(`${name} has ended:\n${process.output()}`);
    const check = launch(`the health check of ${name}`, image, image.healthcheck, env, nodeFolder);
    if ((await check.ended) === 0) return;
    if (Date.now() > giveUpAt) throw new Error(`${name} does not become healthy:\n${process.output()}`);
    await delay(250);
  }
}

async function ask(port) {
  const graphql = async (query, variables, token) => {
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify({ query, variables }),
    });
    const answer = await response.json();
    if (answer.errors) throw new Error(`The gateway answered ${JSON.stringify(answer.errors)}.`);
    return answer.data;
  };
  const { register } = await graphql(
    'mutation ($input: RegisterInput!) { register(input: $input) { __typename ... on AuthPayload { accessToken } } }',
    { input: { email: 'image@example.com', password: randomBytes(12).toString('hex'), displayName: 'Image' } },
  );
  const { createTask } = await graphql(
    'mutation { createTask(input: { title: "Run from an image" }) { task { id } } }',
    {},
    register.accessToken,
  );
  const { task } = await graphql(
    'query ($id: ID!) { task(id: $id) { title owner { displayName } media { totalCount } } }',
    { id: createTask.task.id },
    register.accessToken,
  );
  const expected = { title: 'Run from an image', owner: { displayName: 'Image' }, media: { totalCount: 0 } };
  if (JSON.stringify(task) !== JSON.stringify(expected))
    throw new Error(`The gateway answered ${JSON.stringify(task)}, not ${JSON.stringify(expected)}.`);
}
