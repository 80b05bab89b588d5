import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { uuid7 } from '@taskgraph/contracts';
import {
  buildViewer,
  expectData,
  expectErrorCode,
  largeJpeg,
  openTestPool,
  smallPng,
  sumOfMetric,
  truncatedPng,
} from '@taskgraph/testkit';
import { createLog, createMetrics } from '@taskgraph/service-kit';
import sharp from 'sharp';
import { createMediaDb } from '../src/db.js';
import { createImagePool, ImageProcessDied } from '../src/modules/processing/image-pool.js';
import { WITHOUT_VERSIONS } from '../src/modules/processing/process-image.js';
import { createProcessor } from '../src/modules/processing/service.js';
import { sweep, verify, type Finding } from '../src/modules/upkeep/service.js';
import { openDiskStaging } from '../src/storage/disk-staging.js';
import { openLocalDiskStore } from '../src/storage/local-disk-store.js';
import { openSpool } from '../src/storage/spool.js';
import { createMediaTelemetry } from '../src/telemetry.js';
import { startMediaGraph, type MediaGraph } from './media-graph.js';

const STATUS = 'query($id: ID!) { media(id: $id) { status failureReason width url thumbnail { url } } }';
const LATER = { MEDIA_PROCESSING_WAIT_MS: '1' };

