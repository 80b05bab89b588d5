import { hashKey, privateKey, viewerKey } from '../subgraphs/caching/cache-keys.js';
import type { OperationContext, Identity } from '../request/context.js';

/** In whose name a subscription runs. A connection replaces them as a whole when its token is renewed. */
export interface Credentials {
  readonly identity: Identity;
  /** The Authorization header as it came. */
  readonly authorization: string | undefined;
  /** Milliseconds since the epoch; infinite for a viewer without a token, or with one that the host cannot read. */
  readonly expiresAtMs: number;
}

export function toCredentials({
  identity,
  authorization,
}: Pick<OperationContext, 'identity' | 'authorization'>): Credentials {
  const expiresAtMs = identity.kind === 'accepted' ? identity.claims.exp * 1000 : Infinity;
  return { identity, authorization, expiresAtMs };
}

/** The user that limits count by; null where there is none, or it is not known. */
export function userOf({ identity }: Credentials): string | null {
  return identity.kind === 'accepted' ? identity.viewer.userId : null;
}

/** Equal for those who get the same answer: one user with the same rights, or the same token. */
export const viewerOf: (credentials: Credentials) => string = privateKey;

/**
 * Equal for viewers who may see the same events: nobody; the holders of a scope that may see everything; else each user
 * alone, and each token that the host cannot read.
 */
export function rightsOf(credentials: Credentials, sharedScopes: readonly string[]): string {
  const { identity } = credentials;
  if (identity.kind !== 'accepted') return viewerKey(credentials);
  const held = sharedScopes.find((scope) => identity.viewer.scopes.includes(scope));
  return held === undefined ? viewerOf(credentials) : `scope:${hashKey(held)}`;
}
