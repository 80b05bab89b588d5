// Makes a checkout ready to run: Node's version, dependencies, generated code, build. Nothing but Node is there before
// it has run, so it imports nothing that is installed. Progress goes to standard error: standard output is the program's that runs next.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { install, isInstalled } from './install.mjs';
import { assertSupported } from './node-version.mjs';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

const STAMP = path.join(root, 'node_modules/.cache/taskgraph/prepared.json');

/** What the build reads, besides each workspace's `src`, `package.json` and `tsconfig.json`. */
const SHARED_INPUTS = [
  'codegen.yml',
  'gateway/supergraph.graphql',
  'gateway/contract/operations.graphql',
  'package.json',
  'package-lock.json',
  'scripts/api-schema.mjs',
  'scripts/prisma-generate.mjs',
  'tsconfig.base.json',
  'turbo.json',
];
const SUBGRAPHS = ['auth', 'media', 'task'];
export const WORKSPACES = [
  'embedded',
  'operator',
  'gateway',
  ...SUBGRAPHS.map((name) => `subgraphs/${name}`),
  ...listFolders('packages')
    .map((name) => `packages/${name}`)
    // What a switch of branches leaves of a package, such as its dist, is none.
    .filter((folder) => existsSync(path.join(root, folder, 'package.json'))),
];

/** Ends the program with a message for the person at the terminal, without a stack. */
export class PrepareError extends Error {}

/**
 * Installs, generates and builds what is missing or out of date. Costs a few milliseconds when nothing is.
 *
 * @param {{ quiet?: boolean, forTests?: boolean }} [options] quiet: say nothing unless there is work or trouble; forTests: false for what runs
 *   the system, and does without packages for tests and checks. A checkout that has them keeps them
 * @throws PrepareError
 */
export async function prepare({ quiet = true, forTests = true } = {}) {
  assertNodeVersion();
  const lockHash = hashOf(readFileSync(path.join(root, 'package-lock.json')));
  const isComplete = forTests || existsSync(path.join(root, 'node_modules/jest'));
  let stamp = readStamp();
  if (
    stamp?.lock !== lockHash ||
    (isComplete && !stamp.isComplete) ||
    !existsSync(path.join(root, 'node_modules/.package-lock.json'))
  ) {
    if (!isInstalled(root, isComplete ? null : WORKSPACES)) await installAndTell(isComplete);
    stamp = null;
  }
  const sources = hashSources();
  if (stamp?.sources === sources && outputsExist()) {
    if (!quiet) process.stdout.write('Everything is installed and built.\n');
    return;
  }
  await build();
  // Code that the build generates is no source, so the hash from before it still holds; a file that was saved during the
  // build has changed it, and is built next time.
  mkdirSync(path.dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, JSON.stringify({ lock: lockHash, isComplete, sources }));
}

/** Prepares, or prints what is wrong and exits 1. */
export async function prepareOrExit(options) {
  try {
    await prepare(options);
  } catch (error) {
    if (!(error instanceof PrepareError)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    process.exit(1);
  }
}

function assertNodeVersion() {
  try {
    assertSupported(process.versions.node);
  } catch (error) {
    throw new PrepareError(error.message);
  }
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(STAMP, 'utf8'));
  } catch {
    return null;
  }
}

async function installAndTell(isComplete) {
  process.stderr.write(
    `Installing dependencies${isComplete ? ', with those of tests' : ''} (npm); the first time takes about a minute.\n`,
  );
  rmSync(STAMP, { force: true });
  // Links that npm makes on Windows hold whole paths, and lead nowhere when they are moved.
  const status = await install(root, WORKSPACES, isComplete || process.platform === 'win32', npm);
  if (status !== 0) {
    throw new PrepareError(
      `npm failed (exit code ${status}): the messages above say why. Without a network, or behind a proxy, set one with: ` +
        'npm config set proxy http://…',
    );
  }
}

