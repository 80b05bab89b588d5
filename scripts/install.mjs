// Which packages a checkout has, and how it gets them. Nothing but Node is there before it has run, so it imports nothing that is installed.
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Dependencies of development that only tests and checks use, and nothing else brings along. `npm start` does without them, and without
 * the packages of workspaces that nothing is built of. What is not named here is installed for everybody.
 */
export const FOR_TESTS = new Set([
  '@arethetypeswrong/cli',
  '@eslint/js',
  '@jest/globals',
  '@swc/core',
  '@swc/jest',
  '@tus/file-store',
  'dependency-cruiser',
  'graphql-http',
  'graphql-sse',
  'jest',
  'jest-environment-node',
  'playwright-core',
  'publint',
  'spdx-satisfies',
  'typescript-eslint',
]);

/** Beside the checkout's own: what npm installs here is moved there when it is complete. */
const STAGING = '.install';

/**
 * Compares what the lock file asks for with npm's own record of what is installed: times say nothing, because a checkout gives the lock file
 * a new one.
 *
 * @param {string} root
 * @param {readonly string[] | null} workspaces those that are built; null for everything
 */
export function isInstalled(root, workspaces) {
  const { packages } = readJson(path.join(root, 'package-lock.json'));
  let installed;
  try {
    installed = readJson(path.join(root, 'node_modules/.package-lock.json')).packages;
  } catch {
    return false;
  }
  const locations = workspaces === null ? Object.keys(packages) : listNeeded(packages, workspaces);
  return locations.every((location) => {
    const wanted = packages[location];
    // Workspaces stand under their own path too; what is optional may be for another platform.
    if (!location.includes('node_modules/') || wanted.optional || wanted.devOptional || wanted.peer) return true;
    const found = installed[location];
    return found !== undefined && (wanted.link ? found.link === true : found.version === wanted.version);
  });
}

/**
 * Lists the locations in a lock file of all that a build of these workspaces and a run of them load.
 *
 * @param {Record<string, any>} packages of the lock file
 * @param {readonly string[]} workspaces
 * @returns {string[]}
 */
export function listNeeded(packages, workspaces) {
  const needed = new Set(['', ...workspaces]);
  for (const location of needed) {
    const entry = packages[location];
    if (entry.link) {
      needed.add(entry.resolved);
      continue;
    }
    const optional = entry.peerDependenciesMeta ?? {};
    const names = [
      ...Object.keys({ ...entry.dependencies, ...entry.optionalDependencies }),
      ...Object.keys(entry.peerDependencies ?? {}).filter((name) => !optional[name]?.optional),
      // The lock file has those of workspaces only.
      ...Object.keys(entry.devDependencies ?? {}).filter((name) => !FOR_TESTS.has(name)),
    ];
    for (const name of names) {
      const found = findPackage(packages, location, name);
      if (found !== null) needed.add(found);
    }
  }
  return [...needed];
}

/** As Node looks for it: in the folder's own node_modules, then in those above. */
function findPackage(packages, from, name) {
  for (let folder = from; ; folder = path.posix.dirname(folder)) {
    if (folder === '.') folder = '';
    const location = path.posix.join(folder, 'node_modules', name);
    if (packages[location]) return location;
    if (folder === '') return null;
  }
}

/**
 * Installs everything, or, where it is not to be complete, what a build of these workspaces and a run of them need.
 *
 * @param {string} root
 * @param {readonly string[]} workspaces those that are built
 * @param {boolean} isComplete
 * @param {(folder: string, parameters: readonly string[]) => Promise<number>} npm runs npm in a folder; returns its exit code
 * @returns {Promise<number>} the exit code
 */
export async function install(root, workspaces, isComplete, npm) {
  if (!isComplete) return installForBuild(root, workspaces, npm);
  // What a build needs stays where it is there already: npm ci would begin with taking it away.
  return npm(root, isInstalled(root, workspaces) ? ['install', '--no-save'] : ['ci']);
}

/**
 * npm leaves out single packages of a workspace only where its manifest does not have them, so it installs by such manifests, with the
 * same lock file, in a folder of its own; the checkout's files stay as they are.
 */
async function installForBuild(root, workspaces, npm) {
  const staging = path.join(root, STAGING);
  rmSync(staging, { recursive: true, force: true });
  try {
    writeManifests(root, workspaces, staging);
    const status = await npm(staging, ['ci']);
    if (status !== 0) return status;
    const { packages } = readJson(path.join(root, 'package-lock.json'));
    // The root comes last: npm's record of what is installed is there, and an installation that is stopped before has none that is not true.
    const folders = Object.keys(packages).filter((location) => location !== '' && !location.includes('node_modules/'));
    for (const folder of [...folders, '']) {
      const target = path.join(root, folder, 'node_modules');
      rmSync(target, { recursive: true, force: true });
      const installed = path.join(staging, folder, 'node_modules');
      // Links among workspaces are relative.
      if (existsSync(installed)) renameSync(installed, target);
    }
    return 0;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function writeManifests(root, workspaces, target) {
  for (const folder of ['', ...workspaces]) {
    const manifest = readJson(path.join(root, folder, 'package.json'));
    // What is generated and built comes after it.
    delete manifest.scripts;
    if (folder === '') manifest.workspaces = workspaces;
    for (const name of Object.keys(manifest.devDependencies ?? {}))
      if (FOR_TESTS.has(name)) delete manifest.devDependencies[name];
    mkdirSync(path.join(target, folder), { recursive: true });
    writeFileSync(path.join(target, folder, 'package.json'), JSON.stringify(manifest, null, 2));
  }
  for (const file of ['package-lock.json', '.npmrc'])
    if (existsSync(path.join(root, file))) copyFileSync(path.join(root, file), path.join(target, file));
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}
