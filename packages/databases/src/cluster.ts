import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { chooseAccount, findBarrier, prepareFolder } from './cluster-account.js';
import { copyBinaries, findBinaries, type ClusterBinaries } from './cluster-binaries.js';
import { connectionTo, type ClusterConnection } from './cluster-connection.js';
import { ClusterError } from './cluster-error.js';
import { clusterFiles, findPostmaster, isAlive, readRecord, writeRecord, type ClusterFiles } from './cluster-files.js';
import { chooseFreePort, isPortFree } from './free-port.js';
import { initialiseCluster } from './initialise-cluster.js';
import { portInUse, startServer, stopOrphan, type PostgresServer } from './postgres-server.js';
import type { ProgressLog } from './progress-log.js';

export interface ClusterOptions {
  /** The cluster's own folder, created when missing: nothing else may be in it. */
  readonly dataDir: string;
  /** Left out: the port of the last start when it is free, else any free one. */
  readonly port?: number;
  /** Whether the data outlive `stop()`. */
  readonly persistent: boolean;
  readonly log: ProgressLog;
  /** Server settings such as `{ fsync: 'off' }`. */
  readonly serverSettings?: Readonly<Record<string, string>>;
}

export interface Cluster extends ClusterConnection, AsyncDisposable {
  readonly dataDir: string;
  /** Whether this start made the data folder. */
  readonly created: boolean;
  /** The server's process id. */
  readonly pid: number;
  /** Resolves with the server's last lines when it has ended without being stopped. */
  readonly ended: Promise<readonly string[]>;
  /** Ends connections and stops the server; without `persistent` the data are removed. Safe to call twice. */
  stop(): Promise<void>;
}

/** Whether there are data of an embedded PostgreSQL in a folder, running or not. */
export function hasCluster(dataDir: string): boolean {
  return existsSync(clusterFiles(path.resolve(dataDir)).versionFile);
}

/**
 * Starts an embedded PostgreSQL that listens on the loopback interface only.
 *
 * A second start on the same folder finds the data again, also after a crash: a stale postmaster.pid is removed, and a
 * server whose starter is gone is stopped first. The server does not see the terminal's Ctrl-C, so that the caller can
 * finish its work before it stops the server; when the caller dies without stopping it, it stops by itself.
 *
 * @throws ClusterError with a message for the person at the terminal
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { log, persistent } = options;
  const dataDir = path.resolve(options.dataDir);
  const files = clusterFiles(dataDir);
  const account = await chooseAccount();
  await prepareFolder(dataDir, account);
  let binaries = await findBinaries();
  if (account && (await findBarrier(path.join(binaries.folder, 'bin'), account))) {
    log.debug(`user ${account.name} cannot reach ${binaries.folder}: using a copy`);
    binaries = await copyBinaries(binaries, `${files.binaries}-${binaries.version}`);
  }
  await settlePredecessor(files, log);

  const record = (await readRecord(files)) ?? {
    password: randomBytes(24).toString('base64url'),
    port: null,
    ownerPid: null,
  };
  const created = await initialiseIfNew(files, binaries);
  if (created) {
    log.debug(`creating a PostgreSQL ${binaries.majorVersion} cluster in ${dataDir}`);
    // Written first: a cluster whose password is lost is of no use.
    await writeRecord(files, record);
    await initialiseCluster({ binaries, files, account, password: record.password, durable: persistent });
  }

  const { server, port } = await startOnPort(options.port, record.port, (chosen) =>
    startServer({
      binaries,
      files,
      account,
      port: chosen,
      password: record.password,
      log,
      serverSettings: options.serverSettings ?? {},
      removeOnOwnerDeath: persistent ? null : dataDir,
    }),
  );
  await writeRecord(files, { ...record, port, ownerPid: process.pid });

  let stopping: Promise<void> | null = null;
  async function stopAndTidy(): Promise<void> {
    await server.stop();
    if (!persistent) await rm(dataDir, { recursive: true, force: true });
  }
  const cluster: Cluster = {
    ...connectionTo(port, record.password),
    dataDir,
    created,
    pid: server.pid,
    ended: server.ended,
    stop() {
      stopping ??= stopAndTidy();
      return stopping;
    },
    [Symbol.asyncDispose]: () => cluster.stop(),
  };
  return cluster;
}

/** Tells whether there is no cluster yet. @throws ClusterError VERSION_MISMATCH */
async function initialiseIfNew(files: ClusterFiles, binaries: ClusterBinaries): Promise<boolean> {
  const version = await readFile(files.versionFile, 'utf8').catch(() => null);
  if (version === null) return true;
  if (Number(version) === binaries.majorVersion) return false;
  throw new ClusterError(
    'VERSION_MISMATCH',
    `The data in ${files.pgData} were written by PostgreSQL ${version.trim()}, and PostgreSQL ${binaries.majorVersion} cannot read them. ` +
      'Move the folder away (npm start -- --reset starts over), or export the data with the version that wrote them.',
  );
}

/** Makes way for a start: nothing of an earlier run is left, or the start is refused. @throws ClusterError ALREADY_RUNNING */
async function settlePredecessor(files: ClusterFiles, log: ProgressLog): Promise<void> {
  const postmaster = await findPostmaster(files);
  if (!postmaster) return;
  if (!postmaster.alive) {
    log.info('removing the lock file of a PostgreSQL that did not end properly');
    await rm(files.pidFile, { force: true });
    return;
  }
  const ownerPid = (await readRecord(files))?.ownerPid ?? null;
  if (ownerPid !== null && (await isAlive(ownerPid))) {
    throw new ClusterError(
      'ALREADY_RUNNING',
      `A PostgreSQL is already running on ${files.pgData} (process ${postmaster.pid}, started by process ${ownerPid}). Stop that one first.`,
    );
  }
  log.info(`stopping PostgreSQL ${postmaster.pid}, whose starter is gone`);
  await stopOrphan(postmaster.pid);
}

const PORT_ATTEMPTS = 5;

/** Starts on the wanted port, or on the last one, or on a free one; of these only a wanted one may not be replaced. */
async function startOnPort(
  wanted: number | undefined,
  last: number | null,
  start: (port: number) => Promise<PostgresServer>,
): Promise<{ server: PostgresServer; port: number }> {
  if (wanted !== undefined && wanted !== 0) {
    if (!(await isPortFree(wanted))) throw portInUse(wanted);
    return { server: await start(wanted), port: wanted };
  }
  for (let attempt = 1; ; attempt += 1) {
    const port = attempt === 1 && last !== null && (await isPortFree(last)) ? last : await chooseFreePort();
    try {
      return { server: await start(port), port };
    } catch (error) {
      // Somebody took the port after it was found free.
      if (!(error instanceof ClusterError && error.code === 'PORT_IN_USE') || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}
