import type { Log, TokenOutcome } from '@taskgraph/service-kit';

/** What one request carries through the gateway. */
export interface GatewayContext {
  readonly requestId: string;
  readonly log: Log;
  readonly identity: Identity;
  /** The Authorization header as it came: subgraphs verify it themselves. */
  readonly authorization: string | undefined;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  /** Whether the client reads `application/graphql-response+json`, and with it HTTP statuses of GraphQL errors. */
  readonly readsStatus: boolean;
}

/** Who asks. `unverified`: the gateway knows no keys, so it leaves the decision to the subgraphs. */
export type Identity = TokenOutcome | { readonly kind: 'unverified' };
