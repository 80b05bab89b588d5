import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  createErasureWork,
  createLog,
  createMetrics,
  createPreparedReads,
  inTransaction,
  noteErasedUser,
} from '@taskgraph/service-kit';
import { buildViewer, expectData, expectErrorCode, leaveOrigins, smallPng } from '@taskgraph/testkit';
import { createMediaDb, type MediaTx } from '../src/db.js';
import { eraseMedia, tellErased } from '../src/modules/erasure/service.js';
import { openDiskStaging } from '../src/storage/disk-staging.js';
import { openLocalDiskStore } from '../src/storage/local-disk-store.js';
import { startMediaGraph } from './media-graph.js';

describe('erasing what the media service has of somebody', () => {
  it('takes items with their files, and what arrives meanwhile', async () => {
    await using graph = await startMediaGraph();
    const db = createMediaDb(graph.pool);
    const reads = createPreparedReads(graph.pool, 0);
    const store = await openLocalDiskStore(path.join(graph.dataDir, 'media', 'objects'));
    const staging = await openDiskStaging(path.join(graph.dataDir, 'media', 'sessions'), store, { minFreeBytes: 0 });
    const erase = (tx: MediaTx, userId: string) => eraseMedia(tx, { store, staging }, userId);
    const [log, metrics] = [createLog({ service: 'media', level: 'silent' }), createMetrics('media')];
    const work = createErasureWork({ db, reads, erase, tell: tellErased, log, metrics });
    work.start();
    const ben = buildViewer();
    const kept = await graph.addMedia(ben, await smallPng());
    const picture = await smallPng('gold');
    for (let round = 0; round < 10; round += 1) {
      const ada = buildViewer();
      const { userId } = ada;
      await graph.addMedia(ada, picture);
      const begin = 'mutation { createUpload(input: { filename: "a.png", byteSize: 10 }) { __typename } }';
      expectData(await graph.run(ada, begin));
      const left = await leaveOrigins(graph.pool, 'media.data-export-requested.v1', [userId, ben.userId]);
      const [early, , late] = await Promise.all([
        graph.upload(ada, picture),
        inTransaction(db, (tx) => noteErasedUser(tx, userId)),
        graph.upload(ada, picture),
      ]);
      for (const { body } of [early, late])
        for (const { extensions } of body.errors ?? [])
          expect(extensions).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'SESSION_REVOKED' });
      work.wake();
      while ((await db.erasedUser.count({ where: { userId, doneAt: { not: null } } })) === 0);
      expect(await db.mediaItem.findMany({ select: { id: true } })).toEqual([{ id: kept }]);
      expect(await db.uploadSession.count()).toBe(0);
      expect(await left()).toEqual([
        [userId, []],
        [ben.userId, ['ipAddress', 'userAgent']],
      ]);
      const files = await graph.files();
      expect(files.filter((file) => !file.includes(kept))).toEqual([]);
      expectErrorCode(await graph.upload(ada, picture), 'UNAUTHENTICATED');
      const { rows } = await graph.pool.query(
        "SELECT FROM outbox WHERE type = 'media.account-erased.v1' AND subject = $1",
        [userId],
      );
      expect(rows).toHaveLength(1);
    }
    await work.close();
    await db.$disconnect();
  }, 240_000);

  it('tells whoever waits for an upload of theirs what it tells all who have no account any more', async () => {
    await using graph = await startMediaGraph();
    const ada = buildViewer();
    const { userId } = ada;
    const db = createMediaDb(graph.pool);
    // As soon as it is there: what the upload waits for then is that it is processed.
    await graph.pool.query(`
      CREATE FUNCTION erase_at_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO erased_users (user_id) VALUES (NEW.uploader_id);
        DELETE FROM media_items WHERE id = NEW.id;
        RETURN NULL;
      END $$;
      CREATE CONSTRAINT TRIGGER erase_at_once AFTER INSERT ON media_items DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION erase_at_once()`);
    const answer = await graph.upload(ada, await smallPng());
    expect(expectErrorCode(answer, 'UNAUTHENTICATED').extensions?.reason).toBe('SESSION_REVOKED');
    expect(await db.erasedUser.count({ where: { userId } })).toBe(1);
    expect(await graph.countRows()).toBe(0);
    await db.$disconnect();
  });
});
