import { buildSubgraphSchema } from '@apollo/subgraph';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  buildViewer,
  expectData,
  hostilePlaces,
  openRowCounter,
  probeHostilePlace,
  uuid7,
  type HostileTarget,
  type RowCounter,
} from '@taskgraph/testkit';
import { typeDefs } from '../src/schema.js';
import { startTaskGraph, type TaskGraph } from './task-graph.js';

const CURSORS = 'query($id: ID!) { tasks { edges { cursor } } task(id: $id) { media { edges { cursor } } } }';
const USER_CURSOR = `query($r: [_Any!]!) { _entities(representations: $r) { ... on User { tasks { edges { cursor } } } } }`;

describe('whatever comes in', () => {
  let graph: TaskGraph;
  let rows: RowCounter;
  const ada = buildViewer();
  const mediaId = uuid7();
  beforeAll(async () => {
    graph = await startTaskGraph();
    rows = await openRowCounter(graph.database.url);
    graph.mediaStatus.set(mediaId, 'READY');
  });
  afterAll(async () => {
    await rows[Symbol.asyncDispose]();
    await graph[Symbol.asyncDispose]();
  });

  const target: HostileTarget = {
    async samples() {
      const id = await graph.addTask(ada);
      const ATTACH = 'mutation($input: AttachMediaInput!) { attachMedia(input: $input) { __typename } }';
      expectData(await graph.run(ada, ATTACH, { input: { taskId: id, mediaIds: [mediaId] } }));
      const { tasks, task } = expectData(await graph.run(ada, CURSORS, { id }));
      const representations = [{ __typename: 'User', id: ada.userId }];
      const { _entities } = expectData(await graph.run(ada, USER_CURSOR, { r: representations }));
      const userCursor = _entities[0].tasks.edges[0].cursor;
      const samples: Record<string, unknown> = {
        'Query.task(id)': id,
        'Query.tasks(after)': tasks.edges[0].cursor,
        'Query.tasks(before)': tasks.edges[0].cursor,
        'Task.id': id,
        'Task.media(after)': task.media.edges[0].cursor,
        'User.id': ada.userId,
        'User.tasks(after)': userCursor,
        'Media.id': mediaId,
        'Media.tasks(after)': userCursor,
        'UpdateTaskInput.id': id,
        'Mutation.deleteTask(id)': id,
        'AttachMediaInput.taskId': id,
        'AttachMediaInput.mediaIds': [mediaId],
        'DetachMediaInput.taskId': id,
        'DetachMediaInput.mediaIds': [mediaId],
        'Subscription.taskChanged(taskId)': id,
        'Subscription.mediaAttached(taskId)': id,
      };
      return (coordinate) => samples[coordinate];
    },
    async send({ query, variables }, operation) {
      if (operation !== 'subscription') return graph.run(ada, query, { ...variables });
      await using subscription = graph.subscribe(ada, query, { ...variables });
      const heard = await subscription.next();
      return { status: 200, body: heard.kind === 'failed' ? { errors: heard.errors } : { data: heard } };
    },
    countRows: () => rows.count(),
  };

  it.each(hostilePlaces(buildSubgraphSchema({ typeDefs })))(
    'at $coordinate, gets a right answer or an error with a code, and leaves nothing half',
    async (place) => {
      expect(await probeHostilePlace(place, target)).toEqual([]);
    },
  );
});
