import { randomUUID } from 'node:crypto';
import { uuid7, type EventType } from '@taskgraph/contracts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildViewer, smallPng, type TestViewer } from '@taskgraph/testkit';
import { startMediaGraph, type MediaGraph } from './media-graph.js';

const PROCESSED = `subscription($mediaId: ID!) { mediaProcessed(mediaId: $mediaId) {
  id status width height thumbnail(size: SMALL) { url } } }`;

const failure = (code: string, reason?: string) => ({
  kind: 'failed',
  errors: [expect.objectContaining({ extensions: { code, ...(reason !== undefined && { reason }) } })],
});

describe('the subscription to the processing of a media item', () => {
  let graph: MediaGraph;
  let ada: TestViewer;
  beforeAll(async () => {
    graph = await startMediaGraph();
    ada = buildViewer();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  /** An item whose upload is between its row and its last file. */
  async function addProcessing(who: TestViewer): Promise<string> {
    const id = uuid7();
    await graph.pool.query(
      `INSERT INTO media_items (id, uploader_id, filename, mime_type, byte_size, sha256, width, height, thumbnails, updated_at)
       VALUES ($1, $2, 'slow.png', 'image/png', 10, repeat('0', 64), 40, 30, '[{"size":"SMALL","width":40,"height":30,"byteSize":5}]', now())`,
      [id, who.userId],
    );
    return id;
  }

  /** Changes the item and tells of it, as its producer does: in one transaction. */
  async function end(id: string, change: string, type: EventType): Promise<string> {
    const eventId = uuid7();
    const client = await graph.pool.connect();
    try {
      await client.query('BEGIN');
      await client.query(change, [id]);
      const { rows } = await client.query<{ position: string }>(
        'INSERT INTO outbox (id, type, subject, data, time) VALUES ($1, $2, $3, $4, now()) RETURNING position',
        [eventId, type, id, { mediaId: id, uploaderId: ada.userId }],
      );
      await client.query(`SELECT pg_notify('outbox', $1)`, [`${id} ${rows[0]?.position ?? ''}`]);
      await client.query('COMMIT');
    } finally {
      client.release();
    }
    return eventId;
  }
  const setStatus = (status: string) => `UPDATE media_items SET status = '${status}' WHERE id = $1`;

  it('tells once that it has ended, and completes', async () => {
    const id = await addProcessing(ada);
    await using subscription = graph.subscribe(ada, PROCESSED, { mediaId: id });
    await graph.untilListening(id);
    // Something else of the same item says nothing yet.
    await end(id, setStatus('PROCESSING'), 'media.uploaded.v1');
    const eventId = await end(id, setStatus('READY'), 'media.processed.v1');
    const [event] = await subscription.events(1);
    const thumbnail = { url: expect.stringContaining('/files/') };
    expect(event?.body).toEqual({
      data: { mediaProcessed: { id, status: 'READY', width: 40, height: 30, thumbnail } },
      extensions: { eventId },
    });
    expect(await subscription.next()).toEqual({ kind: 'complete' });
    await graph.untilListening(id, 0);
  });

  it('tells at once of an item that is ready already', async () => {
    const id = await graph.addMedia(ada, await smallPng());
    await using subscription = graph.subscribe(ada, PROCESSED, { mediaId: id.toUpperCase() });
    const [event] = await subscription.events(1);
    expect(event?.body).toEqual({
      data: { mediaProcessed: expect.objectContaining({ id, status: 'READY' }) },
    });
    expect(await subscription.next()).toEqual({ kind: 'complete' });
  });

  it('ends when the item is deleted instead', async () => {
    const id = await addProcessing(ada);
    await using subscription = graph.subscribe(ada, PROCESSED, { mediaId: id });
    await graph.untilListening(id);
    await end(id, 'DELETE FROM media_items WHERE id = $1', 'media.deleted.v1');
    expect(await subscription.next()).toEqual(failure('NOT_FOUND'));
  });

  it('is for those who may see the item', async () => {
    const id = await graph.addMedia(ada, await smallPng());
    await using stranger = graph.subscribe(buildViewer(), PROCESSED, { mediaId: id });
    expect(await stranger.next()).toEqual(failure('NOT_FOUND'));
    await using anonymous = graph.subscribe(null, PROCESSED, { mediaId: id });
    expect(await anonymous.next()).toEqual(failure('UNAUTHENTICATED', 'TOKEN_MISSING'));
    for (const mediaId of [randomUUID(), 'none']) {
      await using unknown = graph.subscribe(ada, PROCESSED, { mediaId });
      expect(await unknown.next()).toEqual(failure('NOT_FOUND'));
    }
    graph.attached.add(id);
    await using colleague = graph.subscribe(buildViewer(), PROCESSED, { mediaId: id });
    const [event] = await colleague.events(1);
    expect(event?.body.data.mediaProcessed.status).toBe('READY');
  });
});
