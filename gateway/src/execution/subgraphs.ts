import type { GraphQLDataSource } from '@apollo/gateway';
import { createUpstream, type Health, type Log, type Upstream } from '@taskgraph/service-kit';
import { subgraphUrlKey, type GatewayConfig } from '../config.js';
import type { GatewayTelemetry } from '../telemetry.js';
import { createSubgraphDataSource } from './subgraph-data-source.js';

/** The clients of all subgraphs, which outlive a reload of the supergraph. */
export interface Subgraphs {
  dataSource(name: string, routingUrl: string | undefined): GraphQLDataSource;
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

export function createSubgraphs({ config, log, telemetry, health }: SubgraphsOptions): Subgraphs {
  const upstreams = new Map<string, { readonly url: string; readonly upstream: Upstream }>();
  telemetry.watchCircuits(() => [...upstreams.values()].map(({ upstream }) => upstream));

  function upstreamOf(name: string, url: string): Upstream {
    const known = upstreams.get(name);
    if (known?.url === url) return known.upstream;
    // Requests in flight to the old address finish; its idle connections go.
    void known?.upstream.close();
    const upstream = createUpstream({
      name,
      url,
      log,
      timeoutMs: config.SUBGRAPH_TIMEOUT_MS,
      maxConnections: config.SUBGRAPH_MAX_CONNECTIONS,
      breakerErrorPercentage: config.SUBGRAPH_BREAKER_ERROR_PERCENTAGE,
      breakerResetMs: config.SUBGRAPH_BREAKER_RESET_MS,
    });
    upstreams.set(name, { url, upstream });
    health.register(
      name,
      async (signal) => {
        await upstreams.get(name)?.upstream.probe({ ...PROBE, signal });
      },
      { critical: false },
    );
    return upstream;
  }

  return {
    dataSource(name, routingUrl) {
      const url = config.subgraphUrls[subgraphUrlKey(name)] ?? routingUrl;
      if (!url)
        throw new Error(
          `The supergraph has no URL for the subgraph ${name}. Set ${subgraphUrlKey(name).toUpperCase()}_URL.`,
        );
      return createSubgraphDataSource({
        upstream: upstreamOf(name, url),
        telemetry,
        uploadTimeoutMs: config.UPLOAD_TIMEOUT_MS,
        uploadMaxBytes: config.UPLOAD_MAX_BYTES,
      });
    },
    async close() {
      await Promise.all([...upstreams.values()].map(({ upstream }) => upstream.close()));
    },
  };
}
