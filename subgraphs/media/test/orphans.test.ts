import { expect, it } from '@jest/globals';
import { inTransaction } from '@taskgraph/service-kit';
import { buildViewer, expectData, smallPng } from '@taskgraph/testkit';
import { createMediaDb } from '../src/db.js';
import { mediaHandlers } from '../src/modules/media/events.js';
import { deleteOrphans, listOrphanedItems } from '../src/modules/upkeep/orphans.js';
import { startMediaGraph } from './media-graph.js';

const DAY = 24 * 60 * 60_000;

it('media that are attached to nothing for long are deleted, and no others, and can be restored', async () => {
  await using graph = await startMediaGraph();
  const db = createMediaDb(graph.pool);
  const ada = buildViewer();
  const add = async (name: string, uploadedDaysAgo: number) => {
    const id = await graph.addMedia(ada, await smallPng(), `${name}.png`);
    await graph.pool.query(`UPDATE media_items SET created_at = now() - $2 * interval '1 day' WHERE id = $1`, [
      id,
      uploadedDaysAgo,
    ]);
    return id;
  };
  const taskId = '01890000-0000-7000-8000-000000000001';
  const tell = (type: keyof typeof mediaHandlers, data: object) =>
    inTransaction(db, async (tx) =>
      (mediaHandlers[type] as (tx: unknown, event: unknown) => Promise<void>)(tx, { data }),
    );
  const orphan = await add('orphan', 40);
  await add('young', 1);
  const attached = await add('attached', 40);
  const detached = await add('detached', 40);
  const ofDeletedTask = await add('of-deleted-task', 40);
  const deleted = await add('deleted', 40);
  await graph.run(ada, 'mutation($id: ID!) { deleteMedia(id: $id) { mediaId } }', { id: deleted });
  for (const mediaId of [attached, detached]) await tell('task.media-attached.v1', { taskId, mediaId });
  const otherTask = '01890000-0000-7000-8000-000000000002';
  await tell('task.media-attached.v1', { taskId: otherTask, mediaId: ofDeletedTask });
  await tell('task.media-detached.v1', { taskId, mediaId: detached });
  await tell('task.deleted.v1', { taskId: otherTask });

  expect(await listOrphanedItems(db, 30 * DAY)).toMatchObject([{ id: orphan, filename: 'orphan.png' }]);
  const [first, second] = await Promise.all([1, 2].map(() => inTransaction(db, (tx) => deleteOrphans(tx, 30 * DAY))));
  expect([...(first ?? []), ...(second ?? [])].map(({ id }) => id)).toEqual([orphan]);
  expect(await listOrphanedItems(db, 30 * DAY)).toEqual([]);
  const { rows } = await graph.pool.query('SELECT subject FROM outbox WHERE type = $1 ORDER BY position', [
    'media.deleted.v1',
  ]);
  expect(rows).toEqual([{ subject: deleted }, { subject: orphan }]);

  const restored = await graph.run(ada, 'mutation($id: ID!) { restoreMedia(id: $id) { media { id } } }', {
    id: orphan,
  });
  expect(expectData(restored).restoreMedia.media.id).toBe(orphan);
  // It is new again.
  expect(await listOrphanedItems(db, 30 * DAY)).toEqual([]);
  // What was taken off its task counts from then.
  await graph.pool.query(`UPDATE media_items SET unattached_since = now() - interval '31 days' WHERE id = $1`, [
    detached,
  ]);
  expect(await listOrphanedItems(db, 30 * DAY)).toMatchObject([{ id: detached }]);
  await db.$disconnect();
});

it('media are kept as long as their uploader likes where nobody sets a limit, and no longer where somebody does', async () => {
  await using graph = await startMediaGraph();
  const id = await graph.addMedia(buildViewer(), await smallPng());
  await graph.pool.query(`UPDATE media_items SET created_at = now() - interval '400 days'`);
  const isDeleted = async () =>
    (await graph.pool.query('SELECT 1 FROM media_items WHERE id = $1 AND deleted_at IS NOT NULL', [id])).rowCount === 1;
  {
    await using other = await graph.restart();
    await (await fetch(`${other.url}/health`)).arrayBuffer();
  }
  expect(await isDeleted()).toBe(false);
  await using limited = await startMediaGraph({ ORPHAN_TTL_DAYS: '365' }, graph);
  expect(limited.dataDir).toBe(graph.dataDir);
  while (!(await isDeleted()));
});
