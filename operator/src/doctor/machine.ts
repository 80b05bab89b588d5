import { statfs } from 'node:fs/promises';
import path from 'node:path';
import type { OperatorConfig } from '../config.js';
import { fault, ok, warning, type Finding } from './finding.js';

const MINIMUM_NODE = [20, 19] as const;
const LITTLE_BYTES = 2 * 1024 ** 3;
const TOO_LITTLE_BYTES = 200 * 1024 ** 2;

export function checkNode(version: string = process.versions.node): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])
    ? ok('node', version)
    : fault(
        'node',
        `${version} is older than ${MINIMUM_NODE.join('.')}`,
        'Get a current version from https://nodejs.org/.',
      );
}

/** Of the disk that the data folder is on, or will be. */
export async function checkDisk({ dataDir }: OperatorConfig): Promise<Finding> {
  for (let folder = dataDir; ; folder = path.dirname(folder)) {
    const stats = await statfs(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' && path.dirname(folder) !== folder) return null;
      throw error;
    });
    if (stats === null) continue;
    const free = stats.bavail * stats.bsize;
    const what = `${(free / 1024 ** 3).toFixed(1)} GiB free at ${dataDir}`;
    if (free < TOO_LITTLE_BYTES) return fault('disk', what, 'Make room, or set TASKGRAPH_DATA_DIR to another disk.');
    return free < LITTLE_BYTES
      ? warning('disk', what, 'Uploads and PostgreSQL need room: make some soon.')
      : ok('disk', what);
  }
}
