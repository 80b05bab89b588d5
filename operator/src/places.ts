import path from 'node:path';
import { findRunningCluster, hasCluster, silentLog, startCluster, type ClusterConnection } from '@taskgraph/databases';
import { openStore, type ObjectStore } from '@taskgraph/media/storage';
import { DATABASES, type DatabaseName, type OperatorConfig } from './config.js';
import { CommandError, EXIT } from './terminal.js';

/** Where the databases and the files are that a command works on. */
export interface Places extends AsyncDisposable {
  readonly urls: Readonly<Record<DatabaseName, string>>;
  /** The files of media: a bucket, or a folder. */
  readonly store: ObjectStore;
  /** Holds a folder for each item; null where a bucket does. */
  readonly objects: string | null;
  /** Of the embedded system; null where all databases are elsewhere. */
  readonly secrets: string | null;
  /** Whether an embedded system, or its PostgreSQL, ran before the command. */
  readonly isRunning: boolean;
}

/**
 * Finds the databases: those that settings name, for the others the embedded PostgreSQL, which is started for the command unless it
 * runs.
 *
 * @param options.create whether an embedded PostgreSQL that is not there is made: for what brings data into it
 * @throws CommandError when there is none, and none is made
 */
export async function openPlaces(config: OperatorConfig, { create = false } = {}): Promise<Places> {
  const { dataDir, databaseUrls, bucket, storageEmulatorHost } = config;
  const clusterDir = path.join(dataDir, 'postgres');
  const isEmbedded = DATABASES.some((name) => databaseUrls[name] === null);
  let stop = async (): Promise<void> => undefined;
  let cluster: ClusterConnection | null = null;
  let isRunning = false;
  if (isEmbedded) {
    cluster = await findRunningCluster(clusterDir);
    isRunning = cluster !== null;
    if (cluster === null) {
      if (!create && !hasCluster(clusterDir)) throw nothingThere(config);
      const started = await startCluster({ dataDir: clusterDir, persistent: true, log: silentLog });
      stop = () => started.stop();
      cluster = started;
    }
  }
  const urlOf = (name: DatabaseName): string => databaseUrls[name] ?? cluster?.url(name) ?? '';
  return {
    urls: { auth: urlOf('auth'), task: urlOf('task'), media: urlOf('media') },
    store: await openStore({
      TASKGRAPH_DATA_DIR: dataDir,
      GCS_BUCKET: bucket,
      STORAGE_EMULATOR_HOST: storageEmulatorHost,
    }),
    objects: bucket === undefined ? path.join(dataDir, 'media', 'objects') : null,
    secrets: isEmbedded ? path.join(dataDir, 'secrets.json') : null,
    isRunning,
    [Symbol.asyncDispose]: () => stop(),
  };
}

function nothingThere({ dataDir, databaseUrls }: OperatorConfig): CommandError {
  const unset = DATABASES.filter((name) => databaseUrls[name] === null).map(
    (name) => `${name.toUpperCase()}_DATABASE_URL`,
  );
  return new CommandError(
    `There is no system in ${dataDir}, and ${unset.join(', ')} ${unset.length === 1 ? 'is' : 'are'} not set.`,
    'Is TASKGRAPH_DATA_DIR the folder that the system runs on? npm start makes a new one there.',
    EXIT.configuration,
  );
}

/** The database of a service: what its setting names, or that of an embedded system that runs. @throws CommandError when there is neither */
export async function findDatabase({ dataDir, databaseUrls }: OperatorConfig, name: DatabaseName): Promise<string> {
  const url = databaseUrls[name] ?? (await findRunningCluster(path.join(dataDir, 'postgres')))?.url(name);
  if (url !== undefined) return url;
  throw new CommandError(
    `${name.toUpperCase()}_DATABASE_URL is not set, and no system runs on ${dataDir}.`,
    'Set it, or start the system: npm start',
    EXIT.configuration,
  );
}