async function npm(folder, parameters) {
  const own = process.env.npm_execpath;
  const [command, first] = own?.endsWith('npm-cli.js') ? [process.execPath, [own]] : ['npm', []];
  const { status } = await run(
    command,
    [...first, ...parameters, '--no-audit', '--no-fund', '--no-update-notifier', '--include=dev'],
    {
      cwd: folder,
      inherit: true,
    },
  );
  return status;
}

function hashSources() {
  const hash = createHash('sha256');
  const add = (file) => {
    const { mtimeMs, size } = statSync(path.join(root, file));
    hash.update(`${file}\0${mtimeMs}\0${size}\n`);
  };
  SHARED_INPUTS.forEach(add);
  for (const name of SUBGRAPHS) add(`prisma/${name}/schema.prisma`);
  for (const workspace of WORKSPACES) {
    add(`${workspace}/package.json`);
    add(`${workspace}/tsconfig.json`);
    listSources(`${workspace}/src`).forEach(add);
  }
  return hash.digest('hex');
}

function listSources(folder) {
  return readdirSync(path.join(root, folder), { withFileTypes: true })
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap((entry) => {
      const file = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return entry.name === 'generated' ? [] : listSources(file);
      return entry.name.endsWith('.test.ts') ? [] : [file];
    });
}

function outputsExist() {
  const outputs = [
    ...WORKSPACES.flatMap((workspace) => [`${workspace}/dist`, `${workspace}/tsconfig.tsbuildinfo`]),
    ...SUBGRAPHS.flatMap((name) => [
      `subgraphs/${name}/src/generated/graphql.ts`,
      `subgraphs/${name}/src/generated/prisma/client.ts`,
    ]),
    'packages/client/src/generated/graphql.ts',
  ];
  return outputs.every((file) => existsSync(path.join(root, file)));
}

async function build() {
  const startedAt = Date.now();
  const elapsed = () => `${((Date.now() - startedAt) / 1000).toFixed(0)} s`;
  const tell = process.stderr.isTTY
    ? setInterval(() => process.stderr.write(`\rBuilding what has changed … ${elapsed()} `), 500)
    : null;
  process.stderr.write('Building what has changed …');
  const { status, output } = await run(
    process.execPath,
    [
      path.join(root, 'node_modules/turbo/bin/turbo'),
      'run',
      'build',
      // Stories have nothing to build: they are run as they are, and their types are a matter of the check.
      '--filter=!@taskgraph/e2e',
      '--output-logs=errors-only',
      '--log-order=grouped',
    ],
    { inherit: false },
  );
  clearInterval(tell ?? undefined);
  process.stderr.write(
    `${process.stderr.isTTY ? '\r' : ' '}${process.stderr.isTTY ? 'Building what has changed … ' : ''}${status === 0 ? 'done' : 'FAILED'} in ${elapsed()}\n`,
  );
  if (status !== 0)
    throw new PrepareError(
      `${output.trim()}\n\nThe build failed: the messages above say where. npm run build tries again.`,
    );
}

function hashOf(content) {
  return createHash('sha256').update(content).digest('hex');
}

/**
 * Runs a program, whose output is progress, in the repository's root unless another folder is given. A program that cannot be started counts
 * as failed.
 */
function run(command, parameters, { inherit, cwd = root }) {
  return new Promise((resolve) => {
    const child = spawn(command, parameters, {
      cwd,
      stdio: inherit ? ['ignore', process.stderr, process.stderr] : ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32' && !path.isAbsolute(command),
      // The runner's Node options are not for its tools.
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        TURBO_TELEMETRY_DISABLED: '1',
        DO_NOT_TRACK: '1',
        TURBO_NO_UPDATE_NOTIFIER: '1',
      },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (chunk) => (output += chunk));
    child.once('error', (error) => resolve({ status: 127, output: error.message }));
    child.once('close', (code, signal) => resolve({ status: signal ? 1 : code, output }));
  });
}

function listFolders(folder) {
  return readdirSync(path.join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await prepareOrExit({ quiet: process.argv.includes('--quiet'), forTests: false });
