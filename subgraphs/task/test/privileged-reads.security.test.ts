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
    // Of a list that names nobody, whose tasks were on the page.
    const ofAda = { kind: 'tasks-of-user', id: ada.userId };
    expect(await told()).toEqual(said([{ kind: 'tasks', id: null }, ofAda]));
    const list = 'query($filter: TaskFilter) { tasks(filter: $filter) { edges { node { id } } totalCount } }';
    const filtered = async (filter: Record<string, unknown>) => expectData(await graph.run(admin, list, { filter }));
    await filtered({ status: ['DONE'] });
    expect(await told()).toEqual(said([{ kind: 'tasks', id: null }]));
    await filtered({ assigneeId: null });
    expect(await told()).toEqual(said([{ kind: 'tasks', id: null }]));
    // Of one that does, whom, be there any or not.
    await filtered({ ownerId: ada.userId.toUpperCase() });
    expect(await told()).toEqual(said([ofAda]));
    await filtered({ assigneeId: ben.userId });
    expect(await told()).toEqual(said([{ kind: 'tasks-of-user', id: ben.userId }]));
    await filtered({ ownerId: ada.userId, assigneeId: ben.userId, status: ['DONE'] });
    expect(await told()).toEqual(said([ofAda, { kind: 'tasks-of-user', id: ben.userId }]));
    for (const filter of [{ ownerId: admin.userId }, { ownerId: ada.userId, assigneeId: admin.userId }])
      await filtered(filter);
    expect(await told()).toEqual([]);
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
