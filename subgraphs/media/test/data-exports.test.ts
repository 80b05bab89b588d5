import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLog, createMetrics } from '@taskgraph/service-kit';
import {
  buildViewer,
  cloneDatabase,
  expectData,
  expectErrorCode,
  openTestPool,
  storedFiles,
  sumOfMetric,
  type TestDatabase,
} from '@taskgraph/testkit';
import type pg from 'pg';
import { createMediaDb, type MediaDb } from '../src/db.js';
import { createExportWork } from '../src/modules/data-exports/export-work.js';
import type { ObjectStore } from '../src/storage/object-store.js';
import { openSpool, type Spool } from '../src/storage/spool.js';
import { createMediaTelemetry } from '../src/telemetry.js';
import { startMediaGraph } from './media-graph.js';

describe('the file of an export', () => {
  let database: TestDatabase;
  let pool: pg.Pool;
  let db: MediaDb;
  let folder: string;
  let spool: Spool;
  const stored = new Set<string>();
  const userId = randomUUID();

  beforeAll(async () => {
    database = await cloneDatabase('media');
    pool = openTestPool(database.url);
    pool.on('error', () => undefined);
    db = createMediaDb(pool);
    folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-exports-'));
    spool = await openSpool(folder);
  });
  afterAll(async () => {
    await db.$disconnect();
    await pool.end();
    await database.drop();
    await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    stored.clear();
    await pool.query('DELETE FROM data_exports; DELETE FROM media_items; DELETE FROM outbox');
  });

  type Row = { status: string; expires_at?: Date; requested_at?: Date };
  async function addExport({ status, expires_at = new Date(Date.now() + 60_000), requested_at }: Row): Promise<string> {
    const id = randomUUID();
    await pool.query(
      `INSERT INTO data_exports (id, user_id, status, awaiting, expires_at, requested_at)
       VALUES ($1, $2, $3, '{}', $4, coalesce($5, now()))`,
      [id, userId, status, status === 'PENDING' ? null : expires_at, requested_at ?? null],
    );
    return id;
  }
  const keyOf = (id: string) => `exports/${id}/export.zip`;
  const statusOf = async (id: string) => (await db.dataExport.findUnique({ where: { id } }))?.status;
  /** As when the server or the network between fails. */
  const loseConnections = () =>
    pool.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );

  /** Works until that holds. */
  async function work(
    holds: () => Promise<boolean>,
    given: Partial<ObjectStore> = {},
    maxBytes = 1_000_000,
  ): Promise<void> {
    const log = createLog({ service: 'media', level: 'silent' });
    const store = {
      openRead: () => Promise.resolve(null),
      putFile: (key: string) => Promise.resolve(void stored.add(key)),
      deleteAll: (prefix: string) => {
        for (const key of stored) if (key.startsWith(prefix)) stored.delete(key);
        return Promise.resolve();
      },
      ...given,
    } as unknown as ObjectStore;
    const telemetry = createMediaTelemetry(createMetrics('media'));
    const exporting = createExportWork({ db, store, spool, telemetry, lifetimeMs: 60_000, maxBytes, log });
    exporting.start();
    while (!(await holds().catch(() => false))) await turn();
    await exporting.close();
    expect(await storedFiles(folder)).toEqual([]);
  }

  async function addItem(): Promise<void> {
    await db.mediaItem.create({
      data: {
        uploaderId: userId,
        filename: 'a.png',
        mimeType: 'image/png',
        byteSize: 1,
        sha256: '0'.repeat(64),
        status: 'READY',
      },
    });
  }

  it('is not stored by who has lost the row while it was written', async () => {
    await addItem();
    const id = await addExport({ status: 'PENDING' });
    let isLost = false;
    let tries = 0;
    await work(async () => (await statusOf(id)) === 'READY', {
      async openRead() {
        if (!isLost) await loseConnections();
        isLost = true;
        return Readable.from(['picture']);
      },
      putFile(key) {
        tries += 1;
        return Promise.resolve(void stored.add(key));
      },
    });
    expect(tries).toBe(1);
    expect([...stored]).toEqual([keyOf(id)]);
  });

  it('goes where its row has gone while it was stored', async () => {
    const id = await addExport({ status: 'PENDING' });
    const deleted: string[] = [];
    await work(async () => deleted.length > 0, {
      async putFile(key) {
        await loseConnections();
        // Its owner's account was deleted.
        await pool.query('DELETE FROM data_exports WHERE id = $1', [id]);
        stored.add(key);
      },
      deleteAll(prefix) {
        stored.delete(keyOf(id));
        deleted.push(prefix);
        return Promise.resolve();
      },
    });
    expect([deleted, [...stored]]).toEqual([[`exports/${id}/`], []]);
  });

  it('is removed when its export has failed, by its size or because nobody has sent his part', async () => {
    const large = await addExport({ status: 'PENDING' });
    stored.add(keyOf(large));
    await work(async () => (await statusOf(large)) === 'FAILED', {}, 10);
    expect([...stored]).toEqual([]);
    const forlorn = await addExport({ status: 'PENDING', requested_at: new Date(0) });
    await pool.query("UPDATE data_exports SET awaiting = '{auth}' WHERE id = $1", [forlorn]);
    stored.add(keyOf(forlorn));
    await work(async () => (await statusOf(forlorn)) === 'FAILED');
    expect([...stored]).toEqual([]);
  });

  it('is replaced by that of a later export, and removed in its time; one that cannot be keeps no other from it', async () => {
    const hourAgo = new Date(Date.now() - 3_600_000);
    const stuck = await addExport({ status: 'READY', expires_at: hourAgo, requested_at: new Date(0) });
    const expired = await addExport({ status: 'READY', expires_at: hourAgo, requested_at: new Date(1) });
    const earlier = await addExport({ status: 'READY', requested_at: hourAgo });
    const later = await addExport({ status: 'PENDING' });
    for (const id of [stuck, expired, earlier]) stored.add(keyOf(id));
    await work(async () => (await statusOf(earlier)) === 'EXPIRED', {
      deleteAll(prefix) {
        if (prefix.includes(stuck)) return Promise.reject(new Error('broken'));
        for (const key of stored) if (key.startsWith(prefix)) stored.delete(key);
        return Promise.resolve();
      },
    });
    expect([...stored].sort()).toEqual([keyOf(stuck), keyOf(later)].sort());
    expect([await statusOf(stuck), await statusOf(expired)]).toEqual(['READY', 'EXPIRED']);
  });
});

