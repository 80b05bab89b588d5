import { access, constants, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from '@taskgraph/service-kit';
import { LaunchError } from './launch-error.js';

/** What the launcher keeps in the data folder. */
export interface DataDir {
  readonly folder: string;
  /** The embedded PostgreSQL. */
  readonly postgres: string;
  /** Originals, thumbnails and uploads under way. */
  readonly media: string;
  readonly logs: string;
  /** What auth writes where no server takes mails. */
  readonly mail: string;
  /** What clients ask for. */
  readonly usage: string;
  readonly secrets: string;
  readonly instance: string;
  readonly seed: string;
}

export function dataDirOf(folder: string): DataDir {
  return {
    folder,
    postgres: path.join(folder, 'postgres'),
    media: path.join(folder, 'media'),
    logs: path.join(folder, 'logs'),
    mail: path.join(folder, 'mail'),
    usage: path.join(folder, 'usage'),
    secrets: path.join(folder, 'secrets.json'),
    instance: path.join(folder, 'instance.json'),
    seed: path.join(folder, 'seed.json'),
  };
}

/** Creates the folder when missing, and makes sure that files can be written there. @throws LaunchError */
export async function prepareDataDir({ folder }: DataDir): Promise<void> {
  const probe = path.join(folder, `.probe-${process.pid}`);
  try {
    // Where it is started as root, PostgreSQL runs as another user, who has to get to its folder.
    await makeFolder(folder, 0o711);
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    await writeFile(probe, '');
    await rm(probe);
  } catch (cause) {
    throw new LaunchError(
      `The data folder ${folder} cannot be used: ${reason(cause as NodeJS.ErrnoException)}.`,
      ['Make it writable for this user, or keep the data elsewhere: TASKGRAPH_DATA_DIR=/some/folder npm start'],
      { cause },
    );
  }
}

function reason({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'this user may not write there';
    case 'EROFS':
      return 'the file system is read-only';
    case 'ENOSPC':
      return 'the disk is full';
    case 'ENOENT':
      return 'no folder can be made there';
    case 'EEXIST':
    case 'ENOTDIR':
      return 'a file is in its place, or in the place of a folder above it';
    default:
      return message;
  }
}

/**
 * Removes what the launcher has put into the data folder, and nothing else: an operator who sets it to a folder
 * with other things in it keeps those.
 */
export async function wipeDataDir(dataDir: DataDir): Promise<void> {
  const { postgres, media, logs, mail, usage, secrets, seed } = dataDir;
  for (const entry of [postgres, media, logs, mail, usage, secrets, seed]) {
    await rm(entry, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Reads a JSON file; null when there is none. @throws SyntaxError */
export async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  return text === null ? null : (JSON.parse(text) as unknown);
}

/** Replaces a file as a whole, readable for this user only: a reader never sees half of it. */
export async function writeJson(file: string, content: unknown): Promise<void> {
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(unfinished, file);
}
