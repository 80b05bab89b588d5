import type { Peer, PeerCaller } from '@taskgraph/service-kit';

/** What this service needs to know of tasks. */
export interface TaskDirectory {
  /**
   * Tells which of these media are attached to a task that the caller may see, in one call.
   *
   * @throws AppError UNAVAILABLE when the task service cannot be asked
   */
  mediaOnVisibleTasks(mediaIds: readonly string[], caller: PeerCaller): Promise<ReadonlySet<string>>;
}

const ON_VISIBLE_TASKS = /* GraphQL */ `
  query MediaOnVisibleTasks($ids: [ID!]!) {
    mediaOnVisibleTasks(ids: $ids)
  }
`;

export function createTaskDirectory(task: Peer): TaskDirectory {
  return {
    async mediaOnVisibleTasks(ids, caller) {
      const data = await task.query<{ mediaOnVisibleTasks: string[] }>(ON_VISIBLE_TASKS, { ids }, caller);
      return new Set(data.mediaOnVisibleTasks);
    },
  };
}
