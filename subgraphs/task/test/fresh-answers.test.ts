import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildViewer, expectErrorCode, expectData, uuid7, type TestViewer } from '@taskgraph/testkit';
import { startTaskGraph, type TaskGraph } from './task-graph.js';

describe('several mutations in one request', () => {
  let graph: TaskGraph;
  beforeAll(async () => {
    graph = await startTaskGraph();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  async function taskWithMedia(who: TestViewer) {
    const [one, two] = [uuid7(), uuid7()];
    for (const id of [one, two]) {
      graph.mediaStatus.set(id, 'READY');
      graph.mediaUploaders.set(id, who.userId);
    }
    return { id: await graph.addTask(who), one, two };
  }
  const MEDIA = '... on AttachMediaSuccess { task { media { totalCount edges { node { tasks { totalCount } } } } } }';

  it('each tell what is true after them', async () => {
    const ada = buildViewer();
    const { id, one, two } = await taskWithMedia(ada);
    const data = expectData(
      await graph.run(
        ada,
        `mutation($id: ID!, $one: ID!, $two: ID!) {
          a: attachMedia(input: { taskId: $id, mediaIds: [$one] }) { ${MEDIA} }
          b: attachMedia(input: { taskId: $id, mediaIds: [$two] }) { ${MEDIA} }
          c: detachMedia(input: { taskId: $id, mediaIds: [$one, $two] }) { task { media { totalCount } owner { tasks { totalCount } } } }
          d: createTask(input: { title: "Second" }) { task { owner { tasks { totalCount } } } }
          e: updateTask(input: { id: $id, expectedVersion: 1, title: "New" }) { ... on UpdateTaskSuccess { task { title owner { tasks { edges { node { title } } } } } } }
          f: deleteTask(id: $id) { taskId }
          g: createTask(input: { title: "Third" }) { task { owner { tasks { totalCount edges { node { title } } } } } }
        }`,
        { id, one, two },
      ),
    );
    expect(data.a.task.media).toEqual({ totalCount: 1, edges: [{ node: { tasks: { totalCount: 1 } } }] });
    expect(data.b.task.media.totalCount).toBe(2);
    expect(data.c.task).toEqual({ media: { totalCount: 0 }, owner: { tasks: { totalCount: 1 } } });
    expect(data.d.task.owner.tasks.totalCount).toBe(2);
    expect(data.e.task.owner.tasks.edges.map((edge: { node: { title: string } }) => edge.node.title)).toEqual([
      'Second',
      'New',
    ]);
    expect(data.g.task.owner.tasks).toEqual({
      totalCount: 2,
      edges: [{ node: { title: 'Third' } }, { node: { title: 'Second' } }],
    });
  });

  it('keep what the others have done when one fails', async () => {
    const ada = buildViewer();
    const result = await graph.run(
      ada,
      `mutation($unknown: ID!) { a: createTask(input: { title: "Kept" }) { task { title } }
        b: deleteTask(id: $unknown) { taskId }
        c: createTask(input: { title: "Kept as well" }) { task { title } } }`,
      { unknown: uuid7() },
    );
    expectErrorCode(result, 'NOT_FOUND');
    expect(result.body.data).toEqual({
      a: { task: { title: 'Kept' } },
      b: null,
      c: { task: { title: 'Kept as well' } },
    });
  });
});
