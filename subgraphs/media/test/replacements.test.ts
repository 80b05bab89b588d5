import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  buildViewer,
  expectData,
  expectErrorCode,
  FILM_SECRETS,
  smallPng,
  sumOfMetric,
  testFilm,
  type TestViewer,
} from '@taskgraph/testkit';
import sharp from 'sharp';
import { createMediaDb } from '../src/db.js';
import { listOrphanedItems } from '../src/modules/upkeep/orphans.js';
import { sweep, verify } from '../src/modules/upkeep/service.js';
import { openDiskStaging } from '../src/storage/disk-staging.js';
import { openLocalDiskStore } from '../src/storage/local-disk-store.js';
import { startMediaGraph, type MediaGraph } from './media-graph.js';
import { scrape } from './upload-requests.js';

const FIELDS = `id filename mimeType byteSize width height status altText placeholder url createdAt
  thumbnail(size: SMALL) { url width height }`;
const REPLACE = `mutation($input: ReplaceMediaInput!) { replaceMedia(input: $input) { media { ${FIELDS} } } }`;
const MEDIA = `query($id: ID!) { media(id: $id) { ${FIELDS} } }`;

interface Shown {
  readonly id: string;
  readonly url: string;
  readonly thumbnail: { readonly url: string };
  readonly [field: string]: unknown;
}

