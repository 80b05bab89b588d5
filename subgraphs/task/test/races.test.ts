import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { buildViewer } from '@taskgraph/testkit';
import { startTaskGraph } from './task-graph.js';

const ROUNDS = 200;

describe('two who attach and one who deletes', () => {
  it('never leave an attachment without a task, a gap in the answers, or a deadlock', async () => {
    await using graph = await startTaskGraph();
    const ada = buildViewer();
    const mediaIds = [randomUUID(), randomUUID(), randomUUID()];
    for (const id of mediaIds) graph.mediaStatus.set(id, 'READY');
    const attach = 'mutation($input: AttachMediaInput!) { attachMedia(input: $input) { __typename } }';
    const detach = 'mutation($input: DetachMediaInput!) { detachMedia(input: $input) { task { id } } }';

    for (let round = 0; round < ROUNDS; round += 1) {
      const taskId = await graph.addTask(ada);
      const results = await Promise.all([
        graph.run(ada, attach, { input: { taskId, mediaIds } }),
        graph.run(ada, attach, { input: { taskId, mediaIds: [...mediaIds].reverse() } }),
        graph.run(ada, detach, { input: { taskId, mediaIds } }),
        graph.run(ada, 'mutation($id: ID!) { deleteTask(id: $id) { taskId } }', { id: taskId }),
      ]);
      for (const { body } of results) {
        const codes = (body.errors ?? []).map(({ extensions }) => extensions?.code);
        expect(codes.every((code) => code === 'NOT_FOUND')).toBe(true);
      }
      expect(results[3]?.body.errors).toBeUndefined();
    }
    const { rows } = await graph.pool.query(
      'SELECT (SELECT count(*) FROM tasks)::int AS tasks, (SELECT count(*) FROM task_media)::int AS attachments',
    );
    expect(rows).toEqual([{ tasks: 0, attachments: 0 }]);
  });

  it('make one attachment of the same item attached at the same time', async () => {
    await using graph = await startTaskGraph();
    const ada = buildViewer();
    const taskId = await graph.addTask(ada);
    const id = randomUUID();
    graph.mediaStatus.set(id, 'READY');
    const attach = 'mutation($input: AttachMediaInput!) { attachMedia(input: $input) { __typename } }';
    const results = await Promise.all(
      Array.from({ length: 10 }, () => graph.run(ada, attach, { input: { taskId, mediaIds: [id] } })),
    );
    for (const { body } of results)
      expect(body).toEqual({ data: { attachMedia: { __typename: 'AttachMediaSuccess' } } });
    const { rows } = await graph.pool.query('SELECT count(*)::int AS attachments FROM task_media');
    expect(rows).toEqual([{ attachments: 1 }]);
  });
});
