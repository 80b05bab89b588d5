import { hash } from 'node:crypto';
import type { OperationContext } from '../../request/context.js';
import type { Representation } from '../subgraph-client.js';

/** A key of one length for texts of any, which tells nobody what they were. No two lists of texts have the same. */
export function hashKey(...parts: readonly string[]): string {
  let text = '';
  for (const part of parts) text += `${part.length}:${part}`;
  return hash('sha256', text, 'base64url');
}

/** Whose changes are one's own: the viewer's; where the host verifies no tokens, those with the same token. */
export function viewerKey(context: Pick<OperationContext, 'identity' | 'authorization'>): string {
  const { identity } = context;
  return identity.kind === 'accepted' ? `user:${identity.viewer.userId}` : credentialKey(context);
}

/** Equal for clients that send the same credentials: no two tokens are alike, and a client that sends none cannot be told from others. */
export function credentialKey({ authorization }: Pick<OperationContext, 'authorization'>): string {
  return authorization === undefined ? 'nobody' : `token:${hashKey(authorization)}`;
}

/** Equal for those who may see the same events: the viewer, with the same rights; where no tokens are verified, the token's holders. */
export function privateKey(context: Pick<OperationContext, 'identity' | 'authorization'>): string {
  const { identity } = context;
  if (identity.kind !== 'accepted') return viewerKey(context);
  return `${viewerKey(context)} ${identity.viewer.scopes.join(' ')}`;
}

/**
 * Markers say when something has changed last; what was stored before is not used any more. Where two things have one marker, more is
 * asked for anew than has to be.
 */
export const markers = {
  /** Something of this subgraph was changed by anybody. */
  subgraph: (subgraph: string) => `changed:subgraph:${subgraph}`,
  /** This viewer has changed something in this subgraph. */
  viewer: (subgraph: string, viewer: string) => `changed:viewer:${subgraph}:${viewer}`,
  entity: (typename: string, id: string) => `changed:entity:${typename}:${id}`,
  /** Some entity of this type was changed: it may be one that is kept under another key than its `id`. */
  otherKeys: (typename: string) => `changed:other-keys:${typename}`,
  /** Some entity of this type was changed, and it is not known which. */
  type: (typename: string) => `changed:type:${typename}`,
};

/** The marker of an entity: by its `id`, or, where it is asked for by another key, of all of its type that are. */
export function entityMarker({ typename, id }: Representation): string {
  return id === null ? markers.otherKeys(typename) : markers.entity(typename, id);
}

const CLAIM = 'claim:';

/** Under which a work is claimed that is kept under a key. What a cache gives back for it is the cache's own business. */
export const claimKey = (key: string): string => CLAIM + key;
export const isClaimKey = (key: string): boolean => key.startsWith(CLAIM);
