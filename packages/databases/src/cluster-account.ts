import { execFile } from 'node:child_process';
import { access, constants, lchown, mkdir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ClusterError } from './cluster-error.js';

const run = promisify(execFile);

/** The operating system account that PostgreSQL runs as. */
export interface ClusterAccount {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const ACCOUNT_NAME = 'postgres';

/**
 * Chooses the account that PostgreSQL runs as: null is the current one. PostgreSQL refuses to run as root, so root
 * starts it as user `postgres`, who is created when missing.
 *
 * @throws ClusterError ROOT_WITHOUT_USER
 */
export async function chooseAccount(): Promise<ClusterAccount | null> {
  if (process.getuid?.() !== 0) return null;
  const known = await findAccount();
  if (known) return known;
  try {
    await run('groupadd', ['--system', ACCOUNT_NAME]).catch((error: { code?: unknown }) => {
      // groupadd(8): 9 says that the group exists.
      if (error.code !== 9) throw error;
    });
    await run('useradd', ['--system', '--no-create-home', '--gid', ACCOUNT_NAME, ACCOUNT_NAME]);
  } catch (cause) {
    throw new ClusterError('ROOT_WITHOUT_USER', rootWithoutUser, { cause });
  }
  const created = await findAccount();
  if (!created) throw new ClusterError('ROOT_WITHOUT_USER', rootWithoutUser);
  return created;
}

const rootWithoutUser =
  `PostgreSQL refuses to run as root, and the user "${ACCOUNT_NAME}" that it would run as could not be created. ` +
  'Start as an ordinary user, or create that user first: useradd --system postgres.';

async function findAccount(): Promise<ClusterAccount | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', ACCOUNT_NAME]), run('id', ['-g', ACCOUNT_NAME])]);
    return { name: ACCOUNT_NAME, uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return null;
  }
}

/** Tells the first folder on the way to `target` that the account may not enter, or null when it may enter all of them. */
export async function findBarrier(target: string, account: ClusterAccount): Promise<string | null> {
  const { root } = path.parse(target);
  let folder = root;
  for (const part of ['', ...target.slice(root.length).split(path.sep)]) {
    folder = path.join(folder, part);
    const status = await stat(folder).catch(() => null);
    if (status?.isDirectory() && !mayEnter(status, account)) return folder;
  }
  return null;
}

function mayEnter(status: { mode: number; uid: number; gid: number }, account: ClusterAccount): boolean {
  if (status.uid === account.uid) return (status.mode & 0o100) !== 0;
  if (status.gid === account.gid) return (status.mode & 0o010) !== 0;
  return (status.mode & 0o001) !== 0;
}

/**
 * Creates the cluster's folder and gives it to the account.
 *
 * @throws ClusterError FOLDER_UNWRITABLE, FOLDER_UNREACHABLE
 */
export async function prepareFolder(dataDir: string, account: ClusterAccount | null): Promise<void> {
  await assertReachable(dataDir, account);
  try {
    // The way to the folder stays open for the account; only the folder itself is closed to others.
    await mkdir(path.dirname(dataDir), { recursive: true });
    await mkdir(dataDir, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    if (account) await giveTo(dataDir, account);
    await readdir(dataDir);
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new ClusterError('FOLDER_UNWRITABLE', unwritable(dataDir, code), { cause });
  }
  // Again, for a umask that closes what was just created.
  await assertReachable(dataDir, account);
}

async function assertReachable(dataDir: string, account: ClusterAccount | null): Promise<void> {
  const barrier = account && (await findBarrier(path.dirname(dataDir), account));
  if (!account || barrier === null) return;
  throw new ClusterError(
    'FOLDER_UNREACHABLE',
    `PostgreSQL refuses to run as root, so it runs as user "${account.name}", who may not enter ${barrier}, and the data ` +
      `folder ${dataDir} lies in it. Start as an ordinary user, or keep the data elsewhere: TASKGRAPH_DATA_DIR=/var/lib/taskgraph.`,
  );
}

function unwritable(folder: string, code: string | undefined): string {
  const why =
    code === 'EROFS'
      ? 'the file system is read-only'
      : code === 'ENOSPC'
        ? 'the disk is full'
        : code === 'EEXIST' || code === 'ENOTDIR'
          ? 'a file is in its place'
          : 'this user may not write there';
  return `The data folder ${folder} cannot be used: ${why}. Choose another through TASKGRAPH_DATA_DIR, or make it writable.`;
}

/** A folder that another user started earlier changes hands with all it holds. */
async function giveTo(folder: string, account: ClusterAccount): Promise<void> {
  const status = await stat(folder);
  if (status.uid === account.uid && status.gid === account.gid) return;
  for (const entry of await readdir(folder, { recursive: true }))
    await lchown(path.join(folder, entry), account.uid, account.gid);
  await lchown(folder, account.uid, account.gid);
}
