import { spawn } from 'node:child_process';
import { constants, chownSync, copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pLimit from 'p-limit';
import { listContext, matching } from './context.mjs';

/** What a step may take from this machine: how to reach a registry, and nothing else of its settings. */
const PASSED_ON = /^(npm_config_.*|https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR))$/i;
/** A step runs in the folder of its stage, but what is absolute in its command would mean this machine. */
const LEAVES_THE_STAGE = /(^|[\s='"(])(\/|\.\.\/|~)/;

/**
 * @typedef {object} Image
 * @property {string} root the folder that stands for `/`
 * @property {string} workdir
 * @property {string} user
 * @property {Record<string, string>} env
 * @property {string[]} entrypoint
 * @property {string[]} cmd
 * @property {string[]} healthcheck
 * @property {number[]} ports
 * @property {string[]} volumes
 */

/**
 * Does the steps of a Dockerfile in folders, without a container engine: each stage gets a folder for its file system, and commands
 * run there on this machine with `nodeFolder` in the place of the base image.
 *
 * @param {object} options
 * @param {readonly import('./dockerfile.mjs').Stage[]} options.stages
 * @param {string} options.context
 * @param {string} options.scratch a folder that is empty
 * @param {string} options.nodeFolder holds the `node` of the base image
 * @param {string | null} options.buildCache of turbo; null builds everything anew
 * @param {string | null} [options.installedIn] where the same stages have been done before: what npm has installed by the same lock file
 *   is taken from there
 * @param {(line: string) => void} options.tell
 * @returns {(name: string) => Promise<Image>} builds a stage and those that it needs, each once
 * @throws when a step fails, or could reach beyond its stage
 */
export function createStageBuilder({ stages, context, scratch, nodeFolder, buildCache, installedIn = null, tell }) {
  const files = listContext(context);
  const built = new Map();
  const turns = pLimit(Math.max(1, os.availableParallelism()));

  function build(name) {
    if (!built.has(name)) built.set(name, perform(name));
    return built.get(name);
  }

  async function perform(name) {
    const stage = stages.find((one) => one.name === name);
    if (!stage) throw new Error(`The Dockerfile has no stage ${name}.`);
    const image = await startFrom(stage, path.join(scratch, 'stages', name));
    for (const step of stage.steps) await performStep(stage, image, step);
    return image;
  }

  /** @returns {Promise<Image>} */
  async function startFrom({ base }, root) {
    if (!stages.some(({ name }) => name === base)) {
      mkdirSync(root, { recursive: true });
      return {
        root,
        workdir: '/',
        user: '0',
        env: {},
        entrypoint: [],
        cmd: [],
        healthcheck: [],
        ports: [],
        volumes: [],
      };
    }
    const parent = await build(base);
    copyTree(parent.root, root);
    return { ...parent, root, env: { ...parent.env }, ports: [...parent.ports], volumes: [...parent.volumes] };
  }

  async function performStep(stage, image, step) {
    switch (step.kind) {
      case 'workdir':
        image.workdir = path.posix.resolve(image.workdir, step.value);
        return void mkdirSync(inside(image, image.workdir), { recursive: true });
      case 'user':
        image.user = step.value;
        return;
      case 'env':
        return void Object.assign(image.env, step.values);
      case 'copy':
        return copy(image, step);
      case 'run':
        return run(stage, image, step);
      case 'expose':
        return void image.ports.push(...step.ports);
      case 'volume':
        return void image.volumes.push(...step.folders);
      default:
        image[step.kind] = step.words;
    }
  }

  async function copy(image, { from, parents, sources, target, line }) {
    const destination = inside(image, path.posix.resolve(image.workdir, target));
    if (from !== null) {
      const source = await build(from);
      for (const folder of sources) copyTree(inside(source, path.posix.resolve('/', folder)), destination);
      return;
    }
    for (const source of sources) {
      const found = matching(files, source);
      if (found.length === 0) throw new Error(`Dockerfile, line ${line}: there is no ${source} in the context.`);
      for (const file of found) {
        const place = path.join(destination, parents || source === '.' ? file : path.basename(file));
        mkdirSync(path.dirname(place), { recursive: true });
        copyFileSync(path.join(context, file), place);
      }
    }
  }

  async function run(stage, image, { command, line }) {
    if (LEAVES_THE_STAGE.test(command))
      throw new Error(
        `Dockerfile, line ${line}: a command with paths outside of its working directory cannot be done without a container: ${command}`,
      );
    const [, owner] = /^chown (\d+:\d+) \.$/.exec(command) ?? [];
    if (owner !== undefined) return giveTo(inside(image, image.workdir), owner);
    if (installedIn !== null && command.includes('npm ci '))
      return takeInstalled(path.join(installedIn, stage.name, image.workdir), inside(image, image.workdir));
    await turns(async () => {
      const startedAt = Date.now();
      tell(`${stage.name}: ${command.replace(/\s+/g, ' ').slice(0, 90)}`);
      await shell(command, {
        cwd: inside(image, image.workdir),
        env: {
          ...passedOn(),
          ...image.env,
          PATH: `${nodeFolder}${path.delimiter}${process.env.PATH}`,
          HOME: os.homedir(),
          // What the same sources were built to before is taken from there: it goes by content, not by time.
          ...(buildCache !== null && { TURBO_CACHE_DIR: buildCache }),
          TURBO_TELEMETRY_DISABLED: '1',
          DO_NOT_TRACK: '1',
        },
      });
      tell(`${stage.name}: done in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
    });
  }

  return build;
}

/** Where a path of an image lies on this machine. */
export function inside({ root }, place) {
  return path.join(root, place);
}

function passedOn() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED_ON.test(name)));
}

function copyTree(source, destination) {
  if (!existsSync(source)) throw new Error(`There is no ${source} to copy.`);
  cpSync(source, statSync(source).isDirectory() ? destination : path.join(destination, path.basename(source)), {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
    mode: constants.COPYFILE_FICLONE,
  });
}

/** @throws when the lock files are not the same */
function takeInstalled(source, destination) {
  const lockOf = (folder) => readFileSync(path.join(folder, 'package-lock.json'));
  if (!lockOf(source).equals(lockOf(destination)))
    throw new Error(`${destination} is not installed by the lock file of ${source}.`);
  for (const folder of ['.', ...workspacesOf(destination)]) {
    const installed = path.join(source, folder, 'node_modules');
    if (existsSync(installed)) copyTree(installed, path.join(destination, folder, 'node_modules'));
  }
}

/** Folders of the lock file that are installed by a link. */
function workspacesOf(folder) {
  const { packages } = JSON.parse(readFileSync(path.join(folder, 'package-lock.json'), 'utf8'));
  return Object.values(packages).flatMap(({ link, resolved }) => (link === true ? [resolved] : []));
}

/** Only root may give files away; for others the process runs as themselves later. */
function giveTo(folder, owner) {
  const [user, group] = owner.split(':').map(Number);
  if (process.getuid?.() === 0) chownSync(folder, user, group);
}

function shell(command, { cwd, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk) => (output += chunk));
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command}\nended with ${code}:\n${output.trimEnd().slice(-4_000)}`));
    });
  });
}
