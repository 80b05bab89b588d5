import { unwatchFile, watchFile, type StatsListener } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Log } from '../request/log.js';
import { assertWhole } from './sealed-text.js';

export interface SupergraphSource {
  /** Reads the supergraph, then again whenever it changes. @throws UnreadableSupergraph */
  start(onText: (text: string) => Promise<void>): Promise<void>;
  /** Takes no other. Ends when the version that is being taken has been taken or refused. */
  close(): Promise<void>;
}

/** The file cannot be read at the start. */
export class UnreadableSupergraph extends Error {}

export interface SupergraphSourceOptions {
  readonly path: string;
  readonly pollMs: number;
  readonly log: Log;
  readonly onReload?: (outcome: 'loaded' | 'refused' | 'unreachable') => void;
}

/** Loads a supergraph file and watches it; see {@link createWatchedSource}. */
export function createSupergraphSource({ path, pollMs, log, onReload }: SupergraphSourceOptions): SupergraphSource {
  return createWatchedSource({
    readFirst: () => readSupergraph(path),
    read: () => readFile(path, 'utf8'),
    watch(onChange) {
      const listener: StatsListener = onChange;
      // Polling also sees the symbolic links that Kubernetes swaps under a mounted file.
      watchFile(path, { interval: pollMs, persistent: false }, listener);
      return () => unwatchFile(path, listener);
    },
    origin: { path },
    log,
    onReload,
  });
}

interface WatchedSourceOptions {
  readonly readFirst: () => Promise<string>;
  readonly read: () => Promise<string>;
  /** Returns what ends the watch. */
  readonly watch: (onChange: () => void) => () => void;
  /** For the log. */
  readonly origin: Readonly<Record<string, unknown>>;
  readonly log: Log;
  readonly onReload?: ((outcome: 'loaded' | 'refused') => void) | undefined;
}

/**
 * Gives a supergraph, then each that comes in its place. One that cannot be served is refused with a log line, and the one before goes
 * on serving. Versions are taken one after the other; of several that come meanwhile, the newest.
 */
export function createWatchedSource(options: WatchedSourceOptions): SupergraphSource {
  const { readFirst, read, watch, origin, log, onReload } = options;
  let taken = '';
  let closed = false;
  let endWatch: (() => void) | null = null;
  let underWay: Promise<void> | null = null;
  let isStale = false;

  async function reload(onText: (text: string) => Promise<void>): Promise<void> {
    try {
      const text = await read();
      if (text === taken || closed) return;
      assertWhole(text);
      await onText(text);
      taken = text;
      onReload?.('loaded');
      log.info(origin, 'supergraph reloaded');
    } catch (error) {
      if (closed) return;
      onReload?.('refused');
      log.error({ err: error, ...origin }, 'the new supergraph cannot be served; the one before goes on');
    }
  }

  async function reloadAll(onText: (text: string) => Promise<void>): Promise<void> {
    while (isStale && !closed) {
      isStale = false;
      await reload(onText);
    }
    underWay = null;
  }

  return {
    async start(onText) {
      taken = await readFirst();
      await onText(taken);
      if (closed) return;
      endWatch = watch(() => {
        isStale = true;
        underWay ??= reloadAll(onText);
      });
      // It may have changed while it was loaded.
      isStale = true;
      underWay = reloadAll(onText);
    },
    async close() {
      closed = true;
      endWatch?.();
      await underWay;
    },
  };
}

/** One supergraph, which stays. */
export function createFixedSource(text: string): SupergraphSource {
  return { start: (onText) => onText(text), close: async () => undefined };
}

async function readSupergraph(path: string): Promise<string> {
  try {
    const text = await readFile(path, 'utf8');
    assertWhole(text);
    return text;
  } catch (cause) {
    throw new UnreadableSupergraph(`${path} cannot be read (${(cause as Error).message})`, { cause });
  }
}
