import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { buildViewer, expectData } from '@taskgraph/testkit';
import { startTaskGraph } from './task-graph.js';

describe('what an administrator reads of the tasks of others', () => {
  it('is told, once for each execution, and nothing of what is read by right', async () => {
    await using graph = await startTaskGraph();
    const [ada, ben, admin] = [buildViewer(), buildViewer(), buildViewer({ role: 'ADMIN' })];
    const adas = await graph.addTask(ada, { assigneeId: ben.userId });
    const own = await graph.addTask(admin);
    const told = async () => {
      const { rows } = await graph.pool.query<{ data: unknown }>(
        "DELETE FROM outbox WHERE type = 'task.privileged-read.v1' RETURNING data",
      );
      return rows.map(({ data }) => data);
    };
    const task = 'query($id: ID!) { task(id: $id) { title } }';
    for (const who of [ada, ben]) expectData(await graph.run(who, task, { id: adas }));
    expectData(await graph.run(admin, task, { id: own }));
    expectData(await graph.run(ada, '{ tasks { edges { node { id } } } }'));
    expect(await told()).toEqual([]);

    const said = (subjects: unknown) => [
      { actorId: admin.userId, subjects, ipAddress: expect.any(String), userAgent: expect.any(String) },
    ];
    expectData(await graph.run(admin, task, { id: adas }));
    expect(await told()).toEqual(said([{ kind: 'task', id: adas }]));
    expectData(await graph.run(admin, '{ tasks { edges { node { id } } } }'));
    expect(await told()).toEqual(said([{ kind: 'tasks', id: null }]));
    const user = `query($r: [_Any!]!) { _entities(representations: $r) { ... on User { tasks { totalCount } } } }`;
    const r = [ada, ben, admin].map(({ userId: id }) => ({ __typename: 'User', id }));
    expectData(await graph.run(admin, user, { r }));
    expect(await told()).toEqual(said([ada, ben].map(({ userId: id }) => ({ kind: 'tasks-of-user', id }))));

    const mediaId = randomUUID();
    const media = `query($r: [_Any!]!) { _entities(representations: $r) { ... on Media { tasks { totalCount } } } }`;
    const ofMedia = { r: [{ __typename: 'Media', id: mediaId }] };
    expectData(await graph.run(ada, media, ofMedia));
    expect(await told()).toEqual([]);
    expectData(await graph.run(admin, media, ofMedia));
    expect(await told()).toEqual(said([{ kind: 'tasks-of-media', id: mediaId }]));
  });
});