it('is not asked for again at once when it has failed', async () => {
  await using graph = await startMediaGraph();
  const ada = buildViewer();
  const ask = async () =>
    expectData(await graph.run(ada, 'mutation { requestDataExport { id status } }')).requestDataExport;
  const { id } = await ask();
  await graph.pool.query("UPDATE data_exports SET status = 'FAILED', ended_at = now()");
  expect(await ask()).toEqual({ id, status: 'FAILED' });
  await graph.pool.query("UPDATE data_exports SET requested_at = now() - interval '61 minutes'");
  const again = await ask();
  expect(again).toEqual({ id: expect.not.stringContaining(id), status: 'PENDING' });
  const text = await (await fetch(`${graph.url}/metrics`)).text();
  expect(sumOfMetric(text, 'taskgraph_media_data_exports_total', { outcome: 'requested' })).toBe(2);
});

it('is one for all who ask at once, and for who asks again with its key, later than an hour too', async () => {
  await using graph = await startMediaGraph();
  const ada = buildViewer();
  const ask = async (key: string | null, who = ada) =>
    expectData(
      await graph.run(who, 'mutation($key: String) { requestDataExport(idempotencyKey: $key) { id status } }', { key }),
    ).requestDataExport as { id: string; status: string };
  const asked = await Promise.all([null, 'one', 'one', null, 'two'].map((key) => ask(key)));
  expect(new Set(asked.map(({ id }) => id)).size).toBe(1);
  const [first] = asked;
  await graph.pool.query(
    "UPDATE data_exports SET status = 'FAILED', requested_at = now() - interval '2 hours', ended_at = now()",
  );
  for (const key of ['one', 'two']) expect(await ask(key)).toEqual({ id: first?.id, status: 'FAILED' });
  const next = await ask('three');
  expect(next).toEqual({ id: expect.not.stringContaining(first?.id ?? ''), status: 'PENDING' });
  // A key is its user's.
  expect((await ask('one', buildViewer())).id).not.toBe(first?.id);
  const { rows } = await graph.pool.query("SELECT FROM outbox WHERE type = 'media.data-export-requested.v1'");
  expect(rows).toHaveLength(3);
  await graph.pool.query('DELETE FROM data_exports WHERE id = $1', [first?.id]);
  const gone = await graph.run(ada, 'mutation { requestDataExport(idempotencyKey: "one") { id } }');
  expectErrorCode(gone, 'CONFLICT');
});
