import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { uuid7, type EventEnvelope } from '@taskgraph/contracts';
import { createEventHandler, createEventTelemetry, createLog, createMetrics } from '@taskgraph/service-kit';
import {
  buildViewer,
  cloneDatabase,
  openTestPool,
  smallPng,
  truncatedPng,
  type TestDatabase,
} from '@taskgraph/testkit';
import type pg from 'pg';
import { createMediaDb, type MediaDb } from '../src/db.js';
import { mediaHandlers } from '../src/modules/media/events.js';
import { startMediaGraph } from './media-graph.js';

describe('what the media service tells', () => {
  it('is that a file has come, that it can be shown, and that it is gone', async () => {
    await using graph = await startMediaGraph();
    const ada = buildViewer();
    const id = await graph.addMedia(ada, await smallPng());
    await graph.run(ada, 'mutation($id: ID!) { deleteMedia(id: $id) { mediaId } }', { id });
    const { rows } = await graph.pool.query<{ type: string; data: unknown }>(
      'SELECT type, data FROM outbox WHERE subject = $1 ORDER BY position',
      [id],
    );
    const whose = { mediaId: id, uploaderId: ada.userId };
    expect(rows).toEqual([
      { type: 'media.uploaded.v1', data: { ...whose, mimeType: 'image/png', byteSize: expect.any(Number) } },
      { type: 'media.processed.v1', data: whose },
      { type: 'media.deleted.v1', data: whose },
    ]);
  });

  it('is that a file could not be processed, and is gone, when that is found out late', async () => {
    await using graph = await startMediaGraph();
    const ada = buildViewer();
    await graph.upload(ada, await truncatedPng());
    const { rows } = await graph.pool.query<{ type: string; data: unknown }>(
      'SELECT type, data FROM outbox ORDER BY position',
    );
    const whose = { mediaId: expect.any(String), uploaderId: ada.userId };
    expect(rows).toEqual([
      { type: 'media.uploaded.v1', data: expect.objectContaining(whose) },
      { type: 'media.failed.v1', data: { ...whose, reason: 'CORRUPT' } },
      { type: 'media.deleted.v1', data: whose },
    ]);
  });

  it('is nothing of a file that is refused', async () => {
    await using graph = await startMediaGraph();
    await graph.upload(buildViewer(), Buffer.from('text'));
    expect((await graph.pool.query('SELECT 1 FROM outbox')).rows).toEqual([]);
  });
});

describe('what the media service hears', () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  let db: MediaDb;
  beforeAll(async () => {
    database = await cloneDatabase('media');
    pool = openTestPool(database.url);
    db = createMediaDb(pool);
  });
  afterAll(async () => {
    await db.$disconnect();
    await pool.end();
    await database.drop();
  });

  let sequence = 0;
  /** An event of a task, later than the one before. */
  const happen = (type: string, data: Record<string, unknown>): EventEnvelope => ({
    id: uuid7(),
    type,
    source: 'task',
    subject: String(data['taskId']),
    sequence: String((sequence += 1)),
    time: new Date().toISOString(),
    data,
  });
  function handle(event: EventEnvelope): Promise<void> {
    const log = createLog({ service: 'media', level: 'silent' });
    const telemetry = createEventTelemetry(createMetrics('media'));
    return createEventHandler({ group: 'media', db, handlers: mediaHandlers, log, telemetry })(event, { attempt: 1 });
  }
  const hear = (type: string, data: Record<string, unknown>) => handle(happen(type, data));
  const attached = { attachedBy: uuid7(), attachedAt: new Date().toISOString() };

  it('is which items are attached to which tasks, until those are deleted', async () => {
    const [taskId, other, one, two] = [uuid7(), uuid7(), uuid7(), uuid7()];
    await hear('task.media-attached.v1', { taskId, mediaId: one, ...attached });
    await hear('task.media-attached.v1', { taskId, mediaId: two, ...attached });
    await hear('task.media-attached.v1', { taskId: other, mediaId: one, ...attached });
    await hear('task.media-detached.v1', { taskId, mediaId: two });
    const references = async () =>
      new Set((await db.mediaReference.findMany()).map((row) => `${row.taskId} ${row.mediaId}`));
    expect(await references()).toEqual(new Set([`${taskId} ${one}`, `${other} ${one}`]));
    await hear('task.deleted.v1', { taskId, ownerId: uuid7(), assigneeId: null, mediaIds: [one] });
    expect(await references()).toEqual(new Set([`${other} ${one}`]));
  });

  it('is where an attachment stands in the end, in whatever order its events come', async () => {
    const [taskId, mediaId] = [uuid7(), uuid7()];
    const events = [
      happen('task.media-attached.v1', { taskId, mediaId, ...attached }),
      happen('task.media-detached.v1', { taskId, mediaId }),
      happen('task.media-attached.v1', { taskId, mediaId, ...attached }),
    ] as const;
    const isReferenced = async () => (await db.mediaReference.count({ where: { taskId, mediaId } })) === 1;
    for (const event of [events[2], events[0], events[1]]) await handle(event);
    expect(await isReferenced()).toBe(true);
    const late = happen('task.media-attached.v1', { taskId, mediaId, ...attached });
    await hear('task.deleted.v1', { taskId, ownerId: uuid7(), assigneeId: null, mediaIds: [mediaId] });
    await handle(late);
    expect(await isReferenced()).toBe(false);
  });
});
