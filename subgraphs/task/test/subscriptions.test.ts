import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  buildViewer,
  createCleanup,
  expectData,
  hasRedisServer,
  startRedisServer,
  type Heard,
  type RedisServer,
  type TestViewer,
} from '@taskgraph/testkit';
import { startTaskGraph, type TaskGraph } from './task-graph.js';

const ATTACHED = `subscription($taskId: ID!) { mediaAttached(taskId: $taskId) {
  attachedAt attachedBy { id } task { id title media { totalCount } } media { id } } }`;
const CHANGED = 'subscription($taskId: ID!) { taskChanged(taskId: $taskId) { kind taskId task { id title version } } }';

type Events = ReadonlyArray<Extract<Heard, { kind: 'event' }>>;
const mediaIds = (events: Events): string[] => events.map(({ body }) => body.data.mediaAttached.media.id as string);
const kinds = (events: Events): string[] => events.map(({ body }) => body.data.taskChanged.kind as string);

async function attach(graph: TaskGraph, who: TestViewer, taskId: string, count = 1): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  for (const id of ids) graph.mediaStatus.set(id, 'READY');
  const mutation = 'mutation($input: AttachMediaInput!) { attachMedia(input: $input) { __typename } }';
  expectData(await graph.run(who, mutation, { input: { taskId, mediaIds: ids } }));
  return ids;
}

async function detach(graph: TaskGraph, who: TestViewer, taskId: string, ids: readonly string[]): Promise<void> {
  const mutation = 'mutation($input: DetachMediaInput!) { detachMedia(input: $input) { task { id } } }';
  expectData(await graph.run(who, mutation, { input: { taskId, mediaIds: ids } }));
}

async function update(graph: TaskGraph, who: TestViewer, taskId: string, changes: Record<string, unknown>) {
  const { version } = expectData(
    await graph.run(who, 'query($id: ID!) { task(id: $id) { version } }', { id: taskId }),
  ).task;
  const mutation = 'mutation($input: UpdateTaskInput!) { updateTask(input: $input) { __typename } }';
  const input = { id: taskId, expectedVersion: version, ...changes };
  expect(expectData(await graph.run(who, mutation, { input })).updateTask.__typename).toBe('UpdateTaskSuccess');
}

async function remove(graph: TaskGraph, who: TestViewer, taskId: string): Promise<void> {
  expectData(await graph.run(who, 'mutation($id: ID!) { deleteTask(id: $id) { taskId } }', { id: taskId }));
}

const failure = (code: string, reason?: string) => ({
  kind: 'failed',
  errors: [expect.objectContaining({ extensions: { code, ...(reason !== undefined && { reason }) } })],
});

