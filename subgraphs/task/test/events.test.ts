import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { uuid7, type EventEnvelope } from '@taskgraph/contracts';
import {
  createEventHandler,
  createEventTelemetry,
  createLog,
  createMetrics,
  inTransaction,
  type EventHandler,
} from '@taskgraph/service-kit';
import { buildViewer, cloneDatabase, expectData, openTestPool, type TestDatabase } from '@taskgraph/testkit';
import type pg from 'pg';
import { createTaskDb, type TaskDb } from '../src/db.js';
import { attachmentHandlers } from '../src/modules/attachments/events.js';
import { lockMedia } from '../src/modules/attachments/service.js';
import { startTaskGraph, type TaskGraph } from './task-graph.js';

const ATTACH = `mutation($input: AttachMediaInput!) { attachMedia(input: $input) { __typename ... on MediaNotFoundProblem { mediaIds } } }`;

describe('what the task service tells', () => {
  let graph: TaskGraph;
  const ada = buildViewer();
  beforeAll(async () => {
    graph = await startTaskGraph();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const told = async (subject: string) => {
    const { rows } = await graph.pool.query<{ type: string; data: Record<string, unknown>; request_id: string }>(
      'SELECT type, data, request_id FROM outbox WHERE subject = $1 ORDER BY position',
      [subject],
    );
    return rows;
  };
  const newMedia = () => {
    const id = uuid7();
    graph.mediaStatus.set(id, 'READY');
    return id;
  };

  it('is every change, once, in order, with the request that made it', async () => {
    const taskId = await graph.addTask(ada);
    const [one, two] = [newMedia(), newMedia()];
    const attach = (mediaIds: string[]) => graph.run(ada, ATTACH, { input: { taskId, mediaIds } });
    const { request } = await attach([one, two]);
    // Attached already: one attachment, one event.
    await attach([two, one]);
    await graph.run(ada, 'mutation($input: DetachMediaInput!) { detachMedia(input: $input) { task { id } } }', {
      input: { taskId, mediaIds: [one, uuid7()] },
    });
    await graph.run(ada, 'mutation($input: UpdateTaskInput!) { updateTask(input: $input) { __typename } }', {
      input: { id: taskId, expectedVersion: 1, title: 'New' },
    });
    // Refused as stale: nothing has happened.
    await graph.run(ada, 'mutation($input: UpdateTaskInput!) { updateTask(input: $input) { __typename } }', {
      input: { id: taskId, expectedVersion: 1, title: 'Old' },
    });
    await graph.run(ada, 'mutation($id: ID!) { deleteTask(id: $id) { taskId } }', { id: taskId });

    const events = await told(taskId);
    expect(
      events.map(({ type, data }) => [type, data['mediaId'] ?? data['mediaIds'] ?? data['fields'] ?? null]),
    ).toEqual([
      ['task.created.v1', null],
      ['task.media-attached.v1', one],
      ['task.media-attached.v1', two],
      ['task.media-detached.v1', one],
      ['task.updated.v1', ['title']],
      ['task.deleted.v1', [two]],
    ]);
    expect(events[1]?.request_id).toBe(request.requestId);
    expect(events.at(-1)?.data).toMatchObject({ ownerId: ada.userId, assigneeId: null });
  });

  it('is nothing when the change is refused', async () => {
    const taskId = await graph.addTask(ada);
    expectData(await graph.run(ada, ATTACH, { input: { taskId, mediaIds: [uuid7()] } }));
    await graph.run(buildViewer(), 'mutation($id: ID!) { deleteTask(id: $id) { taskId } }', { id: taskId });
    expect(await told(taskId)).toHaveLength(1);
  });

  it('asks nobody about media that it has been told of, and attaches none that is gone', async () => {
    const taskId = await graph.addTask(ada);
    const [ready, failed, gone] = [uuid7(), uuid7(), uuid7()];
    for (const [mediaId, state] of [
      [ready, 'READY'],
      [failed, 'FAILED'],
      [gone, 'DELETED'],
    ])
      await graph.pool.query('INSERT INTO known_media (media_id, uploader_id, state) VALUES ($1, $2, $3)', [
        mediaId,
        ada.userId,
        state,
      ]);
    graph.media.requests.length = 0;
    const attach = async (mediaId: string) =>
      expectData(await graph.run(ada, ATTACH, { input: { taskId, mediaIds: [mediaId] } })).attachMedia as unknown;
    expect(await attach(ready)).toEqual({ __typename: 'AttachMediaSuccess' });
    expect(await attach(failed)).toEqual({ __typename: 'MediaNotReadyProblem' });
    expect(await attach(gone)).toEqual({ __typename: 'MediaNotFoundProblem', mediaIds: [gone] });
    expect(graph.media.requests).toEqual([]);
    // Of somebody else's item it is not known who may see it.
    const other = buildViewer();
    const theirs = await graph.addTask(other);
    expectData(await graph.run(other, ATTACH, { input: { taskId: theirs, mediaIds: [ready] } }));
    expect(graph.media.requests).toHaveLength(1);
  });
});

describe('what the task service hears', () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  let db: TaskDb;
  let handle: EventHandler;
  beforeAll(async () => {
    database = await cloneDatabase('task');
    pool = openTestPool(database.url);
    db = createTaskDb(pool);
    handle = createEventHandler({
      group: 'task',
      db,
      handlers: attachmentHandlers,
      log: createLog({ service: 'task', level: 'silent' }),
      telemetry: createEventTelemetry(createMetrics('task')),
    });
  });
  afterAll(async () => {
    await db.$disconnect();
    await pool.end();
    await database.drop();
  });

  let sequence = 0;
  function mediaEvent(type: string, mediaId: string): EventEnvelope {
    return {
      id: uuid7(),
      type,
      source: 'media',
      subject: mediaId,
      sequence: String((sequence += 1)),
      time: new Date().toISOString(),
      data: { mediaId, uploaderId: uuid7() },
    };
  }
  const hear = (type: string, mediaId: string) => handle(mediaEvent(type, mediaId), { attempt: 1 });

  it('takes a deleted item off all tasks, tells of each, and remembers that it is gone', async () => {
    const [mediaId, other] = [uuid7(), uuid7()];
    const tasks = await Promise.all(
      ['One', 'Two'].map((title) =>
        db.task.create({
          data: {
            title,
            ownerId: uuid7(),
            media: {
              create: [
                { mediaId, position: 1, attachedBy: uuid7() },
                { mediaId: other, position: 2, attachedBy: uuid7() },
              ],
            },
          },
        }),
      ),
    );
    await hear('media.processed.v1', mediaId);
    const event = mediaEvent('media.deleted.v1', mediaId);
    await handle(event, { attempt: 1 });
    await handle(event, { attempt: 2 });

    expect(await db.taskMedia.findMany({ select: { mediaId: true } })).toEqual([
      { mediaId: other },
      { mediaId: other },
    ]);
    expect(await db.knownMedia.findUnique({ where: { mediaId } })).toMatchObject({ state: 'DELETED' });
    const told = await db.outboxEvent.findMany({ where: { type: 'task.media-detached.v1' } });
    expect(told).toHaveLength(2);
    expect(told.map(({ data }) => data)).toEqual(
      expect.arrayContaining(tasks.map(({ id }) => ({ taskId: id, mediaId }))),
    );
  });

  it('hears of a deletion either before an attachment or after it, never between', async () => {
    const mediaId = uuid7();
    const { id: taskId } = await db.task.create({ data: { title: 'Race', ownerId: uuid7() } });
    let attach: () => void = () => undefined;
    const mayAttach = new Promise<void>((resolve) => (attach = resolve));
    let locked: () => void = () => undefined;
    const isLocked = new Promise<void>((resolve) => (locked = resolve));
    const attaching = inTransaction(db, async (tx) => {
      await lockMedia(tx, [mediaId], 'attach');
      locked();
      await mayAttach;
      await tx.taskMedia.create({ data: { taskId, mediaId, position: 1, attachedBy: uuid7() } });
    });
    await isLocked;
    const deleting = hear('media.deleted.v1', mediaId);
    attach();
    await Promise.all([attaching, deleting]);
    expect(await db.taskMedia.count({ where: { mediaId } })).toBe(0);
  });
});
