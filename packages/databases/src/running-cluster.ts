import path from 'node:path';
import { connectionTo, withClient, type ClusterConnection } from './cluster-connection.js';
import { clusterFiles, findPostmaster, readRecord } from './cluster-files.js';

/** Finds the embedded PostgreSQL that another process runs on this folder, or null when none answers. */
export async function findRunningCluster(dataDir: string): Promise<ClusterConnection | null> {
  const files = clusterFiles(path.resolve(dataDir));
  const record = await readRecord(files);
  if (!record?.port) return null;
  const postmaster = await findPostmaster(files);
  if (!postmaster?.alive) return null;
  const connection = connectionTo(record.port, record.password);
  try {
    await withClient(connection.adminUrl, (client) => client.query('SELECT 1'));
    return connection;
  } catch {
    // It is starting or stopping; either way nobody can work with it now.
    return null;
  }
}
