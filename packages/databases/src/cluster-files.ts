import { execFile } from 'node:child_process';
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

/** What a cluster's folder holds. */
export interface ClusterFiles {
  /** PostgreSQL's own folder. */
  readonly pgData: string;
  /** How to connect: {@link ClusterRecord}. */
  readonly record: string;
  readonly pidFile: string;
  readonly versionFile: string;
  /** A copy of the binaries, for when the account cannot reach the installed ones. */
  readonly binaries: string;
}

export function clusterFiles(dataDir: string): ClusterFiles {
  const pgData = path.join(dataDir, 'data');
  return {
    pgData,
    record: path.join(dataDir, 'cluster.json'),
    pidFile: path.join(pgData, 'postmaster.pid'),
    versionFile: path.join(pgData, 'PG_VERSION'),
    binaries: path.join(dataDir, 'binaries'),
  };
}

export interface ClusterRecord {
  readonly password: string;
  /** The port of the last start. */
  readonly port: number | null;
  /** The process that started the cluster last. */
  readonly ownerPid: number | null;
}

export async function readRecord(files: ClusterFiles): Promise<ClusterRecord | null> {
  const text = await readFile(files.record, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  return text === null ? null : (JSON.parse(text) as ClusterRecord);
}

/** Replaces the record as a whole: a reader never sees half of it. */
export async function writeRecord(files: ClusterFiles, record: ClusterRecord): Promise<void> {
  const unfinished = `${files.record}.${process.pid}`;
  await writeFile(unfinished, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  await rename(unfinished, files.record);
}

export interface Postmaster {
  readonly pid: number;
  /** Whether the process is alive and is the server of this very folder: pids are given out again. */
  readonly alive: boolean;
}

/** Reads postmaster.pid, whose first line is the server's pid. */
export async function findPostmaster(files: ClusterFiles): Promise<Postmaster | null> {
  const text = await readFile(files.pidFile, 'utf8').catch(() => null);
  if (text === null) return null;
  const pid = Number.parseInt(text.split('\n', 1)[0] ?? '', 10);
  if (!Number.isInteger(pid) || pid <= 0) return { pid: 0, alive: false };
  return { pid, alive: (await isAlive(pid)) && (await servesFolder(pid, files.pgData)) };
}

/** Tells whether a process runs. One that has ended and waits for its parent to take notice does not. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  if (process.platform !== 'linux') return true;
  // proc(5): the state follows the program's name, which stands in parentheses and may itself hold some.
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return status !== null && !status.slice(status.lastIndexOf(')') + 1).startsWith(' Z');
}

async function servesFolder(pid: number, pgData: string): Promise<boolean> {
  const command = await commandLine(pid);
  // Where the command line cannot be read, a live process counts as the server: better refuse than damage data.
  return command === null || command.includes(pgData);
}

async function commandLine(pid: number): Promise<string | null> {
  try {
    if (process.platform === 'linux') return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    if (process.platform === 'win32') return null;
    return (await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)])).stdout;
  } catch {
    return null;
  }
}
