import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildViewer, countStatements, expectData, expectErrorCode, type TestViewer } from '@taskgraph/testkit';
import { startTaskGraph, type TaskGraph } from './task-graph.js';

const ATTACH = `mutation($input: AttachMediaInput!) { attachMedia(input: $input) { __typename
  ... on AttachMediaSuccess { task { id media { totalCount } } }
  ... on MediaNotFoundProblem { message mediaIds } ... on MediaNotReadyProblem { message mediaIds } } }`;
const SHOWN = 'query($ids: [ID!]!) { mediaOnVisibleTasks(ids: $ids) }';
const DETACH = 'mutation($input: DetachMediaInput!) { detachMedia(input: $input) { task { media { totalCount } } } }';
const MEDIA =
  'query($id: ID!, $first: Int, $after: String) { task(id: $id) { media(first: $first, after: $after) { totalCount edges { cursor attachedAt attachedBy { id } node { id } } pageInfo { hasNextPage endCursor } } } }';

describe('attachments', () => {
  let graph: TaskGraph;
  let ada: TestViewer;
  beforeAll(async () => {
    graph = await startTaskGraph();
    ada = buildViewer();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  function readyMedia(count: number): string[] {
    const ids = Array.from({ length: count }, () => randomUUID());
    for (const id of ids) {
      graph.mediaStatus.set(id, 'READY');
      graph.mediaUploaders.set(id, ada.userId);
    }
    return ids;
  }
  const attach = (who: TestViewer, taskId: string, mediaIds: readonly string[]) =>
    graph.run(who, ATTACH, { input: { taskId, mediaIds } });
  const attachedIds = async (taskId: string) =>
    (
      expectData(await graph.run(ada, MEDIA, { id: taskId, first: 100 })).task.media.edges as Array<{
        node: { id: string };
      }>
    ).map(({ node }) => node.id);

  it('keep their order and are made once, however often they are asked for', async () => {
    const taskId = await graph.addTask(ada);
    const [first, second, third] = readyMedia(3) as [string, string, string];
    expectData(await attach(ada, taskId, [second, first, second]));
    expectData(await attach(ada, taskId, [first, third]));
    expect(await attachedIds(taskId)).toEqual([second, first, third]);
  });

  it('are all or none', async () => {
    const taskId = await graph.addTask(ada);
    const [good] = readyMedia(1) as [string];
    const pending = randomUUID();
    graph.mediaStatus.set(pending, 'PROCESSING');
    const unknown = randomUUID();
    expect(expectData(await attach(ada, taskId, [good, unknown])).attachMedia).toEqual({
      __typename: 'MediaNotFoundProblem',
      message: expect.any(String),
      mediaIds: [unknown],
    });
    expect(expectData(await attach(ada, taskId, [good, pending])).attachMedia).toEqual({
      __typename: 'MediaNotReadyProblem',
      message: expect.any(String),
      mediaIds: [pending],
    });
    expect(expectData(await attach(ada, taskId, [good, 'garbage'])).attachMedia.__typename).toBe(
      'MediaNotFoundProblem',
    );
    expect(await attachedIds(taskId)).toEqual([]);
  });

  it('page forwards, and say where a page ends', async () => {
    const taskId = await graph.addTask(ada);
    const ids = readyMedia(5);
    expectData(await attach(ada, taskId, ids));
    const seen: string[] = [];
    for (let after: string | null = null, more = true; more;) {
      const {
        media,
      }: {
        media: {
          totalCount: number;
          edges: Array<{ node: { id: string }; attachedBy: { id: string } }>;
          pageInfo: { hasNextPage: boolean; endCursor: string };
        };
      } = expectData(await graph.run(ada, MEDIA, { id: taskId, first: 2, after })).task;
      expect(media.totalCount).toBe(5);
      seen.push(...media.edges.map(({ node }) => node.id));
      more = media.pageInfo.hasNextPage;
      after = media.pageInfo.endCursor;
    }
    expect(seen).toEqual(ids);
    const past = expectData(await graph.run(ada, MEDIA, { id: taskId, first: 0 })).task.media;
    expect(past).toEqual({ totalCount: 5, edges: [], pageInfo: { hasNextPage: true, endCursor: null } });
    expectErrorCode(await graph.run(ada, MEDIA, { id: taskId, after: 'garbage' }), 'BAD_USER_INPUT');
  });

  it('are bounded per call and per task', async () => {
    const taskId = await graph.addTask(ada);
    expectErrorCode(await attach(ada, taskId, []), 'BAD_USER_INPUT');
    expectErrorCode(await attach(ada, taskId, readyMedia(101)), 'BAD_USER_INPUT');
    for (let round = 0; round < 5; round += 1) expectData(await attach(ada, taskId, readyMedia(100)));
    expectErrorCode(await attach(ada, taskId, readyMedia(1)), 'CONFLICT');
  });

  it('go with detachment, once or twice, and leave gaps that do no harm', async () => {
    const taskId = await graph.addTask(ada);
    const [first, second, third] = readyMedia(3) as [string, string, string];
    expectData(await attach(ada, taskId, [first, second]));
    for (let round = 0; round < 2; round += 1) {
      expect(
        expectData(await graph.run(ada, DETACH, { input: { taskId, mediaIds: [first, 'garbage'] } })).detachMedia.task
          .media.totalCount,
      ).toBe(1);
    }
    expectData(await attach(ada, taskId, [third, first]));
    expect(await attachedIds(taskId)).toEqual([second, third, first]);
  });

  it('are for owner and assignee, and invisible to others from both sides', async () => {
    const assignee = buildViewer();
    const stranger = buildViewer();
    const taskId = await graph.addTask(ada, { assigneeId: assignee.userId });
    const [id] = readyMedia(1) as [string];
    graph.mediaUploaders.set(id, assignee.userId);
    expectErrorCode(await attach(stranger, taskId, [id]), 'NOT_FOUND');
    expectErrorCode(await attach({ ...ada, token: 'garbage' }, taskId, [id]), 'UNAUTHENTICATED');
    expectData(await attach(assignee, taskId, [id]));

    const query =
      'query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Media { attachedToVisibleTask tasks { totalCount edges { node { id } } } } } }';
    const representations = [{ __typename: 'Media', id }];
    const seen = { attachedToVisibleTask: true, tasks: { totalCount: 1, edges: [{ node: { id: taskId } }] } };
    const hidden = { attachedToVisibleTask: false, tasks: { totalCount: 0, edges: [] } };
    for (const [who, expected] of [
      [ada, seen],
      [assignee, seen],
      [buildViewer({ role: 'ADMIN' }), seen],
      [stranger, hidden],
    ] as const) {
      expect(expectData(await graph.run(who, query, { representations }))._entities).toEqual([expected]);
      const shown = expected === seen ? [id] : [];
      const ids = [id, randomUUID(), 'garbage', id, id.toUpperCase(), ''];
      expect(expectData(await graph.run(who, SHOWN, { ids })).mediaOnVisibleTasks).toEqual(shown);
      expect(expectData(await graph.run(who, SHOWN, { ids: [] })).mediaOnVisibleTasks).toEqual([]);
    }
    expectErrorCode(await graph.run(null, query, { representations }), 'UNAUTHENTICATED');
    expectErrorCode(await graph.run(null, SHOWN, { ids: [id] }), 'UNAUTHENTICATED');
  });

  it('are asked about as many at once as an operation may cost', async () => {
    await using small = await startTaskGraph({ MAX_OPERATION_COST: '50' });
    // Each is counted, and the list itself, of twice what clients may: see DOCUMENT_ROOM.
    const ids = Array.from({ length: 100 }, () => randomUUID());
    expect(expectData(await small.run(ada, SHOWN, { ids: ids.slice(1) })).mediaOnVisibleTasks).toEqual([]);
    expectErrorCode(await small.run(ada, SHOWN, { ids }), 'COST_ESTIMATED_TOO_EXPENSIVE');
  });

  it('need the media service for what is new, not for what is attached already', async () => {
    await using other = await startTaskGraph();
    const taskId = await other.addTask(ada);
    const id = randomUUID();
    other.mediaStatus.set(id, 'READY');
    expectData(await other.run(ada, ATTACH, { input: { taskId, mediaIds: [id] } }));
    await other.media.stop();
    expect(
      expectData(await other.run(ada, ATTACH, { input: { taskId, mediaIds: [id] } })).attachMedia.task.media.totalCount,
    ).toBe(1);
    const refused = expectErrorCode(
      await other.run(ada, ATTACH, { input: { taskId, mediaIds: [id, randomUUID()] } }),
      'UNAVAILABLE',
    );
    expect(refused.extensions).toMatchObject({ subgraph: 'media' });
    expect(expectData(await other.run(ada, MEDIA, { id: taskId })).task.media.totalCount).toBe(1);
  });

  it('of a whole board cost one statement, and so do the relations of users and media', async () => {
    const viewer = buildViewer();
    const media = readyMedia(4);
    const taskIds: string[] = [];
    for (let index = 0; index < 20; index += 1) {
      const taskId = await graph.addTask(viewer);
      taskIds.push(taskId);
      expectData(await attach(viewer, taskId, media));
    }
    const board = await countStatements(graph.pool, () =>
      graph.run(
        viewer,
        '{ tasks(first: 50) { edges { node { id title owner { id } media(first: 3) { totalCount edges { attachedBy { id } node { id } } } } } } }',
      ),
    );
    const edges = expectData(board.result).tasks.edges as Array<{
      node: { media: { totalCount: number; edges: unknown[] } };
    }>;
    expect(edges.map(({ node }) => [node.media.totalCount, node.media.edges.length])).toEqual(
      taskIds.map(() => [4, 3]),
    );
    expect(board.statements).toHaveLength(2);

    const users = [viewer.userId, buildViewer().userId, ada.userId];
    const overview = await countStatements(graph.pool, () =>
      graph.run(
        viewer,
        'query($representations: [_Any!]!) { _entities(representations: $representations) { ... on User { id tasks(first: 2) { totalCount edges { node { id } } } } } }',
        {
          representations: users.map((id) => ({ __typename: 'User', id })),
        },
      ),
    );
    expect(
      expectData(overview.result)._entities.map((user: { tasks: { totalCount: number } }) => user.tasks.totalCount),
    ).toEqual([20, 0, 0]);
    expect(overview.statements).toHaveLength(1);

    const back = await countStatements(graph.pool, () =>
      graph.run(
        viewer,
        'query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Media { tasks(first: 1) { totalCount edges { node { id } } pageInfo { hasNextPage } } } } }',
        {
          representations: media.map((id) => ({ __typename: 'Media', id })),
        },
      ),
    );
    expect(expectData(back.result)._entities).toEqual(
      media.map(() => ({
        tasks: { totalCount: 20, edges: [{ node: { id: taskIds.at(-1) } }], pageInfo: { hasNextPage: true } },
      })),
    );
    expect(back.statements).toHaveLength(1);
  });
});
