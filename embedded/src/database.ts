import { existsSync } from 'node:fs';
import path from 'node:path';
import {
  ClusterError,
  createMigrator,
  MigrationError,
  startCluster,
  type Cluster,
  type ProgressLog,
} from '@taskgraph/databases';
import type { DataDir } from './data-dir.js';
import { LaunchError } from './launch-error.js';

export const DATABASES = ['auth', 'task', 'media'] as const;

/** One person's PostgreSQL: three small pools, little memory, and nothing that works in the background without need. */
const SERVER_SETTINGS = {
  max_connections: '40',
  shared_buffers: '16MB',
  work_mem: '4MB',
  maintenance_work_mem: '32MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '256MB',
  min_wal_size: '32MB',
  jit: 'off',
  autovacuum_max_workers: '1',
  io_method: 'sync',
  max_parallel_workers: '0',
  max_worker_processes: '2',
  max_logical_replication_workers: '0',
};

/** Starts PostgreSQL on the data folder. @throws LaunchError */
export async function startPostgres({ postgres }: DataDir, log: ProgressLog): Promise<Cluster> {
  try {
    return await startCluster({ dataDir: postgres, persistent: true, log, serverSettings: SERVER_SETTINGS });
  } catch (error) {
    throw translate(error, postgres);
  }
}

/**
 * Makes sure that no PostgreSQL works on the folder: one whose starter was killed may still be writing.
 *
 * @throws LaunchError when it cannot be stopped
 */
export async function settlePostgres(dataDir: DataDir, log: ProgressLog): Promise<void> {
  if (!existsSync(path.join(dataDir.postgres, 'data', 'postmaster.pid'))) return;
  try {
    const cluster = await startCluster({ dataDir: dataDir.postgres, persistent: true, log });
    await cluster.stop();
  } catch (error) {
    // Data that cannot be started from are what a reset is for.
    if (error instanceof ClusterError && error.code === 'ALREADY_RUNNING') throw translate(error, dataDir.postgres);
  }
}

/** Applies pending migrations to all databases and returns how many there were. @throws LaunchError */
export async function migrateAll(root: string, cluster: Cluster, log: ProgressLog): Promise<number> {
  const outcomes = await Promise.all(
    DATABASES.map((name) =>
      createMigrator({ folder: path.join(root, 'prisma', name), url: cluster.url(name), log }).up(),
    ),
  ).catch((error: unknown) => {
    if (!(error instanceof MigrationError)) throw error;
    throw new LaunchError(
      `The databases cannot be migrated. ${error.message}`,
      error.advice === null ? [] : [error.advice],
      { cause: error },
    );
  });
  return outcomes.reduce((sum, { applied }) => sum + applied.length, 0);
}

const START_OVER =
  'Restore the folder from a copy, or start over (all accounts, tasks and pictures are lost): npm start -- --reset';

function translate(error: unknown, folder: string): LaunchError {
  if (!(error instanceof ClusterError)) {
    return new LaunchError(
      `The database in ${folder} cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      [START_OVER],
      { cause: error },
    );
  }
  const advice: Partial<Record<ClusterError['code'], readonly string[]>> = {
    START_FAILED: ['If its files are damaged:', START_OVER],
    BINARIES_MISSING: [
      `This machine is ${process.platform} ${process.arch}. PostgreSQL comes through npm for Linux, macOS and Windows on x64 and arm64.`,
    ],
    INITIALISE_FAILED: ['On a machine with no room or no shared memory left, PostgreSQL cannot start.'],
  };
  return new LaunchError(error.message, advice[error.code] ?? [], { cause: error });
}
