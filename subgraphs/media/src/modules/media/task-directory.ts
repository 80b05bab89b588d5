import type { Peer, PeerCaller } from '@taskgraph/service-kit';

/** What this service needs to know of tasks. */
export interface TaskDirectory {
  /**
   * Tells which of these media are attached to a task that the caller may see, in one call.
   *
   * @throws AppError UNAVAILABLE when the task service cannot be asked
   */
  attachedToVisibleTask(mediaIds: readonly string[], caller: PeerCaller): Promise<ReadonlySet<string>>;
}

const ATTACHED = /* GraphQL */ `
  query AttachedToVisibleTask($representations: [_Any!]!) {
    _entities(representations: $representations) {
      ... on Media {
        id
        attachedToVisibleTask
      }
    }
  }
`;

export function createTaskDirectory(task: Peer): TaskDirectory {
  return {
    async attachedToVisibleTask(mediaIds, caller) {
      const { _entities } = await task.query<{
        _entities: Array<{ id: string; attachedToVisibleTask: boolean } | null>;
      }>(ATTACHED, { representations: mediaIds.map((id) => ({ __typename: 'Media', id })) }, caller);
      return new Set(_entities.flatMap((entity) => (entity?.attachedToVisibleTask ? [entity.id] : [])));
    },
  };
}
