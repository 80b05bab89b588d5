import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildViewer, countStatements, expectData, expectErrorCode } from '@taskgraph/testkit';
import { startTaskGraph, type TaskGraph } from './task-graph.js';

const TASK =
  'query($id: ID!) { task(id: $id) { id title description status priority dueAt labels version owner { id } assignee { id } } }';
const UPDATE = `mutation($input: UpdateTaskInput!) { updateTask(input: $input) { __typename
  ... on UpdateTaskSuccess { task { id title description status dueAt labels version assignee { id } } }
  ... on StaleVersionProblem { message current { version title } } } }`;
const DELETE = 'mutation($id: ID!) { deleteTask(id: $id) { taskId } }';

describe('tasks', () => {
  let graph: TaskGraph;
  beforeAll(async () => {
    graph = await startTaskGraph();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  it('are created with defaults and read back', async () => {
    const ada = buildViewer();
    const id = await graph.addTask(ada, { title: '  Ship it ', labels: ['a', 'a', 'b'] });
    expect(expectData(await graph.run(ada, TASK, { id })).task).toEqual({
      id,
      title: 'Ship it',
      description: null,
      status: 'TODO',
      priority: 'MEDIUM',
      dueAt: null,
      labels: ['a', 'b'],
      version: 1,
      owner: { id: ada.userId },
      assignee: null,
    });
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  it('change only in what was named; null clears', async () => {
    const ada = buildViewer();
    const id = await graph.addTask(ada, {
      description: 'Long',
      dueAt: '2030-01-01T00:00:00.000Z',
      assigneeId: ada.userId,
      labels: ['x'],
    });
    const { updateTask } = expectData(
      await graph.run(ada, UPDATE, {
        input: { id, expectedVersion: 1, dueAt: null, assigneeId: null, description: '' },
      }),
    );
    expect(updateTask.task).toEqual({
      id,
      title: 'A task',
      description: null,
      status: 'TODO',
      dueAt: null,
      labels: ['x'],
      version: 2,
      assignee: null,
    });
    expectErrorCode(await graph.run(ada, UPDATE, { input: { id, expectedVersion: 2, title: null } }), 'BAD_USER_INPUT');
  });

  it('let one of many writers with the same version win', async () => {
    const ada = buildViewer();
    const id = await graph.addTask(ada);
    const outcomes = await Promise.all(
      Array.from(
        { length: 8 },
        async (_, index) =>
          expectData(await graph.run(ada, UPDATE, { input: { id, expectedVersion: 1, title: `Writer ${index}` } }))
            .updateTask,
      ),
    );
    expect(outcomes.filter(({ __typename }) => __typename === 'UpdateTaskSuccess')).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.__typename === 'StaleVersionProblem') expect(outcome.current.version).toBe(2);
    expect(expectData(await graph.run(ada, TASK, { id })).task.version).toBe(2);
  });

  it('are seen and edited by owner, assignee and administrators; deleted by owner and administrators', async () => {
    const [owner, assignee, admin, stranger] = [
      buildViewer(),
      buildViewer(),
      buildViewer({ role: 'ADMIN' }),
      buildViewer(),
    ];
    const id = await graph.addTask(owner, { assigneeId: assignee.userId });
    for (const who of [owner, assignee, admin]) expect(expectData(await graph.run(who, TASK, { id })).task.id).toBe(id);
    expectErrorCode(await graph.run(stranger, TASK, { id }), 'NOT_FOUND');
    expectErrorCode(await graph.run(null, TASK, { id }), 'UNAUTHENTICATED');
    expectErrorCode(await graph.run(stranger, UPDATE, { input: { id, expectedVersion: 1, title: 'x' } }), 'NOT_FOUND');
    expectErrorCode(await graph.run(assignee, DELETE, { id }), 'FORBIDDEN');
    expectErrorCode(await graph.run(stranger, DELETE, { id }), 'NOT_FOUND');
    expectErrorCode(
      await graph.run(assignee, UPDATE, { input: { id, expectedVersion: 1, assigneeId: stranger.userId } }),
      'FORBIDDEN',
    );
    expect(
      expectData(await graph.run(assignee, UPDATE, { input: { id, expectedVersion: 1, assigneeId: null } })).updateTask
        .task.assignee,
    ).toBeNull();
    expectErrorCode(await graph.run(assignee, TASK, { id }), 'NOT_FOUND');
    expect(expectData(await graph.run(admin, DELETE, { id }))).toEqual({ deleteTask: { taskId: id } });
    expectErrorCode(await graph.run(owner, DELETE, { id }), 'NOT_FOUND');
  });

  it('keeps its version, and tells nobody, when nothing of it changes', async () => {
    const ada = buildViewer();
    const dueAt = '2027-03-28T02:30:00.000Z';
    const id = await graph.addTask(ada, { title: 'Same', labels: ['a', 'b'], dueAt });
    const update = async (more: object) =>
      expectData(await graph.run(ada, UPDATE, { input: { id, expectedVersion: 1, ...more } })).updateTask;
    for (const same of [{}, { title: ' Same ', labels: ['a', 'b', 'a'], dueAt: '2027-03-28T04:30:00+02:00' }])
      expect((await update(same)).task.version).toBe(1);
    const { rows } = await graph.pool.query<{ type: string }>('SELECT type FROM outbox WHERE subject = $1', [id]);
    expect(rows).toEqual([{ type: 'task.created.v1' }]);

    expect((await update({ title: 'Same', labels: ['b', 'a'] })).task).toMatchObject({
      version: 2,
      labels: ['b', 'a'],
    });
    const told = await graph.pool.query<{ data: { fields: string[] } }>(
      `SELECT data FROM outbox WHERE subject = $1 AND type = 'task.updated.v1'`,
      [id],
    );
    expect(told.rows.map(({ data }) => data.fields)).toEqual([['labels']]);
    // Whoever has seen another version hears of it, whatever they want.
    expect((await update({})).__typename).toBe('StaleVersionProblem');
  });

  it.each(['', '1', 'not-a-uuid', `${randomUUID()}x`, "' OR 1=1 --"])('does not exist under the id %j', async (id) => {
    expectErrorCode(await graph.run(buildViewer(), TASK, { id }), 'NOT_FOUND');
  });

  it.each([
    { title: '' },
    { title: 'x'.repeat(201) },
    { title: 'a\u0000b' },
    { title: 'x', description: 'x'.repeat(10_001) },
    { title: 'x', description: '\u0000' },
    { title: 'x', labels: Array.from({ length: 21 }, (_, index) => `l${index}`) },
    { title: 'x', labels: [''] },
    { title: 'x', assigneeId: 'me' },
    { title: 'x', dueAt: 'tomorrow' },
    { title: 'x', priority: 'HUGE' },
  ])('refuses %j', async (input) => {
    const result = await graph.run(
      buildViewer(),
      'mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }',
      { input },
    );
    expectErrorCode(result, 'BAD_USER_INPUT');
  });

  it('refuses an assignee that does not exist, asking in the name of the viewer', async () => {
    const ada = buildViewer();
    const nobody = randomUUID();
    graph.unknownUsers.add(nobody);
    const refused = await graph.run(
      ada,
      'mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }',
      { input: { title: 'x', assigneeId: nobody } },
    );
    expect(expectErrorCode(refused, 'BAD_USER_INPUT').extensions?.reason).toBe('ASSIGNEE_NOT_FOUND');
    expect(graph.auth.requests.at(-1)?.headers.authorization).toBe(`Bearer ${ada.token}`);
    expect(graph.auth.requests.at(-1)?.headers['x-request-id']).toBe(refused.request.requestId);
  });

  it('answers references only to who may see them, with one statement', async () => {
    const ada = buildViewer();
    const ids = [];
    for (let index = 0; index < 10; index += 1) ids.push(await graph.addTask(ada));
    const query =
      'query($representations: [_Any!]!) { _entities(representations: $representations) { ... on Task { id title } } }';
    const representations = [...ids, randomUUID(), 'garbage'].map((id) => ({ __typename: 'Task', id }));
    const { result, statements } = await countStatements(graph.pool, () => graph.run(ada, query, { representations }));
    expect(expectData(result)._entities).toEqual([...ids.map((id) => ({ id, title: 'A task' })), null, null]);
    expect(statements).toHaveLength(1);
    expect(expectData(await graph.run(buildViewer(), query, { representations }))._entities).toEqual(
      representations.map(() => null),
    );
    expectErrorCode(await graph.run(null, query, { representations }), 'UNAUTHENTICATED');
  });
});

describe('without PostgreSQL', () => {
  it('answers UNAVAILABLE and says so in its health', async () => {
    await using graph = await startTaskGraph({
      TASK_DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/task',
      DB_CONNECT_TIMEOUT_MS: '500',
    });
    expectErrorCode(await graph.run(buildViewer(), '{ tasks { totalCount } }'), 'UNAVAILABLE');
    const health = await fetch(`${graph.url}/health`);
    expect(health.status).toBe(503);
    expect(await health.json()).toMatchObject({
      status: 'unavailable',
      dependencies: { postgresql: { status: 'unavailable' } },
    });
    expect((await fetch(`${graph.url}/health/live`)).status).toBe(200);
  });
});
