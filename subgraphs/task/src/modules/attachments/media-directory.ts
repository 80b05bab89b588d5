import type { Peer, PeerCaller } from '@taskgraph/service-kit';

export interface MediaState {
  readonly state: 'ready' | 'not_ready' | 'not_found';
  /** Null for what is not found. */
  readonly uploaderId: string | null;
}

/** What this service needs to know of media. */
export interface MediaDirectory {
  /**
   * Tells the state of media as far as the caller may see them, in one call.
   *
   * @throws AppError UNAVAILABLE when the media service cannot be asked
   */
  statesOf(mediaIds: readonly string[], caller: PeerCaller): Promise<ReadonlyMap<string, MediaState>>;
}

const MEDIA_STATES = /* GraphQL */ `
  query MediaStates($representations: [_Any!]!) {
    _entities(representations: $representations) {
      ... on Media {
        id
        status
        uploadedBy {
          id
        }
      }
    }
  }
`;

interface MediaEntity {
  readonly id: string;
  readonly status: string;
  readonly uploadedBy?: { readonly id: string } | null;
}

export function createMediaDirectory(media: Peer): MediaDirectory {
  return {
    async statesOf(mediaIds, caller) {
      const { _entities } = await media.query<{ _entities: Array<MediaEntity | null> }>(
        MEDIA_STATES,
        { representations: mediaIds.map((id) => ({ __typename: 'Media', id })) },
        caller,
      );
      return new Map(
        mediaIds.map((id, index): [string, MediaState] => {
          const entity = _entities[index];
          if (!entity) return [id, { state: 'not_found', uploaderId: null }];
          const state = entity.status === 'READY' ? 'ready' : 'not_ready';
          return [id, { state, uploaderId: entity.uploadedBy?.id ?? null }];
        }),
      );
    },
  };
}
