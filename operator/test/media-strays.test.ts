import { randomUUID } from 'node:crypto';
import { access, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withClient } from '@taskgraph/databases';
import { cloneDatabase, type TestDatabase } from '@taskgraph/testkit';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { findInMedia, removeStrays } from '../src/media/media-findings.js';
import { openPlaces, type Places } from '../src/places.js';

const YESTERDAY = new Date(Date.now() - 24 * 60 * 60_000);

describe('files that no item names', () => {
  let dataDir: string;
  let database: TestDatabase;
  let places: Places;
  beforeEach(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'taskgraph-strays-'));
    database = await cloneDatabase('media');
    const { url } = database;
    places = await openPlaces({
      ...{ dataDir, bucket: undefined, storageEmulatorHost: undefined },
      databaseUrls: { auth: url, task: url, media: url },
    });
  });
  afterEach(async () => {
    await places[Symbol.asyncDispose]();
    await database.drop();
    await rm(dataDir, { recursive: true });
  });

  const run = (sql: string, values: readonly unknown[]) =>
    withClient(database.url, (client) => client.query(sql, [...values]));
  const folderOf = (id: string) => path.join(dataDir, 'media/objects', id);
  /** Writes a file, be it one that is not whole yet, into a folder that is a day old. */
  async function addFile(name: string, { isOld = true } = {}): Promise<string> {
    const id = randomUUID();
    await mkdir(folderOf(id));
    const file = path.join(folderOf(id), name);
    await writeFile(file, 'bytes');
    if (isOld) await utimes(file, YESTERDAY, YESTERDAY);
    await utimes(folderOf(id), YESTERDAY, YESTERDAY);
    return id;
  }
  const addItem = (id: string, contentId: string | null) =>
    run(
      `INSERT INTO media_items (id, content_id, uploader_id, filename, mime_type, byte_size, sha256, status, updated_at)
       VALUES ($1, $2, $3, 'a.txt', 'text/plain', 5, '\\x00', 'PROCESSING', now())`,
      [id, contentId, randomUUID()],
    );

  it('are those that are old, and that no item, no item with the same bytes and no session has', async () => {
    const [stray, own, shared, session] = [
      await addFile('original'),
      await addFile('original'),
      await addFile('original'),
      await addFile('original'),
    ];
    await addFile(`.${randomUUID()}.part`, { isOld: false });
    await addItem(own, null);
    await addItem(randomUUID(), shared);
    await run(
      `INSERT INTO upload_sessions (id, user_id, filename, byte_size, expires_at) VALUES ($1, $2, 'a.txt', 5, now())`,
      [session, randomUUID()],
    );
    expect(await findInMedia(places)).toEqual({ items: 2, damaged: [], strays: [stray] });
  });

  it('are looked at again before they are deleted', async () => {
    const [stray, named, written] = [await addFile('original'), await addFile('original'), await addFile('original')];
    expect([...((await findInMedia(places)).strays ?? [])].sort()).toEqual([stray, named, written].sort());
    await addItem(named, null);
    await writeFile(path.join(folderOf(written), 'original'), 'more bytes');
    expect(await removeStrays(places, [stray, named, written, randomUUID()])).toEqual([stray]);
    await expect(access(folderOf(stray))).rejects.toThrow();
    for (const id of [named, written]) await access(folderOf(id));
  });
});
