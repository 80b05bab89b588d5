import {
  createRemoteRevocations,
  openLiveFeed,
  watchRevocations,
  type LiveFeed,
  type Log,
  type Metrics,
  type RevocationList,
} from '@taskgraph/service-kit';

export interface RevocationsOptions {
  readonly config: {
    /** Null where nobody tells. */
    readonly revocationsUrls: readonly string[] | null;
    readonly REDIS_URL?: string | undefined;
    readonly REVOCATION_POLL_MS: number;
  };
  /** Closed by its owner; when absent, one is opened here, through Redis where there is any. */
  readonly feed: LiveFeed | undefined;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Follows which sessions have ended; null where nobody tells, and tokens are good until they expire. */
export function createRevocations({ config, feed: given, log, metrics }: RevocationsOptions): RevocationList | null {
  if (config.revocationsUrls === null) return null;
  const feed = given ?? openLiveFeed(config.REDIS_URL, { log, metrics });
  const list = createRemoteRevocations({ url: config.revocationsUrls, feed, pollMs: config.REVOCATION_POLL_MS, log });
  watchRevocations(list, metrics);
  return {
    ...list,
    async close() {
      await list.close();
      if (!given) await feed?.close();
    },
  };
}
