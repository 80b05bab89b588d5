import { stat } from 'node:fs/promises';
import type { Cluster } from '@taskgraph/databases';
import type { DataDir } from './data-dir.js';
import { LaunchError } from './launch-error.js';

/** PostgreSQL itself looks for its lock file once a minute, and would work on in files that nobody can find again until then. */
const LOOK_EVERY_MS = 1_000;

export interface GroundOptions {
  readonly dataDir: DataDir;
  readonly cluster: Pick<Cluster, 'ended' | 'dataDir'>;
  /** Is given what ends the watch. */
  readonly whenOver: (step: () => Promise<void>) => void;
}

/**
 * Watches what the whole system stands on. Resolves with what to tell the person at the terminal when PostgreSQL has ended by itself,
 * or its data are not in their place any more; never rejects.
 */
export function watchGround({ dataDir, cluster, whenOver }: GroundOptions): Promise<LaunchError> {
  return new Promise((resolve) => {
    const look = setInterval(() => {
      void stat(cluster.dataDir).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') return;
        resolve(
          new LaunchError(
            `The data folder ${dataDir.folder} was removed while the system ran: what was in it is lost.`,
            ['Start again for new data, or put a copy back first.'],
          ),
        );
      });
    }, LOOK_EVERY_MS);
    look.unref();
    whenOver(async () => clearInterval(look));
    void cluster.ended.then((lines) => {
      resolve(
        new LaunchError(
          ['PostgreSQL has ended, and nothing works without it.', ...lines.map((line) => `  ${line}`)].join('\n'),
          ['Start again: the data are as they were.'],
        ),
      );
    });
  });
}