describe('subscriptions to a task', () => {
  let graph: TaskGraph;
  let ada: TestViewer;
  let ben: TestViewer;
  beforeAll(async () => {
    graph = await startTaskGraph();
    ada = buildViewer();
    ben = buildViewer();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });
  const sharedTask = () => graph.addTask(ada, { title: 'Shared', assigneeId: ben.userId });

  it('tell the owner what the assignee attaches, each item once and in order, until the task is deleted', async () => {
    const taskId = await sharedTask();
    await attach(graph, ben, taskId);
    await using subscription = graph.subscribe(ada, ATTACHED, { taskId });
    await graph.untilListening(taskId);
    const first = await attach(graph, ben, taskId);
    const [event] = await subscription.events(1);
    expect(event?.body).toEqual({
      data: {
        mediaAttached: {
          attachedAt: expect.stringMatching(/Z$/),
          attachedBy: { id: ben.userId },
          task: { id: taskId, title: 'Shared', media: { totalCount: 2 } },
          media: { id: first[0] },
        },
      },
      extensions: { eventId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    await detach(graph, ben, taskId, first);
    await update(graph, ada, taskId, { title: 'Renamed' });
    const more = await attach(graph, ben, taskId, 3);
    expect(mediaIds(await subscription.events(3))).toEqual(more);
    await remove(graph, ada, taskId);
    expect(await subscription.next()).toEqual({ kind: 'complete' });
  });

  it('tell every kind of change, with the task as it is, and its deletion last', async () => {
    const taskId = await sharedTask();
    await using subscription = graph.subscribe(ben, CHANGED, { taskId });
    await graph.untilListening(taskId);
    await update(graph, ada, taskId, { title: 'Renamed' });
    const [renamed] = await subscription.events(1);
    expect(renamed?.body.data).toEqual({
      taskChanged: { kind: 'UPDATED', taskId, task: { id: taskId, title: 'Renamed', version: 2 } },
    });
    const ids = await attach(graph, ada, taskId, 2);
    await detach(graph, ben, taskId, ids.slice(1));
    expect(kinds(await subscription.events(3))).toEqual(['MEDIA_ATTACHED', 'MEDIA_ATTACHED', 'MEDIA_DETACHED']);
    await remove(graph, ada, taskId);
    const [deleted] = await subscription.events(1);
    expect(deleted?.body.data).toEqual({ taskChanged: { kind: 'DELETED', taskId, task: null } });
    expect(await subscription.next()).toEqual({ kind: 'complete' });
  });

  it('are for nobody who may not see the task', async () => {
    const taskId = await sharedTask();
    for (const query of [ATTACHED, CHANGED]) {
      await using stranger = graph.subscribe(buildViewer(), query, { taskId });
      expect(await stranger.next()).toEqual(failure('NOT_FOUND'));
      await using resuming = graph.subscribe(buildViewer(), query, { taskId }, randomUUID());
      expect(await resuming.next()).toEqual(failure('NOT_FOUND'));
      await using anonymous = graph.subscribe(null, query, { taskId });
      expect(await anonymous.next()).toEqual(failure('UNAUTHENTICATED', 'TOKEN_MISSING'));
      await using malformed = graph.subscribe(ada, query, { taskId: 'none' });
      expect(await malformed.next()).toEqual(failure('NOT_FOUND'));
    }
    await using admin = graph.subscribe(buildViewer({ role: 'ADMIN' }), ATTACHED, { taskId });
    await graph.untilListening(taskId);
    const ids = await attach(graph, ben, taskId);
    expect(mediaIds(await admin.events(1))).toEqual(ids);
  });

  it('end when access is lost, and begin anew for who regains it', async () => {
    const taskId = await sharedTask();
    await using changes = graph.subscribe(ben, CHANGED, { taskId });
    await using attachments = graph.subscribe(ben, ATTACHED, { taskId });
    await graph.untilListening(taskId, 2);
    await attach(graph, ada, taskId);
    await changes.events(1);
    await attachments.events(1);
    await update(graph, ada, taskId, { assigneeId: null });
    expect(await changes.next()).toEqual(failure('NOT_FOUND'));
    await attach(graph, ada, taskId);
    expect(await attachments.next()).toEqual(failure('NOT_FOUND'));
    await graph.untilListening(taskId, 0);

    await update(graph, ada, taskId, { assigneeId: ben.userId });
    await using again = graph.subscribe(ben, ATTACHED, { taskId });
    await graph.untilListening(taskId);
    const ids = await attach(graph, ada, taskId);
    expect(mediaIds(await again.events(1))).toEqual(ids);
  });

  it('do not tell of the deletion to who could not see the task any more', async () => {
    const taskId = await sharedTask();
    await using attachments = graph.subscribe(ben, ATTACHED, { taskId });
    await graph.untilListening(taskId);
    await update(graph, ada, taskId, { assigneeId: null });
    await remove(graph, ada, taskId);
    expect(await attachments.next()).toEqual(failure('NOT_FOUND'));
  });

  it('resume with exactly what was missed, in order, and go on from there', async () => {
    const taskId = await sharedTask();
    const before = graph.subscribe(ada, ATTACHED, { taskId });
    await graph.untilListening(taskId);
    await attach(graph, ben, taskId);
    const [last] = await before.events(1);
    await before.close();
    await graph.untilListening(taskId, 0);
    const missed = await attach(graph, ben, taskId, 100);
    missed.push(...(await attach(graph, ada, taskId, 50)));
    await using after = graph.subscribe(ada, ATTACHED, { taskId }, last?.eventId);
    const told = await after.events(150);
    expect(mediaIds(told)).toEqual(missed);
    expect(new Set(told.map(({ eventId }) => eventId)).size).toBe(150);
    const live = await attach(graph, ben, taskId);
    expect(mediaIds(await after.events(1))).toEqual(live);
  });

  it('cannot resume where the last event is not kept any more', async () => {
    const [taskId, otherId] = [await sharedTask(), await sharedTask()];
    await using subscription = graph.subscribe(ada, CHANGED, { taskId });
    await graph.untilListening(taskId);
    await update(graph, ada, taskId, { title: 'Renamed' });
    const [event] = await subscription.events(1);
    const expired = failure('BAD_USER_INPUT', 'RESUME_EXPIRED');
    await using unknown = graph.subscribe(ada, CHANGED, { taskId }, randomUUID());
    expect(await unknown.next()).toEqual(expired);
    await using foreign = graph.subscribe(ada, CHANGED, { taskId: otherId }, event?.eventId);
    expect(await foreign.next()).toEqual(expired);
    await graph.pool.query('DELETE FROM outbox WHERE id = $1', [event?.eventId]);
    await using late = graph.subscribe(ada, CHANGED, { taskId }, event?.eventId);
    expect(await late.next()).toEqual(expired);
  });

  it('tell who resumes that the task was deleted meanwhile', async () => {
    const taskId = await sharedTask();
    const before = graph.subscribe(ben, CHANGED, { taskId });
    await graph.untilListening(taskId);
    await update(graph, ada, taskId, { title: 'Renamed' });
    const [last] = await before.events(1);
    await before.close();
    await attach(graph, ada, taskId);
    await remove(graph, ada, taskId);
    await using after = graph.subscribe(ben, CHANGED, { taskId }, last?.eventId);
    const told = await after.events(2);
    expect(told.map(({ body }) => body.data.taskChanged)).toEqual([
      { kind: 'MEDIA_ATTACHED', taskId, task: null },
      { kind: 'DELETED', taskId, task: null },
    ]);
    expect(await after.next()).toEqual({ kind: 'complete' });
    await using done = graph.subscribe(ben, CHANGED, { taskId }, told[1]?.eventId);
    expect(await done.next()).toEqual({ kind: 'complete' });
    await using stranger = graph.subscribe(buildViewer(), CHANGED, { taskId }, last?.eventId);
    expect(await stranger.next()).toEqual(failure('NOT_FOUND'));
    await using anew = graph.subscribe(ben, CHANGED, { taskId });
    expect(await anew.next()).toEqual(failure('NOT_FOUND'));
  });

  it('tell what many do at the same time in the order of the outbox', async () => {
    const taskId = await sharedTask();
    await using subscription = graph.subscribe(ada, ATTACHED, { taskId });
    await graph.untilListening(taskId);
    await Promise.all(Array.from({ length: 20 }, (_, index) => attach(graph, index % 2 ? ada : ben, taskId, 2)));
    const told = await subscription.events(40);
    const { rows } = await graph.pool.query<{ id: string }>(
      `SELECT id FROM outbox WHERE subject = $1 AND type = 'task.media-attached.v1' ORDER BY position`,
      [taskId],
    );
    expect(told.map(({ eventId }) => eventId)).toEqual(rows.map(({ id }) => id));
  });

  it('are closed so that clients come again when the service stops', async () => {
    await using other = await graph.replica();
    const taskId = await sharedTask();
    await using subscription = other.subscribe(ada, ATTACHED, { taskId });
    await other.untilListening(taskId);
    await other.service.close();
    expect(await subscription.next()).toEqual({ kind: 'closed', code: 1012 });
  });
});

describe('subscriptions to a task in another process than the change', () => {
  it('hear of it without Redis, through the database', async () => {
    await using here = await startTaskGraph();
    await hearsFromReplica(here);
  });

  (hasRedisServer() ? it : it.skip)('hear of it through Redis, and of what happened while Redis was away', async () => {
    const own = createCleanup();
    try {
      const redis: RedisServer = await startRedisServer();
      own.add(() => redis.stop());
      const here = await startTaskGraph({ REDIS_URL: redis.url });
      own.add(async () => here[Symbol.asyncDispose]());
      await untilReachable(here);
      await hearsFromReplica(here, async () => {
        await redis.stop();
        return () => redis.start();
      });
    } finally {
      await own.run();
    }
  });

  async function untilReachable(graph: TaskGraph): Promise<void> {
    for (;;) {
      const isReady = await graph.feed.ping().then(
        () => true,
        () => false,
      );
      if (isReady) return;
      await delay(10);
    }
  }

  async function hearsFromReplica(here: TaskGraph, breakFeed?: () => Promise<() => Promise<void>>): Promise<void> {
    await using there = await here.replica();
    await untilReachable(there);
    const ada = buildViewer();
    const taskId = await here.addTask(ada);
    await using subscription = here.subscribe(ada, ATTACHED, { taskId });
    await here.untilListening(taskId);
    const ids = await attach(there, ada, taskId, 2);
    expect(mediaIds(await subscription.events(2))).toEqual(ids);
    if (!breakFeed) return;
    const mend = await breakFeed();
    const missed = await attach(there, ada, taskId, 2);
    await mend();
    expect(mediaIds(await subscription.events(2))).toEqual(missed);
  }
});