/** Waits until an item is processed no more. */
async function untilEnded(graph: MediaGraph, id: string): Promise<string> {
  for (;;) {
    const { rows } = await graph.pool.query<{ status: string }>('SELECT status FROM media_items WHERE id = $1', [id]);
    const status = rows[0]?.status ?? 'GONE';
    if (status !== 'PROCESSING') return status;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** An item as an upload leaves it whose process dies then: a row, its file, and its job. */
async function addJob(graph: MediaGraph, bytes: Buffer, job: { attempts?: number; runAt?: string } = {}) {
  const [id, uploader] = [uuid7(), buildViewer()];
  const store = await openLocalDiskStore(path.join(graph.dataDir, 'media', 'objects'));
  await store.put(`${id}/original`, bytes);
  await graph.pool.query(
    `WITH item AS (
       INSERT INTO media_items (id, uploader_id, filename, mime_type, byte_size, sha256, updated_at)
       VALUES ($1, $2, 'a.png', 'image/png', $3, repeat('0', 64), now()) RETURNING id)
     INSERT INTO media_jobs (media_id, attempts, run_at) SELECT id, $4, now() + $5::interval FROM item`,
    [id, uploader.userId, bytes.length, job.attempts ?? 0, job.runAt ?? '0'],
  );
  return { id, uploader };
}

async function findings(graph: MediaGraph): Promise<Finding[]> {
  const db = createMediaDb(graph.pool);
  const store = await openLocalDiskStore(path.join(graph.dataDir, 'media', 'objects'));
  const found: Finding[] = [];
  for await (const finding of verify({ db, store }, { minAgeMs: -60_000 })) found.push(finding);
  return found;
}

describe('the processes of images', () => {
  it('decode the next image while the versions of one go to the store, and no more at once than may be', async () => {
    await using started = await startMediaGraph();
    // Another is to take the jobs.
    await started.service.close();
    const pool = openTestPool(started.database.url);
    const graph = { ...started, pool };
    const objects = await openLocalDiskStore(path.join(graph.dataDir, 'media', 'objects'));
    let decoding = 0;
    let most = 0;
    let store: () => void = () => undefined;
    const secondDecodes = new Promise<void>((resolve) => (store = resolve));
    let begun = 0;
    const processor = createProcessor({
      db: createMediaDb(graph.pool),
      store: {
        ...objects,
        async putFile(key, file) {
          await secondDecodes;
          await objects.putFile(key, file);
        },
      },
      spool: await openSpool(path.join(graph.dataDir, 'spool')),
      pool: {
        async process({ folder }) {
          most = Math.max(most, (decoding += 1));
          if ((begun += 1) === 2) store();
          const file = path.join(folder, 'full.webp');
          await writeFile(file, 'a version');
          decoding -= 1;
          return { ...WITHOUT_VERSIONS, versions: [{ variant: 'full', format: 'webp', path: file }] };
        },
        close: async () => undefined,
      },
      telemetry: createMediaTelemetry(createMetrics('media')),
      log: createLog({ service: 'media', level: 'silent' }),
      tracing: null,
      concurrency: 1,
      maxPixels: 1_000,
      leaseMs: 30_000,
    });
    const png = await smallPng();
    const ids = [await addJob(graph, png), await addJob(graph, png), await addJob(graph, png)].map(({ id }) => id);
    processor.start();
    for (const id of ids) expect(await untilEnded(graph, id)).toBe('READY');
    await processor.stop();
    await pool.end();
    expect({ begun, most }).toEqual({ begun: 3, most: 1 });
  });
});

describe('an upload that takes long to process', () => {
  it('is answered before, and becomes ready later', async () => {
    await using graph = await startMediaGraph(LATER);
    const ada = buildViewer();
    const { uploadMedia } = expectData(await graph.upload(ada, await largeJpeg()));
    expect(uploadMedia.media).toMatchObject({ status: 'PROCESSING', width: null, url: null, thumbnail: null });
    const { id } = uploadMedia.media;
    const active = async () =>
      sumOfMetric(await (await fetch(`${graph.url}/metrics`)).text(), 'taskgraph_media_processing', {
        state: 'active',
      });
    // One that is done before anybody looks is followed by another.
    while ((await active()) === 0) {
      const another = expectData(await graph.upload(ada, await largeJpeg())).uploadMedia.media.id;
      if ((await active()) > 0) expect(await untilEnded(graph, another)).toBe('READY');
    }
    expect(await untilEnded(graph, id)).toBe('READY');
    const { media } = expectData(await graph.run(ada, STATUS, { id }));
    expect(media).toMatchObject({ status: 'READY', failureReason: null, width: 2800 });
    expect(await findings(graph)).toEqual([]);
  });

  it('fails with a reason, and its file stays for its uploader to delete', async () => {
    await using graph = await startMediaGraph();
    const { id, uploader } = await addJob(graph, await truncatedPng());
    expect(await untilEnded(graph, id)).toBe('FAILED');
    const { media } = expectData(await graph.run(uploader, STATUS, { id }));
    expect(media).toEqual({ status: 'FAILED', failureReason: 'CORRUPT', width: null, url: null, thumbnail: null });
    expectData(await graph.run(uploader, 'mutation($id: ID!) { deleteMedia(id: $id) { mediaId } }', { id }));
    expectErrorCode(await graph.run(uploader, STATUS, { id }), 'NOT_FOUND');
  });
});

describe('a job', () => {
  it('of a process that died is taken by another when its lease is over', async () => {
    await using graph = await startMediaGraph();
    const { id } = await addJob(graph, await smallPng(), { attempts: 1, runAt: '300 milliseconds' });
    expect(await untilEnded(graph, id)).toBe('READY');
  });

  it('that processes have died of three times is given up', async () => {
    await using graph = await startMediaGraph();
    const { id, uploader } = await addJob(graph, await smallPng(), { attempts: 3 });
    expect(await untilEnded(graph, id)).toBe('FAILED');
    const { media } = expectData(await graph.run(uploader, STATUS, { id }));
    expect(media).toMatchObject({ failureReason: 'TOO_COMPLEX' });
    const { rows } = await graph.pool.query('SELECT data FROM outbox WHERE type = $1', ['media.failed.v1']);
    expect(rows).toEqual([{ data: { mediaId: id, uploaderId: uploader.userId, reason: 'TOO_COMPLEX' } }]);
  });

  it('is done by one of several processes', async () => {
    await using graph = await startMediaGraph();
    await using other = await graph.restart();
    const jobs = await Promise.all(Array.from({ length: 8 }, async () => addJob(other, await smallPng())));
    for (const { id } of jobs) expect(await untilEnded(graph, id)).toBe('READY');
    const { rows } = await graph.pool.query('SELECT subject FROM outbox WHERE type = $1', ['media.processed.v1']);
    expect(rows.map(({ subject }: { subject: string }) => subject).sort()).toEqual(jobs.map(({ id }) => id).sort());
  });

  it('gives what was ready already the versions that it did not have, and tells nobody', async () => {
    await using graph = await startMediaGraph();
    const ada = buildViewer();
    const id = await graph.addMedia(ada, await smallPng());
    await rm(path.join(graph.dataDir, 'media', 'objects', id, 'full.webp'));
    await graph.pool.query(`UPDATE media_items SET has_full = false WHERE id = $1`, [id]);
    await graph.pool.query('DELETE FROM outbox');
    graph.attached.add(id);
    const seen = async () => expectData(await graph.run(buildViewer(), STATUS, { id })).media;
    expect(await seen()).toMatchObject({ status: 'READY', url: null });
    await graph.pool.query('INSERT INTO media_jobs (media_id) VALUES ($1)', [id]);
    while ((await seen()).url === null) await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await fetch((await seen()).url)).status).toBe(200);
    expect((await graph.pool.query('SELECT 1 FROM outbox')).rows).toEqual([]);
  });
});

