import type { Log, TokenOutcome } from '@taskgraph/service-kit';

/** What one request carries through the gateway. */
export interface GatewayContext {
  readonly requestId: string;
  readonly log: Log;
  readonly identity: Identity;
  /** Where the client is. */
  readonly address?: string | undefined;
  /** The Authorization header as it came: subgraphs verify it themselves. */
  readonly authorization: string | undefined;
  /** Labels of `@override` that hold for it, as they came in a header. */
  readonly overrideLabels?: string | undefined;
  /** What the client wants of caches; absent where it cannot say so. */
  readonly cacheWishes?: CacheWishes;
  /** Aborts when the client goes away or the operation's time is up. */
  readonly signal: AbortSignal;
  readonly cancel: (reason: Error) => void;
}

/** What a client wants of caches on the way of its request (RFC 9111, 5.2.1). */
export interface CacheWishes {
  /** Nothing that was asked for before. */
  readonly isFresh: boolean;
  /** Nothing of the answer is kept for others, or for later. */
  readonly isUnkept: boolean;
}

/** Who asks. `unverified`: the gateway knows no keys, so it leaves the decision to the subgraphs. */
export type Identity = TokenOutcome | { readonly kind: 'unverified' };

/** Who asks, in one request. */
export type Asker = Pick<GatewayContext, 'identity' | 'authorization' | 'requestId' | 'log'>;

/** What decides about the labels of a request. */
export type LabelFacts = Pick<GatewayContext, 'identity' | 'authorization' | 'overrideLabels'>;

/**
 * Tells which labels of `@override` hold for a request: their fields are asked of the subgraph that takes them over. Nothing is
 * done before the first label is asked about.
 */
export type OverrideLabels = (facts: LabelFacts) => (label: string) => boolean;

/**
 * Who takes turns with others, at the planner, for subgraphs and for events: a user, and everybody at one address that is not known as
 * a user. A token that nobody has verified tells nothing, since a client can make up as many as it likes.
 */
export function clientOf({ identity, address }: Pick<GatewayContext, 'identity' | 'address'>): string {
  return identity.kind === 'accepted' ? `user ${identity.viewer.userId}` : `address ${address ?? ''}`;
}
