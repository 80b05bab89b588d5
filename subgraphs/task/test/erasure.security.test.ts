import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  createErasureWork,
  createLog,
  createMetrics,
  createPreparedReads,
  inTransaction,
  noteErasedUser,
  type BackgroundWork,
} from '@taskgraph/service-kit';
import { buildViewer, expectData, expectErrorCode, leaveOrigins, type TestViewer } from '@taskgraph/testkit';
import { createTaskDb, type TaskDb } from '../src/db.js';
import { eraseTasks, tellErased } from '../src/modules/erasure/service.js';
import { startTaskGraph, type TaskGraph } from './task-graph.js';

const ATTACH = 'mutation($input: AttachMediaInput!) { attachMedia(input: $input) { __typename } }';
const TASK =
  'query($id: ID!) { task(id: $id) { assignee { id } version media { edges { node { id } attachedBy { id } } } } }';
const CREATE = 'mutation($input: CreateTaskInput!) { createTask(input: $input) { task { id assignee { id } } } }';

describe('erasing what the task service has of somebody', () => {
  let graph: TaskGraph;
  let db: TaskDb;
  /** Another process that erases. */
  let work: BackgroundWork;
  beforeAll(async () => {
    graph = await startTaskGraph();
    db = createTaskDb(graph.pool);
    await db.task.count();
    const reads = createPreparedReads(graph.pool, 0);
    const [log, metrics] = [createLog({ service: 'task', level: 'silent' }), createMetrics('task')];
    work = createErasureWork({ db, reads, erase: eraseTasks, tell: tellErased, log, metrics });
    work.start();
  });
  afterAll(async () => {
    await work.close();
    await db.$disconnect();
    await graph[Symbol.asyncDispose]();
  });

  const erase = ({ userId }: TestViewer) => inTransaction(db, (tx) => noteErasedUser(tx, userId));
  async function untilErased({ userId }: TestViewer): Promise<void> {
    work.wake();
    while ((await db.erasedUser.count({ where: { userId, doneAt: { not: null } } })) === 0);
  }
  /** Rows that have an id anywhere, by table. */
  async function rowsThatName({ userId }: TestViewer): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const table of ['tasks', 'task_media', 'known_media', 'idempotency_keys']) {
      const { rows } = await graph.pool.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM "${table}" t WHERE t::text LIKE '%${userId}%'`,
      );
      counts[table] = rows[0]?.count ?? -1;
    }
    return counts;
  }
  const NOTHING = { tasks: 0, task_media: 0, known_media: 0, idempotency_keys: 0 };

  it('takes where they were, and with what, from events and from those that could not be handled', async () => {
    const [ada, ben] = [buildViewer({ role: 'ADMIN' }), buildViewer({ role: 'ADMIN' })];
    const left = await leaveOrigins(graph.pool, 'task.privileged-read.v1', [ada.userId, ben.userId]);
    await erase(ada);
    await untilErased(ada);
    expect(await left()).toEqual([
      [ada.userId, []],
      [ben.userId, ['ipAddress', 'userAgent']],
    ]);
  });

  it('takes their tasks, and them off the tasks of others, each with its event', async () => {
    const [ada, ben] = [buildViewer(), buildViewer()];
    const own = await graph.addTask(ada, { assigneeId: ben.userId, idempotencyKey: 'k' });
    const given = await graph.addTask(ben, { assigneeId: ada.userId });
    const [adas, bens, borrowed] = [randomUUID(), randomUUID(), randomUUID()];
    for (const id of [adas, bens, borrowed]) graph.mediaStatus.set(id, 'READY');
    graph.mediaUploaders.set(adas, ada.userId).set(bens, ben.userId).set(borrowed, ben.userId);
    await db.knownMedia.create({ data: { mediaId: adas, uploaderId: ada.userId, state: 'READY' } });
    await graph.run(ada, ATTACH, { input: { taskId: given, mediaIds: [adas, borrowed] } });
    await graph.run(ben, ATTACH, { input: { taskId: given, mediaIds: [bens] } });

    await erase(ada);
    await untilErased(ada);
    expect(await rowsThatName(ada)).toEqual(NOTHING);
    expectErrorCode(await graph.run(ben, TASK, { id: own }), 'NOT_FOUND');
    expect(expectData(await graph.run(ben, TASK, { id: given })).task).toEqual({
      assignee: null,
      version: 2,
      media: {
        edges: [
          // Goes when media tells that it is deleted.
          { node: { id: adas }, attachedBy: null },
          { node: { id: bens }, attachedBy: { id: ben.userId } },
        ],
      },
    });
    const { rows } = await graph.pool.query<{ told: string }>(
      "SELECT type || ' ' || subject AS told FROM outbox WHERE subject = ANY($1) ORDER BY position",
      [[own, given, ada.userId]],
    );
    expect(rows.map(({ told }) => told).slice(-4)).toEqual([
      `task.deleted.v1 ${own}`,
      `task.updated.v1 ${given}`,
      `task.media-detached.v1 ${given}`,
      `task.account-erased.v1 ${ada.userId}`,
    ]);
  });

  it('takes more than one transaction does', async () => {
    const [ada, ben] = [buildViewer(), buildViewer()];
    await graph.pool.query(
      `INSERT INTO tasks (id, owner_id, assignee_id, title, labels, updated_at)
       SELECT gen_random_uuid(), CASE WHEN n % 2 = 0 THEN $1 ELSE $2 END::uuid, CASE WHEN n % 2 = 0 THEN $2 ELSE $1 END::uuid, 'x', '{}', now()
       FROM generate_series(1, 500) AS n`,
      [ada.userId, ben.userId],
    );
    await erase(ada);
    await untilErased(ada);
    expect(await rowsThatName(ada)).toEqual(NOTHING);
    expect(await db.task.count({ where: { ownerId: ben.userId, assigneeId: null } })).toBe(250);
  });

  it('leaves nothing of writes that are under way, and takes none afterwards', async () => {
    for (let round = 0; round < 20; round += 1) {
      const [ada, ben] = [buildViewer(), buildViewer()];
      const mediaId = randomUUID();
      graph.mediaStatus.set(mediaId, 'READY');
      graph.mediaUploaders.set(mediaId, ben.userId);
      const given = await graph.addTask(ben, { assigneeId: ada.userId });
      const other = await graph.addTask(ben);
      const results = await Promise.all([
        graph.run(ada, CREATE, { input: { title: 'Late', idempotencyKey: 'k' } }),
        graph.run(ada, ATTACH, { input: { taskId: given, mediaIds: [mediaId] } }),
        erase(ada),
        graph.run(ben, CREATE, { input: { title: 'For Ada', assigneeId: ada.userId } }),
        graph.run(ben, 'mutation($input: UpdateTaskInput!) { updateTask(input: $input) { __typename } }', {
          input: { id: other, expectedVersion: 1, assigneeId: ada.userId },
        }),
        graph.run(ada, CREATE, { input: { title: 'Later' } }),
      ]);
      for (const result of results)
        for (const { extensions } of result?.body.errors ?? [])
          expect(['UNAUTHENTICATED', 'NOT_FOUND']).toContain(extensions?.code);
      await untilErased(ada);
      expect(await rowsThatName(ada)).toEqual(NOTHING);
      expectErrorCode(await graph.run(ada, CREATE, { input: { title: 'Too late' } }), 'UNAUTHENTICATED');
      const { createTask } = expectData(
        await graph.run(ben, CREATE, { input: { title: 'For nobody', assigneeId: ada.userId } }),
      );
      expect(createTask.task.assignee).toBeNull();
      expect(await rowsThatName(ada)).toEqual(NOTHING);
    }
  }, 240_000);
});
