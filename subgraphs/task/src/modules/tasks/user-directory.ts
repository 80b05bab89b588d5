import type { Peer, PeerCaller } from '@taskgraph/service-kit';

/** What this service needs to know of users. */
export interface UserDirectory {
  /** @throws AppError UNAVAILABLE when the auth service cannot be asked */
  exists(userId: string, caller: PeerCaller): Promise<boolean>;
}

const USER_EXISTS = /* GraphQL */ `
  query UserExists($representations: [_Any!]!) {
    _entities(representations: $representations) {
      ... on User {
        id
      }
    }
  }
`;

export function createUserDirectory(auth: Peer): UserDirectory {
  return {
    async exists(userId, caller) {
      const { _entities } = await auth.query<{ _entities: Array<{ id: string } | null> }>(
        USER_EXISTS,
        { representations: [{ __typename: 'User', id: userId }] },
        caller,
      );
      return _entities[0] != null;
    },
  };
}
