import type { CancelSignal } from './cancellation.js';
import type { FieldTraces } from './field-traces.js';
import type { Log } from './log.js';

/** What one request carries through the engine. */
export interface OperationContext {
  readonly requestId: string;
  readonly log: Log;
  readonly identity: Identity;
  /** Where the client is. */
  readonly address?: string | undefined;
  /** The Authorization header as it came: subgraphs verify it themselves. */
  readonly authorization: string | undefined;
  /** Labels of `@override` that hold for it, as they came in a header. */
  readonly overrideLabels?: string | undefined;
  /** Reads a header of the client, where the host passes them on. */
  readonly clientHeader?: (name: string) => string | undefined;
  /** What the client wants of caches; absent where it cannot say so. */
  readonly cacheWishes?: CacheWishes;
  /** Collects what subgraphs tell of their fields; absent where nobody wants to know. */
  readonly traces?: FieldTraces | undefined;
  /** Aborts when the client goes away or the operation's time is up. */
  readonly signal: CancelSignal;
  readonly cancel: (reason: Error) => void;
}

/** What a client wants of caches on the way of its request (RFC 9111, 5.2.1). */
export interface CacheWishes {
  /** Nothing that was asked for before. */
  readonly isFresh: boolean;
  /** Nothing of the answer is kept for others, or for later. */
  readonly isUnkept: boolean;
}

/** Somebody who is known. */
export interface Viewer {
  readonly userId: string;
  readonly scopes: readonly string[];
}

/** What is known of a viewer, and until when: seconds since the epoch (RFC 7519, section 4.1.4). */
export type Claims = Readonly<Record<string, unknown>> & { readonly exp: number };

/** The viewer, as the host has found out. `unverified`: it leaves the decision to the subgraphs. */
export type Identity =
  | { readonly kind: 'accepted'; readonly viewer: Viewer; readonly claims: Claims }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly problem: string }
  | { readonly kind: 'unverified' };

/** The viewer, in one request. */
export type Asker = Pick<OperationContext, 'identity' | 'authorization' | 'requestId' | 'log' | 'clientHeader'>;

/** What decides about the labels of a request. */
export type LabelFacts = Pick<OperationContext, 'identity' | 'authorization' | 'overrideLabels' | 'clientHeader'>;

/**
 * Tells which labels of `@override` hold for a request: their fields are asked of the subgraph that takes them over. Nothing is
 * done before the first label is asked about.
 */
export type OverrideLabels = (facts: LabelFacts) => (label: string) => boolean;

/**
 * The client that takes turns with others, at the planner, for subgraphs and for events: a user, and everybody at one address that is
 * not known as a user. A token that nobody has verified tells nothing, since a client can make up as many as it likes.
 */
export function clientOf({ identity, address }: Pick<OperationContext, 'identity' | 'address'>): string {
  return identity.kind === 'accepted' ? `user ${identity.viewer.userId}` : `address ${address ?? ''}`;
}
