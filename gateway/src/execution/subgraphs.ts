import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import {
  ConfigError,
  createUpstream,
  type Health,
  type Log,
  type Upstream,
  type UpstreamOptions,
} from '@taskgraph/service-kit';
import { subgraphKey, type GatewayConfig } from '../config.js';
import type { GatewayTelemetry } from '../telemetry.js';
import { createConcurrencyLimit, type ConcurrencyLimit } from './concurrency-limit.js';

/** How to reach one subgraph. */
export interface Subgraph {
  readonly url: string;
  readonly upstream: Upstream;
  readonly limit: ConcurrencyLimit;
  /** For requests with files: as slow as their clients, so they have connections and places of their own. */
  readonly uploads: { readonly upstream: Upstream; readonly limit: ConcurrencyLimit };
}

/** A version of the graph: where its subgraphs are. */
export interface Addressed {
  readonly subgraphs: ReadonlyArray<{ readonly name: string; readonly url: string }>;
}

/**
 * The connections to the subgraphs of all versions of the graph that are in use.
 *
 * An operation is fetched for at the addresses of the version that it was compiled for, however many versions come
 * meanwhile. Versions share what has the same name and address.
 */
export interface Subgraphs {
  /**
   * Connects to the subgraphs of a version that does not serve yet.
   *
   * @throws when one of them has no address over HTTP; nothing has changed then
   */
  prepare(version: Addressed): void;
  /** From now on this version serves: health and metrics tell of its subgraphs, and no others. */
  serve(version: Addressed): void;
  /** @throws when the version has no such subgraph */
  get(name: string, version: Addressed): Subgraph;
  /** Where a subgraph is in the version that serves; one that is gone, where it was. @throws when there was none */
  urlOf(name: string): string;
  close(): Promise<void>;
}

export interface SubgraphsOptions {
  readonly config: GatewayConfig;
  readonly log: Log;
  readonly telemetry: GatewayTelemetry;
  readonly health: Health;
}

const PROBE_TIMEOUT_MS = 1_500;
const PROBE = {
  headers: { 'content-type': 'application/json' },
  body: '{"query":"{__typename}"}',
  idempotent: true,
  timeoutMs: PROBE_TIMEOUT_MS,
} as const;

