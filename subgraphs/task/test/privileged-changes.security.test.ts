import { randomUUID } from 'node:crypto';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { describe, expect, it } from '@jest/globals';
import { buildViewer, expectData, type GraphQLResult, type TestViewer } from '@taskgraph/testkit';
import { typeDefs } from '../src/schema.js';
import { startTaskGraph, type TaskGraph } from './task-graph.js';

const UPDATE = 'mutation($input: UpdateTaskInput!) { updateTask(input: $input) { __typename } }';
const DELETE = 'mutation($id: ID!) { deleteTask(id: $id) { taskId } }';
const ATTACH = 'mutation($input: AttachMediaInput!) { attachMedia(input: $input) { __typename } }';
const DETACH = 'mutation($input: DetachMediaInput!) { detachMedia(input: $input) { task { id } } }';

/** What somebody is about to change: a task of Ada's that Ben is to do, with a picture of hers. */
interface Scene {
  readonly graph: TaskGraph;
  readonly taskId: string;
  readonly attached: string;
  readonly ready: string;
}

/** What each mutation is told as; null where nobody can do it to what is another's. */
const CHANGES: Readonly<
  Record<string, null | { change: string; run: (scene: Scene, who: TestViewer) => Promise<GraphQLResult> }>
> = {
  createTask: null,
  updateTask: {
    change: 'updated',
    run: ({ graph, taskId }, who) =>
      graph.run(who, UPDATE, { input: { id: taskId, expectedVersion: 1, title: 'Another' } }),
  },
  deleteTask: { change: 'deleted', run: ({ graph, taskId }, who) => graph.run(who, DELETE, { id: taskId }) },
  attachMedia: {
    change: 'media-attached',
    run: ({ graph, taskId, ready }, who) => graph.run(who, ATTACH, { input: { taskId, mediaIds: [ready] } }),
  },
  detachMedia: {
    change: 'media-detached',
    run: ({ graph, taskId, attached }, who) => graph.run(who, DETACH, { input: { taskId, mediaIds: [attached] } }),
  },
};

async function told(graph: TaskGraph): Promise<unknown[]> {
  const { rows } = await graph.pool.query<{ data: unknown }>(
    "DELETE FROM outbox WHERE type = 'task.privileged-change.v1' RETURNING data, position",
  );
  return rows.map(({ data }) => data);
}

async function setScene(graph: TaskGraph, owner: TestViewer, assignee: TestViewer): Promise<Scene> {
  const taskId = await graph.addTask(owner, { assigneeId: assignee.userId });
  const [attached, ready] = [randomUUID(), randomUUID()];
  for (const id of [attached, ready]) {
    graph.mediaStatus.set(id, 'READY');
    graph.mediaUploaders.set(id, owner.userId);
  }
  expectData(await graph.run(owner, ATTACH, { input: { taskId, mediaIds: [attached] } }));
  return { graph, taskId, attached, ready };
}

describe('what an administrator changes of the tasks of others', () => {
  it('is looked at for every mutation that there is', () => {
    const mutations = buildSubgraphSchema({ typeDefs }).getMutationType()?.getFields();
    expect(Object.keys(CHANGES).sort()).toEqual(Object.keys(mutations ?? {}).sort());
  });

  it.each(Object.entries(CHANGES).flatMap(([name, what]) => (what ? [[name, what] as const] : [])))(
    'is told of %s, with the change, and nothing where somebody does it by right',
    async (_name, { change, run }) => {
      await using graph = await startTaskGraph();
      const [ada, ben, admin] = [buildViewer(), buildViewer(), buildViewer({ role: 'ADMIN' })];
      const theirs = await setScene(graph, ada, ben);
      expectData(await run(theirs, admin));
      const facts = { actorId: admin.userId, ownerId: ada.userId, taskId: theirs.taskId, change };
      expect(await told(graph)).toEqual([{ ...facts, ipAddress: expect.any(String), userAgent: expect.any(String) }]);

      const own = await setScene(graph, admin, ben);
      expectData(await run(own, admin));
      const adas = await setScene(graph, ada, ben);
      expectData(await run(adas, ada));
      expect(await told(graph)).toEqual([]);
    },
  );

  it('is told where it comes of the role although the administrator is to do the task', async () => {
    await using graph = await startTaskGraph();
    const [ada, ben, admin] = [buildViewer(), buildViewer(), buildViewer({ role: 'ADMIN' })];
    const update = (id: string, expectedVersion: number, changes: object) =>
      graph.run(admin, UPDATE, { input: { id, expectedVersion, ...changes } });
    const { taskId } = await setScene(graph, ada, admin);
    // An assignee may do both.
    expectData(await update(taskId, 1, { title: 'Another' }));
    expectData(await update(taskId, 2, { assigneeId: admin.userId }));
    expect(await told(graph)).toEqual([]);
    expectData(await update(taskId, 2, { assigneeId: ben.userId }));
    expect(await told(graph)).toMatchObject([{ ownerId: ada.userId, change: 'updated' }]);
    const { taskId: other } = await setScene(graph, ada, admin);
    expectData(await graph.run(admin, DELETE, { id: other }));
    expect(await told(graph)).toMatchObject([{ ownerId: ada.userId, taskId: other, change: 'deleted' }]);
  });

  it('has those whose pictures are shown by it, each once, and nothing of what was there or is refused', async () => {
    await using graph = await startTaskGraph();
    const [ada, ben, admin] = [buildViewer(), buildViewer(), buildViewer({ role: 'ADMIN' })];
    const taskId = await graph.addTask(admin);
    const mediaIds = [ada, ada, ben, admin].map(({ userId }) => {
      const id = randomUUID();
      graph.mediaStatus.set(id, 'READY');
      graph.mediaUploaders.set(id, userId);
      return id;
    });
    const attach = () => graph.run(admin, ATTACH, { input: { taskId, mediaIds } });
    expectData(await attach());
    const owners = (events: unknown[]) => events.map((event) => (event as { ownerId: string }).ownerId).sort();
    expect(owners(await told(graph))).toEqual([ada.userId, ben.userId].sort());
    expectData(await attach());
    const { taskId: adas, ready } = await setScene(graph, ada, ben);
    graph.mediaStatus.delete(ready);
    expectData(await graph.run(admin, ATTACH, { input: { taskId: adas, mediaIds: [ready] } }));
    expectData(await graph.run(admin, DETACH, { input: { taskId: adas, mediaIds: [ready] } }));
    expectData(await graph.run(admin, UPDATE, { input: { id: adas, expectedVersion: 7, title: 'Too late' } }));
    expectData(await graph.run(admin, UPDATE, { input: { id: adas, expectedVersion: 1, title: 'A task' } }));
    expect(await told(graph)).toEqual([]);
  });
});