describe('the file of a media item', () => {
  let graph: MediaGraph;
  beforeAll(async () => {
    graph = await startMediaGraph();
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  const replace = (who: TestViewer | null, mediaId: string, withMediaId: string, more: object = {}) =>
    graph.run(who, REPLACE, { input: { mediaId, withMediaId, ...more } });
  const show = async (who: TestViewer, id: string) =>
    (expectData(await graph.run(who, MEDIA, { id })) as { media: Shown }).media;
  const get = async (url: string, headers: Record<string, string> = {}) => {
    const response = await fetch(url, { headers });
    return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
  };
  const objects = () => readdir(path.join(graph.dataDir, 'media', 'objects'));
  const describePicture = (id: string, altText: string) =>
    graph.run({ ...ada }, 'mutation($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }', {
      input: { id, altText },
    });
  const ada = buildViewer();
  const red = () => smallPng('red');
  const photo = () =>
    sharp({ create: { width: 300, height: 200, channels: 3, background: 'blue' } })
      .withExif({ IFD0: { Artist: 'SECRET OF A CAMERA' } })
      .jpeg()
      .toBuffer();

  it('is replaced by that of another item, which is gone: all of it at once, and its URLs with it', async () => {
    const ben = buildViewer();
    const [png, jpeg] = [await red(), await photo()];
    const id = await graph.addMedia(ada, png, 'before.png');
    await describePicture(id, 'A lake');
    graph.attached.add(id);
    const [before, seenBefore] = [await show(ada, id), await show(ben, id)];
    const etag = (await get(before.url)).headers.get('etag') ?? '';
    const other = await graph.addMedia(ada, jpeg, 'after.jpg');
    const otherUrl = (await show(ada, other)).url;

    const { media } = expectData(await replace(ada, id, other.toUpperCase())).replaceMedia as { media: Shown };
    expect(media).toMatchObject({
      ...{ id, filename: 'after.jpg', mimeType: 'image/jpeg', byteSize: jpeg.length, width: 300, height: 200 },
      ...{ status: 'READY', altText: 'A lake', createdAt: before['createdAt'], thumbnail: { width: 160 } },
    });
    expect(media['placeholder']).not.toBe(before['placeholder']);
    expect(await show(ada, id)).toEqual(media);

    // Its uploader has the bytes as they came; others have them without what the camera wrote, and nothing of the old ones.
    const original = await get(media.url, { 'if-none-match': etag });
    expect([original.status, original.bytes.equals(jpeg)]).toEqual([200, true]);
    expect(original.headers.get('etag')).not.toBe(etag);
    const seen = await show(ben, id);
    const full = await get(seen.url);
    expect([full.status, full.headers.get('content-type')]).toEqual([200, 'image/webp']);
    expect(full.bytes.includes('SECRET OF A CAMERA')).toBe(false);
    expect(await sharp(full.bytes).metadata()).toMatchObject({ width: 300, height: 200 });
    const small = await get(seen.thumbnail.url);
    expect(await sharp(small.bytes).metadata()).toMatchObject({ width: 160, height: 107 });

    // What a cache keeps under an address is never another file.
    for (const old of [before.url, before.thumbnail.url, seenBefore.url, otherUrl]) {
      expect([media.url, media.thumbnail.url, seen.url]).not.toContain(old);
      expect((await get(old)).status).toBe(404);
      expect((await get(old, { 'if-none-match': etag })).status).toBe(404);
    }
    const forged = new URL(media.url);
    for (const revision of ['0', '2', 'x']) {
      forged.searchParams.set('revision', revision);
      expect((await get(forged.href)).status).toBe(403);
    }

    // Nothing is left of the file that was there, nor of the row of the other.
    expectErrorCode(await graph.run(ada, MEDIA, { id: other }), 'NOT_FOUND');
    expect(await objects()).not.toContain(id);
    expect(await objects()).toContain(other);
    expect(await findings()).toEqual([]);
    const { rows } = await graph.pool.query<{ type: string; subject: string }>(
      'SELECT type, subject FROM outbox WHERE subject = ANY($1) ORDER BY position DESC LIMIT 2',
      [[id, other]],
    );
    expect(rows.reverse()).toEqual([
      { type: 'media.deleted.v1', subject: other },
      { type: 'media.processed.v1', subject: id },
    ]);

    // Once more, and with an alternative text of its own.
    const third = await graph.addMedia(ada, await smallPng('green'), 'third.png');
    await describePicture(third, 'A forest');
    const { media: again } = expectData(await replace(ada, id, third)).replaceMedia as { media: Shown };
    expect(again).toMatchObject({ filename: 'third.png', altText: 'A forest' });
    expect((await get(media.url)).status).toBe(404);
    expect((await get(again.url)).status).toBe(200);
    expect(await objects()).not.toContain(other);
    graph.attached.delete(id);
  });

  async function findings() {
    const db = createMediaDb(graph.pool);
    const store = await openLocalDiskStore(path.join(graph.dataDir, 'media', 'objects'));
    const found = [];
    for await (const finding of verify({ db, store }, { minAgeMs: -60_000 })) found.push(finding);
    await db.$disconnect();
    return found;
  }

  it('is replaced by a film, of which others get the copy without metadata', async () => {
    const ben = buildViewer();
    const id = await graph.addMedia(ada, await red());
    graph.attached.add(id);
    const film = testFilm();
    const other = await graph.addMedia(ada, film, 'a.mp4');
    const { media } = expectData(await replace(ada, id, other)).replaceMedia as { media: Shown };
    expect((await get(media.url)).bytes.equals(film)).toBe(true);
    const copy = await get((await show(ben, id)).url);
    expect([copy.status, copy.bytes.length]).toEqual([200, film.length]);
    for (const secret of FILM_SECRETS) expect(copy.bytes.includes(secret)).toBe(false);
    graph.attached.delete(id);
  });

  it('stays where it is shared with other items', async () => {
    const png = await smallPng('gold');
    const [id, twin] = [await graph.addMedia(ada, png), await graph.addMedia(ada, png)];
    const other = await graph.addMedia(ada, await photo());
    expectData(await replace(ada, id, other));
    expect((await get((await show(ada, twin)).url)).bytes.equals(png)).toBe(true);

    // The same bytes in its place change nothing of it, and its addresses stay good.
    const before = await show(ada, twin);
    const same = await graph.addMedia(ada, png);
    const { media } = expectData(await replace(ada, twin, same)).replaceMedia as { media: Shown };
    expect([media.url, media.thumbnail.url]).toEqual([before.url, before.thumbnail.url]);
    expect((await get(before.url)).bytes.equals(png)).toBe(true);
    expectErrorCode(await graph.run(ada, MEDIA, { id: same }), 'NOT_FOUND');
    expect(await findings()).toEqual([]);
  });

  it('is replaced once, however often that is asked for with one key', async () => {
    const [id, other] = [await graph.addMedia(ada, await red()), await graph.addMedia(ada, await photo())];
    const key = { idempotencyKey: randomUUID() };
    const answers = await Promise.all(Array.from({ length: 3 }, () => replace(ada, id, other, key)));
    for (const answer of answers)
      expect(expectData(answer).replaceMedia.media).toMatchObject({ id, mimeType: 'image/jpeg' });
    expectErrorCode(await replace(ada, id, other), 'NOT_FOUND');
    expect(expectErrorCode(await replace(ada, id, randomUUID(), key), 'BAD_USER_INPUT')).toMatchObject({
      extensions: { reason: 'IDEMPOTENCY_KEY_REUSED' },
    });
  });

  it('is that of the last of several replacements at once, and each other item takes one place', async () => {
    const [one, two] = [await graph.addMedia(ada, await red()), await graph.addMedia(ada, await red())];
    const others = [];
    for (const colour of ['black', 'white', 'silver'])
      others.push(await graph.addMedia(ada, await smallPng(colour), `${colour}.png`));
    const outcomes = await Promise.all([
      ...others.map((other) => replace(ada, one, other)),
      replace(ada, two, others[0] as string),
      replace(ada, others[1] as string, one),
    ]);
    const codes = outcomes.map(({ body }) => body.errors?.[0]?.extensions?.['code'] ?? 'replaced');
    expect(new Set(codes)).toEqual(new Set(['replaced', 'NOT_FOUND']));
    const { rows } = await graph.pool.query<{ id: string }>('SELECT id FROM media_items WHERE id = ANY($1)', [
      [one, two, ...others],
    ]);
    // Each that succeeded took one row away, and what is left can be downloaded as it is described.
    expect(rows).toHaveLength(5 - codes.filter((code) => code === 'replaced').length);
    for (const row of rows) {
      const { url, byteSize } = await show(ada, row.id);
      expect((await get(url)).bytes.length).toBe(byteSize);
    }
    expect(await findings()).toEqual([]);
  });

  it('is that before, or that after, to whoever downloads it meanwhile', async () => {
    const files = [await smallPng('navy'), await photo()];
    const id = await graph.addMedia(ada, files[0] as Buffer, 'mix.png');
    const other = await graph.addMedia(ada, files[1] as Buffer, 'mix.jpg');
    let isOver = false;
    const replacing = replace(ada, id, other).finally(() => (isOver = true));
    let last: Shown;
    do {
      last = await show(ada, id);
      const { status, headers, bytes } = await get(last.url);
      // A link to the file before ends with it.
      if (status === 404) continue;
      const expected = files[last['mimeType'] === 'image/png' ? 0 : 1] as Buffer;
      expect([status, headers.get('content-type'), bytes.equals(expected)]).toEqual([200, last['mimeType'], true]);
    } while (!isOver || last['mimeType'] !== 'image/jpeg');
    expectData(await replacing);
  });

  it('is replaced by the uploader of both alone, while both are ready and the other is attached to nothing', async () => {
    const [eve, admin] = [buildViewer(), buildViewer({ role: 'ADMIN' })];
    const [id, other] = [await graph.addMedia(ada, await red()), await graph.addMedia(ada, await photo())];
    const [ofEve, ofAdmin] = [await graph.addMedia(eve, await red()), await graph.addMedia(admin, await red())];
    const reasonOf = (result: Parameters<typeof expectErrorCode>[0], code: string) =>
      expectErrorCode(result, code).extensions?.['reason'];

    expectErrorCode(await replace(null, id, other), 'UNAUTHENTICATED');
    expectErrorCode(await replace(eve, id, ofEve), 'NOT_FOUND');
    graph.attached.add(id);
    expectErrorCode(await replace(eve, id, ofEve), 'FORBIDDEN');
    graph.attached.delete(id);
    expectErrorCode(await replace(admin, id, ofAdmin), 'FORBIDDEN');
    for (const strange of [ofEve, randomUUID(), 'garbage', ''])
      expectErrorCode(await replace(ada, id, strange), 'NOT_FOUND');
    for (const strange of [randomUUID(), 'garbage', ''])
      expectErrorCode(await replace(ada, strange, other), 'NOT_FOUND');
    expect(reasonOf(await replace(ada, id, id), 'BAD_USER_INPUT')).toBe('SAME_MEDIA');

    const set = (which: string, status: string) =>
      graph.pool.query('UPDATE media_items SET status = $2::media_status WHERE id = $1', [which, status]);
    for (const which of [id, other])
      for (const status of ['PROCESSING', 'FAILED']) {
        await set(which, status);
        expect(reasonOf(await replace(ada, id, other), 'CONFLICT')).toBe('MEDIA_NOT_READY');
        await set(which, 'READY');
      }
    const taskId = randomUUID();
    await graph.pool.query('INSERT INTO media_references (media_id, task_id) VALUES ($1, $2)', [other, taskId]);
    expect(reasonOf(await replace(ada, id, other), 'CONFLICT')).toBe('MEDIA_ATTACHED');
    await graph.pool.query('DELETE FROM media_references WHERE task_id = $1', [taskId]);

    const remove = (which: string) =>
      graph.run(ada, 'mutation($id: ID!) { deleteMedia(id: $id) { mediaId } }', { id: which });
    const restore = (which: string) =>
      graph.run(ada, 'mutation($id: ID!) { restoreMedia(id: $id) { media { id } } }', { id: which });
    for (const which of [id, other]) {
      expectData(await remove(which));
      expectErrorCode(await replace(ada, id, other), 'NOT_FOUND');
      expectData(await restore(which));
    }
    // Of all that was refused nothing has changed.
    expect((await show(ada, id))['mimeType']).toBe('image/png');
    expectData(await replace(ada, id, other));
    expect((await show(ada, id))['mimeType']).toBe('image/jpeg');
  });

  it('is swept where its process died before it was deleted, and that in its place is not, until its item is purged', async () => {
    const [png, jpeg] = [await smallPng('olive'), await photo()];
    const id = await graph.addMedia(ada, png);
    const other = await graph.addMedia(ada, jpeg);
    expectData(await replace(ada, id, other));
    const db = createMediaDb(graph.pool);
    const folder = path.join(graph.dataDir, 'media');
    const store = await openLocalDiskStore(path.join(folder, 'objects'));
    const staging = await openDiskStaging(path.join(folder, 'sessions'), store, { minFreeBytes: 0 });
    const sweepAll = () =>
      sweep(
        { db, store, staging, spool: { sweep: async () => 0 } },
        { minAgeMs: -60_000, deletedRetentionMs: -60_000 },
      );
    await store.put(`${id}/original`, png);
    expect(await findings()).toMatchObject([{ kind: 'OBJECT_WITHOUT_ROW', mediaId: id }]);
    await sweepAll();
    expect(await findings()).toEqual([]);
    expect((await get((await show(ada, id)).url)).bytes.equals(jpeg)).toBe(true);

    expectData(await graph.run(ada, 'mutation($id: ID!) { deleteMedia(id: $id) { mediaId } }', { id }));
    await sweepAll();
    expect(await objects()).not.toContain(other);
    await db.$disconnect();
  });

  it('is as young as the replacement: an item that is attached to nothing is no orphan for it', async () => {
    const id = await graph.addMedia(ada, await red());
    const other = await graph.addMedia(ada, await photo());
    await graph.pool.query(`UPDATE media_items SET created_at = now() - interval '9 days' WHERE id = $1`, [id]);
    const db = createMediaDb(graph.pool);
    const orphans = async () => (await listOrphanedItems(db, 8 * 24 * 3_600_000)).map((orphan) => orphan.id);
    expect(await orphans()).toContain(id);
    expectData(await replace(ada, id, other));
    expect(await orphans()).not.toContain(id);
    await db.$disconnect();
  });

  it('counts once: what the item had before is freed', async () => {
    const replacements = async () => sumOfMetric(await scrape(graph.url), 'taskgraph_media_replacements_total');
    const before = await replacements();
    const ben = buildViewer();
    const [png, jpeg] = [await red(), await photo()];
    const id = await graph.addMedia(ben, png);
    const other = await graph.addMedia(ben, jpeg);
    const used = async () =>
      expectData(
        await graph.run(
          ben,
          'query($id: ID!) { _entities(representations: [{ __typename: "User", id: $id }]) { ... on User { storage { usedBytes } } } }',
          { id: ben.userId },
        ),
      )._entities[0].storage.usedBytes;
    expect(await used()).toBe(png.length + jpeg.length);
    expectData(await replace(ben, id, other));
    expect(await used()).toBe(jpeg.length);
    expect((await replacements()) - before).toBe(1);
  });
});
