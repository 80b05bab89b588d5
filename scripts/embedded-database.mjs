import path from 'node:path';
import { root } from './prepare.mjs';

const { findRunningCluster } = await import('../packages/databases/dist/running-cluster.js');

/** The data folder of npm start. */
export const dataDir = path.resolve(root, process.env.TASKGRAPH_DATA_DIR || '.data');

let running;

/**
 * The address of a database of the embedded PostgreSQL; null when none runs on the data folder.
 *
 * @param {string} database
 * @returns {Promise<string | null>}
 */
export async function findEmbedded(database) {
  running ??= findRunningCluster(path.join(dataDir, 'postgres'));
  return (await running)?.url(database) ?? null;
}
