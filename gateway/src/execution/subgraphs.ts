import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { ConfigError, createUpstream, type Health, type Log, type Upstream } from '@taskgraph/service-kit';
import { subgraphKey, type GatewayConfig } from '../config.js';
import type { GatewayTelemetry } from '../telemetry.js';
import { createConcurrencyLimit, type ConcurrencyLimit } from './concurrency-limit.js';

/** How to reach one subgraph. */
export interface Subgraph {
  readonly url: string;
  readonly upstream: Upstream;
  readonly limit: ConcurrencyLimit;
}

/** The connections to all subgraphs, which outlive a reload of the supergraph. */
export interface Subgraphs {
  /** Takes over the list of a supergraph. @throws when one of them has no address over HTTP; nothing has changed then */
  update(subgraphs: ReadonlyArray<{ readonly name: string; readonly url: string }>): void;
  /** @throws when the supergraph has no such subgraph */
  get(name: string): Subgraph;
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
  const known = new Map<string, Subgraph>();
  telemetry.watchSubgraphs(() => known.values());

  function connect(name: string, url: string): void {
    const before = known.get(name);
    if (before?.url === url) return;
    // Requests in flight to the old address finish.
    void before?.upstream.retire();
    const upstream = createUpstream({
      name,
      url,
      log,
      timeoutMs: config.subgraphTimeoutsMs[subgraphKey(name)] ?? config.SUBGRAPH_TIMEOUT_MS,
      maxConnections: config.SUBGRAPH_MAX_CONNECTIONS,
      maxAnswerBytes: config.SUBGRAPH_MAX_ANSWER_BYTES,
      breakerErrorPercentage: config.SUBGRAPH_BREAKER_ERROR_PERCENTAGE,
      breakerResetMs: config.SUBGRAPH_BREAKER_RESET_MS,
      http2: config.SUBGRAPH_HTTP2,
      authorities,
      compression: config.SUBGRAPH_COMPRESSION,
      onVerdict: (verdict, reason) => telemetry.circuitJudged(name, verdict, reason),
    });
    const limit = createConcurrencyLimit({
      maxActive: config.SUBGRAPH_MAX_CONCURRENCY,
      maxWaiting: config.SUBGRAPH_MAX_WAITING,
    });
    known.set(name, { url, upstream, limit });
    health.register(
      name,
      async (signal) => {
        await known.get(name)?.upstream.probe({ ...PROBE, signal });
      },
      {
        critical: false,
        details: () => ({ circuit: upstream.circuit(), active: limit.active(), waiting: limit.waiting() }),
      },
    );
  }

  return {
    update(subgraphs) {
      const addressed = subgraphs.map(({ name, url }) => ({
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
      for (const { name, url } of addressed) connect(name, url);
    },
    get(name) {
      const subgraph = known.get(name);
      if (!subgraph) throw new Error(`There is no subgraph ${name}.`);
      return subgraph;
    },
    async close() {
      await Promise.all([...known.values()].map(({ upstream }) => upstream.close()));
    },
  };
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