/** @throws ConfigError when SUBGRAPH_CA_FILE names no certificates */
export function createSubgraphs({ config, log, telemetry, health }: SubgraphsOptions): Subgraphs {
  const authorities = config.SUBGRAPH_CA_FILE === undefined ? undefined : readAuthorities(config.SUBGRAPH_CA_FILE);
  /** The longest that an operation may take. */
  const lastsMs = Math.max(config.OPERATION_TIMEOUT_MS, config.UPLOAD_TIMEOUT_MS);
  /** By their lists, which a version has in common with what is planned of it for labels of `@override`. */
  const versions = new WeakMap<Addressed['subgraphs'], ReadonlyMap<string, Subgraph>>();
  /** Everything that is open, by name and address. */
  const connections = new Map<string, Connection>();
  const urls = new Map<string, string>();
  let current: ReadonlyMap<string, Subgraph> = new Map();
  telemetry.watchSubgraphs(() => current.values());

  function connect(name: string, url: string): Subgraph {
    const key = `${name}\n${url}`;
    const known = connections.get(key);
    if (known) {
      clearTimeout(known.retirement);
      return known.subgraph;
    }
    const reach: UpstreamOptions = {
      name,
      url,
      log,
      timeoutMs: config.subgraphTimeoutsMs[subgraphKey(name)] ?? config.SUBGRAPH_TIMEOUT_MS,
      maxAnswerBytes: config.SUBGRAPH_MAX_ANSWER_BYTES,
      breakerErrorPercentage: config.SUBGRAPH_BREAKER_ERROR_PERCENTAGE,
      breakerResetMs: config.SUBGRAPH_BREAKER_RESET_MS,
      http2: config.SUBGRAPH_HTTP2,
      authorities,
      compression: config.SUBGRAPH_COMPRESSION,
      onVerdict: (verdict, reason) => telemetry.circuitJudged(name, verdict, reason),
    };
    const upstream = createUpstream({ ...reach, maxConnections: config.SUBGRAPH_MAX_CONNECTIONS });
    const maxWaiting = config.SUBGRAPH_MAX_WAITING;
    const limit = createConcurrencyLimit({ maxActive: config.SUBGRAPH_MAX_CONCURRENCY, maxWaiting });
    const uploads = {
      upstream: createUpstream({ ...reach, maxConnections: config.SUBGRAPH_MAX_UPLOADS }),
      limit: createConcurrencyLimit({ maxActive: config.SUBGRAPH_MAX_UPLOADS, maxWaiting }),
    };
    const subgraph = { url, upstream, limit, uploads };
    connections.set(key, { name, subgraph, retirement: undefined });
    return subgraph;
  }

  function watch(name: string, { upstream, limit }: Subgraph): void {
    health.register(name, async (signal) => void (await upstream.probe({ ...PROBE, signal })), {
      critical: false,
      details: () => ({ circuit: upstream.circuit(), active: limit.active(), waiting: limit.waiting() }),
    });
  }

  /** Operations of the versions before go on for a while, and may not have asked it yet. */
  function retireLater(key: string, connection: Connection): void {
    clearTimeout(connection.retirement);
    connection.retirement = setTimeout(() => {
      connections.delete(key);
      if (!current.has(connection.name)) telemetry.subgraphGone(connection.name);
      void connection.subgraph.upstream.retire();
      void connection.subgraph.uploads.upstream.retire();
    }, lastsMs).unref();
  }

  return {
    prepare(version) {
      const addressed = version.subgraphs.map(({ name, url }) => ({
        name,
        url: config.subgraphUrls[subgraphKey(name)] ?? url,
      }));
      // All or none: a list that is refused leaves the connections of the one before as they are.
      const lost = addressed.find(({ url }) => !isHttpUrl(url));
      if (lost) {
        const setting = `${subgraphKey(lost.name).toUpperCase()}_URL`;
        const found = lost.url ? `, but ${JSON.stringify(lost.url)}` : '';
        throw new Error(`The supergraph has no URL for the subgraph ${lost.name}${found}. Set ${setting}.`);
      }
      versions.set(version.subgraphs, new Map(addressed.map(({ name, url }) => [name, connect(name, url)])));
    },
    serve(version) {
      const before = current;
      current = versions.get(version.subgraphs) ?? new Map<string, Subgraph>();
      for (const name of before.keys()) {
        if (current.has(name)) continue;
        health.unregister(name);
        telemetry.subgraphGone(name);
      }
      for (const [name, subgraph] of current) {
        urls.set(name, subgraph.url);
        if (before.get(name) !== subgraph) watch(name, subgraph);
      }
      for (const [key, connection] of connections)
        if (current.get(connection.name) !== connection.subgraph) retireLater(key, connection);
    },
    get(name, version) {
      const subgraph = versions.get(version.subgraphs)?.get(name);
      // A subscription that could not be planned anew goes on with its old plan: by now at the address of today.
      const isRetired = subgraph && !connections.has(`${name}\n${subgraph.url}`);
      const found = isRetired ? current.get(name) : subgraph;
      if (!found) throw new Error(`There is no subgraph ${name}.`);
      return found;
    },
    urlOf(name) {
      const url = urls.get(name);
      if (url === undefined) throw new Error(`There is no subgraph ${name}.`);
      return url;
    },
    async close() {
      for (const { retirement } of connections.values()) clearTimeout(retirement);
      const open = [...connections.values()].flatMap(({ subgraph }) => [subgraph.upstream, subgraph.uploads.upstream]);
      await Promise.all(open.map((upstream) => upstream.close()));
    },
  };
}

interface Connection {
  readonly name: string;
  readonly subgraph: Subgraph;
  retirement: NodeJS.Timeout | undefined;
}

function isHttpUrl(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}

/** Those of the file, beside those that Node knows: other subgraphs may have public certificates. */
function readAuthorities(file: string): readonly string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError([`SUBGRAPH_CA_FILE: ${(error as Error).message}`]);
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new ConfigError([`SUBGRAPH_CA_FILE: ${file} holds no certificates in PEM`]);
  return [...rootCertificates, text];
}
