import type { Log } from '../request/log.js';
import {
  createFixedSource,
  createSupergraphSource,
  type SupergraphSource,
  type SupergraphSourceOptions,
} from './supergraph-source.js';
import { createSupergraphUrl } from './supergraph-url.js';

/** A file that is watched, or an address (http or https) that is asked again and again. */
export type SupergraphFile = Pick<SupergraphSourceOptions, 'path'> &
  Partial<Omit<SupergraphSourceOptions, 'path' | 'log'>> & {
    /** Of one answer of an address. */
    readonly timeoutMs?: number;
  };

/** Opens what a host says of its supergraph: the SDL itself, or where it is. */
export function openSource(supergraph: string | SupergraphFile, log: Log): SupergraphSource {
  if (typeof supergraph === 'string') return createFixedSource(supergraph);
  const { path, timeoutMs = 10_000, pollMs = 1_000, ...hooks } = supergraph;
  return /^https?:\/\//.test(path)
    ? createSupergraphUrl({ ...hooks, url: path, pollMs, timeoutMs, log })
    : createSupergraphSource({ ...hooks, path, pollMs, log });
}