describe('what others than the uploader get', () => {
  it('holds nothing that the camera wrote, and is upright', async () => {
    await using graph = await startMediaGraph();
    const ada = buildViewer();
    const photograph = await sharp({ create: { width: 400, height: 200, channels: 3, background: 'teal' } })
      .withExif({ IFD0: { Artist: 'Somebody' }, IFD3: { GPSLatitude: '51/1 30/1 0/1' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const id = await graph.addMedia(ada, photograph, 'photo.jpg');
    graph.attached.add(id);
    const download = async (who: ReturnType<typeof buildViewer>) => {
      const { media } = expectData(await graph.run(who, STATUS, { id }));
      return fetch(media.url);
    };
    const own = Buffer.from(await (await download(ada)).arrayBuffer());
    expect(own.equals(photograph)).toBe(true);
    for (const stranger of [buildViewer(), buildViewer({ role: 'ADMIN' })]) {
      const response = await download(stranger);
      expect(response.headers.get('content-type')).toBe('image/webp');
      expect(response.headers.get('content-disposition')).toContain('photo.jpg.webp');
      const metadata = await sharp(Buffer.from(await response.arrayBuffer())).metadata();
      expect(metadata).toMatchObject({ width: 200, height: 400 });
      expect(metadata.exif).toBeUndefined();
      expect(metadata.xmp).toBeUndefined();
    }
  });
});

describe('the processes that decode images', () => {
  const withFolder = async (work: (folder: string) => Promise<void>) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-images-'));
    try {
      await work(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  };
  const requestOf = async (folder: string, bytes: Buffer) => {
    const file = path.join(folder, 'original');
    await writeFile(file, bytes);
    return { path: file, mimeType: 'image/png', folder, maxPixels: 100_000_000 };
  };

  it('are ended when they take too long, and others come after them', () =>
    withFolder(async (folder) => {
      const hasty = createImagePool({ timeoutMs: 1, maxMemoryBytes: 2 ** 40 });
      const request = await requestOf(folder, await smallPng());
      await expect(hasty.process(request)).rejects.toThrow(ImageProcessDied);
      await expect(hasty.process(request)).rejects.toThrow('took longer than 1 ms');
      await hasty.close();
    }));

  it('end themselves when they take too much memory', () =>
    withFolder(async (folder) => {
      const pool = createImagePool({ timeoutMs: 60_000, maxMemoryBytes: 1024 });
      const request = await requestOf(folder, await largeJpeg());
      expect(await pool.process(request)).toEqual({ kind: 'invalid', reason: 'TOO_COMPLEX' });
      await pool.close();
    }));

  it('are ended when they take too much memory and look at nothing else', () =>
    withFolder(async (folder) => {
      const entry = path.join(folder, 'busy.mjs');
      await writeFile(
        entry,
        `process.on('message', () => { const taken = Buffer.alloc(2 ** 28, 1); for (;;) taken[0]++; });`,
      );
      const pool = createImagePool({ timeoutMs: 60_000, maxMemoryBytes: 2 ** 27, entry: new URL(`file://${entry}`) });
      const request = await requestOf(folder, await smallPng());
      expect(await pool.process(request)).toEqual({ kind: 'invalid', reason: 'TOO_COMPLEX' });
      await pool.close();
    }));

  it('cost their own image when they crash', () =>
    withFolder(async (folder) => {
      const entry = path.join(folder, 'crashing.mjs');
      await writeFile(entry, `process.on('message', () => process.kill(process.pid, 'SIGSEGV'));`);
      const pool = createImagePool({ timeoutMs: 60_000, maxMemoryBytes: 2 ** 40, entry: new URL(`file://${entry}`) });
      const request = await requestOf(folder, await smallPng());
      await expect(pool.process(request)).rejects.toThrow('SIGSEGV');
      await pool.close();
    }));
});

describe('what processes have left behind that died', () => {
  it('is found and removed: objects without a row, files that are no objects, spools; and what is under way stays', async () => {
    await using graph = await startMediaGraph();
    const kept = await graph.addMedia(buildViewer(), await smallPng());
    const root = path.join(graph.dataDir, 'media');
    const objects = path.join(root, 'objects');
    const store = await openLocalDiskStore(objects);
    const orphan = uuid7();
    await store.put(`${orphan}/original`, Buffer.from('x'));
    const part = path.join(objects, '.0.part');
    await writeFile(part, 'x');
    const abandoned = path.join(root, 'incoming', '1-of-the-same-number');
    await mkdir(abandoned);
    const long = new Date(Date.now() - 24 * 60 * 60_000);
    await utimes(abandoned, long, long);
    const db = createMediaDb(graph.pool);
    const spool = await openSpool(path.join(root, 'incoming'));
    const staging = await openDiskStaging(path.join(root, 'sessions'), store, { minFreeBytes: 0 });
    try {
      expect(await sweep({ db, store, spool, staging })).toEqual({
        objects: 0,
        jobs: 0,
        purged: 0,
        sessions: 0,
        unfinishedFiles: 0,
        spools: 1,
      });
      expect(await findings(graph)).toEqual([
        { kind: 'OBJECT_WITHOUT_ROW', mediaId: orphan, key: `${orphan}/original` },
      ]);
      const swept = await sweep({ db, store, spool, staging }, { minAgeMs: -60_000 });
      expect(swept).toEqual({ objects: 1, jobs: 0, purged: 0, sessions: 0, unfinishedFiles: 1, spools: 0 });
      expect(await findings(graph)).toEqual([]);
      expect(await readdir(objects)).toEqual([kept]);
    } finally {
      await spool.close();
    }
  });

  it('is an item that nobody processes, which is processed then', async () => {
    await using graph = await startMediaGraph();
    const { id } = await addJob(graph, await smallPng(), { runAt: '1 day' });
    await graph.pool.query('DELETE FROM media_jobs');
    expect(await findings(graph)).toEqual([{ kind: 'ROW_WITHOUT_JOB', mediaId: id, key: null }]);
    const store = await openLocalDiskStore(path.join(graph.dataDir, 'media', 'objects'));
    const staging = await openDiskStaging(path.join(graph.dataDir, 'media', 'sessions'), store, { minFreeBytes: 0 });
    const parts = { db: createMediaDb(graph.pool), store, staging, spool: { sweep: async () => 0 } };
    await sweep(parts, { minAgeMs: -60_000 });
    expect(await untilEnded(graph, id)).toBe('READY');
  });

  it('is told of a file that is missing', async () => {
    await using graph = await startMediaGraph();
    const id = await graph.addMedia(buildViewer(), await smallPng());
    await rm(path.join(graph.dataDir, 'media', 'objects', id, 'small.webp'));
    expect(await findings(graph)).toEqual([{ kind: 'ROW_WITHOUT_OBJECT', mediaId: id, key: `${id}/small.webp` }]);
  });
});
