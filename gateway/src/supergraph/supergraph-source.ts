import { readFile } from 'node:fs/promises';
import { unwatchFile, watchFile, type StatsListener } from 'node:fs';
import type { Log } from '@taskgraph/service-kit';
import { prepareSupergraph, type PreparedSupergraph } from './prepared-supergraph.js';

/** What ApolloGateway is given to load a supergraph, and to load it anew. */
export interface SupergraphHook {
  (options: {
    update: (supergraphSdl: string) => void;
  }): Promise<{ supergraphSdl: string; cleanup: () => Promise<void> }>;
}

export interface SupergraphSource {
  readonly hook: SupergraphHook;
  /** Of the supergraph that serves now. */
  readonly prepared: () => PreparedSupergraph;
}

export interface SupergraphSourceOptions {
  readonly path: string;
  readonly pollMs: number;
  readonly log: Log;
  readonly onReload?: (outcome: 'loaded' | 'refused') => void;
}

/**
 * Loads a supergraph file and watches it. A new file that cannot be served is refused with a log line, and the one before
 * goes on serving.
 */
export function createSupergraphSource({ path, pollMs, log, onReload }: SupergraphSourceOptions): SupergraphSource {
  let prepared: PreparedSupergraph | null = null;
  let current = '';

  return {
    prepared() {
      if (!prepared) throw new Error('no supergraph has been loaded');
      return prepared;
    },
    hook: async ({ update }) => {
      current = await readSupergraph(path);
      const first = prepareSupergraph(current);
      prepared = first;

      async function reload(): Promise<void> {
        const before = prepared;
        try {
          const sdl = await readFile(path, 'utf8');
          if (sdl === current) return;
          const next = prepareSupergraph(sdl);
          // It is asked for while Apollo's gateway takes the new one over.
          prepared = next;
          update(next.plannerSdl);
          current = sdl;
          onReload?.('loaded');
          log.info({ path }, 'supergraph reloaded');
        } catch (error) {
          prepared = before;
          onReload?.('refused');
          log.error({ err: error, path }, 'the new supergraph cannot be served; the one before goes on');
        }
      }

      const listener: StatsListener = () => void reload();
      // Polling also sees the symbolic links that Kubernetes swaps under a mounted file.
      watchFile(path, { interval: pollMs, persistent: false }, listener);
      return {
        supergraphSdl: first.plannerSdl,
        cleanup: async () => unwatchFile(path, listener),
      };
    },
  };
}

async function readSupergraph(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new Error(
      `The supergraph ${path} cannot be read. SUPERGRAPH_PATH names it; \`npm run compose\` writes the project's own.`,
      { cause },
    );
  }
}
