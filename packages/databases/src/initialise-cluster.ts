import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lchown, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ClusterAccount } from './cluster-account.js';
import type { ClusterBinaries } from './cluster-binaries.js';
import { CLUSTER_USER } from './cluster-connection.js';
import { ClusterError } from './cluster-error.js';
import type { ClusterFiles } from './cluster-files.js';

export interface InitialiseOptions {
  readonly binaries: ClusterBinaries;
  readonly files: ClusterFiles;
  readonly account: ClusterAccount | null;
  readonly password: string;
  /** Whether the new files are forced to disk before they are used. */
  readonly durable: boolean;
}

/**
 * Creates PostgreSQL's data folder. It is made under another name and moved into place when whole, so a run that was
 * cut short leaves nothing that looks like a cluster.
 */
export async function initialiseCluster({
  binaries,
  files,
  account,
  password,
  durable,
}: InitialiseOptions): Promise<void> {
  const unfinished = `${files.pgData}.${randomBytes(4).toString('hex')}`;
  const passwordFolder = await mkdtemp(path.join(tmpdir(), 'taskgraph-initdb-'));
  try {
    const passwordFile = path.join(passwordFolder, 'password');
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    if (account)
      await Promise.all([passwordFolder, passwordFile].map((entry) => lchown(entry, account.uid, account.gid)));
    await runInitdb(
      binaries.initdb,
      [
        `--pgdata=${unfinished}`,
        `--username=${CLUSTER_USER}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        // Built into the server: text sorts the same on every machine, whatever locales it has.
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--locale=C',
        ...(durable ? [] : ['--no-sync']),
      ],
      account,
    );
    await rename(unfinished, files.pgData);
  } finally {
    await rm(passwordFolder, { recursive: true, force: true });
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function runInitdb(initdb: string, parameters: readonly string[], account: ClusterAccount | null): Promise<void> {
  const output: string[] = [];
  const outcome = await new Promise<number | NodeJS.Signals | Error>((resolve) => {
    const child = spawn(initdb, parameters, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(account && { uid: account.uid, gid: account.gid }),
      cwd: tmpdir(),
    });
    const collect = (chunk: Buffer) => output.push(chunk.toString('utf8'));
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', resolve);
    child.once('close', (code, signal) => resolve(code ?? signal ?? 1));
  });
  if (outcome === 0) return;
  const why = outcome instanceof Error ? outcome.message : `initdb ended with ${outcome}:\n${output.join('').trim()}`;
  throw new ClusterError(
    'INITIALISE_FAILED',
    `PostgreSQL could not create its data folder. ${why}`,
    outcome instanceof Error ? { cause: outcome } : {},
  );
}
