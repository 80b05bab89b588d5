import { createHash, randomBytes } from 'node:crypto';
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { withClient } from '@taskgraph/databases';
import { openStore } from '@taskgraph/media/storage';
import {
  cloneDatabase,
  countAllRows,
  createCleanup,
  expectData,
  hasPubSubEmulator,
  hasStorageEmulator,
  postGraphQL,
  spawnGraph,
  startPubSubEmulator,
  startStorageEmulator,
  type SpawnedGraph,
  type StorageEmulator,
  type TestDatabase,
} from '@taskgraph/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { verifyBackup } from '../src/backup/manifest.js';
import { takeBackup } from '../src/backup/take-backup.js';
import { openPlaces } from '../src/places.js';
import { logIn, signUp } from './client.js';
import { runOperator } from './run-operator.js';

const SERVICES = ['auth', 'task', 'media'] as const;
const READ = '{ tasks(first: 100) { edges { node { media(first: 100) { edges { node { id url status } } } } } } }';

interface Written {
  readonly databases: Readonly<
    Record<string, { readonly tables: ReadonlyArray<{ readonly name: string; readonly rows: number }> }>
  >;
}

async function readManifest(folder: string): Promise<Written> {
  return JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8')) as Written;
}

function rowsOf<Row extends object>(url: string, sql: string): Promise<Row[]> {
  return withClient(url, async (client) => (await client.query<Row>(sql)).rows);
}

async function idsOf(url: string, sql: string): Promise<string[]> {
  return (await rowsOf<{ id: string }>(url, sql)).map(({ id }) => id);
}

const HANDLED = 'SELECT event_id AS id FROM inbox';

/** Waits until one service has handled what another has told of these. */
async function settle(source: string, target: string, types: readonly string[]): Promise<void> {
  const told = await idsOf(source, `SELECT id FROM outbox WHERE type IN ('${types.join("', '")}')`);
  for (;;) {
    const handled = new Set(await idsOf(target, HANDLED));
    if (told.every((id) => handled.has(id))) return;
    await delay(50);
  }
}

/** Where a restored system is: what settings name. */
function settingsOf(urls: Record<(typeof SERVICES)[number], string>, dataDir: string): Record<string, string> {
  return {
    ...Object.fromEntries(SERVICES.map((name) => [`${name.toUpperCase()}_DATABASE_URL`, urls[name]])),
    TASKGRAPH_DATA_DIR: dataDir,
  };
}

const urlsOf = ({ databases }: Pick<SpawnedGraph, 'databases'>) => ({
  auth: databases.auth.url,
  task: databases.task.url,
  media: databases.media.url,
});

/** The files of a store, by the name of each. */
async function filesOf(settings: Record<string, string>): Promise<Map<string, string>> {
  const store = await openStore({
    TASKGRAPH_DATA_DIR: settings['TASKGRAPH_DATA_DIR'] ?? '',
    GCS_BUCKET: settings['GCS_BUCKET'],
    STORAGE_EMULATOR_HOST: settings['STORAGE_EMULATOR_HOST'],
  });
  const files = new Map<string, string>();
  for await (const { key } of store.list()) {
    const hash = createHash('sha256');
    for await (const chunk of (await store.openRead(key)) ?? []) hash.update(chunk as Buffer);
    files.set(key, hash.digest('hex'));
  }
  return files;
}

(hasPubSubEmulator() && hasStorageEmulator() ? describe : describe.skip)('a backup of a system that is at work', () => {
  const own = createCleanup();
  let scratch: string;
  let folder: string;
  let settings: Record<string, string>;
  /** Of each table, when the backup was taken. */
  let before: Record<string, Readonly<Record<string, number>>>;
  /** Where it is restored. */
  let databases: Record<(typeof SERVICES)[number], TestDatabase>;
  let env: Record<string, string>;
  /** What was restored into a folder, in a bucket. */
  let inBucket: Record<string, string>;
  let emulator: StorageEmulator;
  /** Pictures that are attached then. */
  let kept: string[];

  beforeAll(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'taskgraph-backup-'));
    own.add(() => rm(scratch, { recursive: true, force: true }));
    folder = path.join(scratch, 'backup');
    const pubsub = await startPubSubEmulator();
    own.add(() => pubsub.stop());
    emulator = await startStorageEmulator();
    own.add(async () => emulator[Symbol.asyncDispose]());
    settings = {
      AUTH_KEY_ENCRYPTION_SECRET: randomBytes(32).toString('hex'),
      PUBSUB_EMULATOR_HOST: pubsub.host,
      SUBGRAPH_TIMEOUT_MS: '60000',
      PEER_TIMEOUT_MS: '60000',
    };
    databases = {
      auth: await cloneDatabase('auth'),
      task: await cloneDatabase('task'),
      media: await cloneDatabase('media'),
    };
    for (const database of Object.values(databases)) own.add(() => database.drop());
    env = settingsOf(urlsOf({ databases }), path.join(scratch, 'data'));
    inBucket = {
      ...env,
      STORAGE_EMULATOR_HOST: emulator.url,
      GCS_BUCKET: await emulator.addBucket('taskgraph-restored'),
    };
  });
  afterAll(() => own.run());

  it('is taken while it goes on', async () => {
    const bucket = { STORAGE_EMULATOR_HOST: emulator.url, GCS_BUCKET: emulator.bucket };
    await using graph = await spawnGraph({
      settings: { ...settings, ...bucket, PUBSUB_PROJECT_ID: 'taskgraph-before' },
    });
    const client = await signUp(graph.urls.gateway);
    await client.attach(await client.addTask(), await client.addPicture());
    let stopped = false;
    let rounds = 0;
    const load = Array.from({ length: 2 }, async () => {
      while (!stopped) {
        const [taskId, mediaId] = [await client.addTask(), await client.addPicture()];
        await client.attach(taskId, mediaId);
        if (rounds % 2 === 0) await client.remove(mediaId);
        rounds += 1;
      }
    });
    while (rounds < 2) await delay(20);
    const taken = await runOperator(['backup', folder, '--json'], {
      ...settingsOf(urlsOf(graph), graph.dataDir),
      ...bucket,
    });
    stopped = true;
    await Promise.all(load);
    expect([taken.code, taken.stderr]).toEqual([0, expect.stringContaining('… database media')]);
    before = Object.fromEntries(
      Object.entries((await readManifest(folder)).databases).map(([name, { tables }]) => [
        name,
        Object.fromEntries(tables.map((table) => [table.name, table.rows])),
      ]),
    );
    expect(before['task']?.['task_media']).toBeGreaterThan(0);
  });

  it('takes the place of what is there, when that is meant, and points to nothing that is not there', async () => {
    await withClient(databases.task.url, (client) =>
      client.query(
        `INSERT INTO known_media (media_id, uploader_id, state) VALUES (gen_random_uuid(), gen_random_uuid(), 'READY')`,
      ),
    );
    expect(await runOperator(['restore', folder], env)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/destroys what is there: 1 rows in task.*\n→ Add --yes/),
    });
    expect(await runOperator(['restore', folder, '--yes'], env)).toMatchObject({ code: 0 });
    for (const name of SERVICES) {
      const { _prisma_migrations: _, ...counts } = await countAllRows(databases[name].url);
      expect(counts).toEqual(before[name]);
    }
    const attached = await idsOf(databases.task.url, 'SELECT media_id AS id FROM task_media');
    const ready = await idsOf(
      databases.media.url,
      `SELECT id FROM media_items WHERE status = 'READY' AND deleted_at IS NULL`,
    );
    // The task service has not heard of the others yet: that they are deleted is among the events that go out again.
    const deleted = await idsOf(
      databases.media.url,
      `SELECT subject AS id FROM outbox WHERE type = 'media.deleted.v1'`,
    );
    expect([...ready, ...deleted]).toEqual(expect.arrayContaining(attached));
    kept = attached.filter((id) => ready.includes(id));
    expect(await runOperator(['media', 'verify'], env)).toMatchObject({ code: 0 });
  });

  it('is the same from a folder, and moves into a bucket', async () => {
    const second = path.join(scratch, 'second');
    expect(await runOperator(['backup', second], env)).toMatchObject({ code: 0 });
    expect(await runOperator(['restore', second, '--yes'], inBucket)).toMatchObject({ code: 0 });
    expect(await runOperator(['media', 'verify'], inBucket)).toMatchObject({ code: 0 });
    const files = await filesOf(inBucket);
    // All pictures are of the same bytes, which are kept once, with their smaller versions.
    expect(files.size).toBeGreaterThan(1);
    expect(files).toEqual(await filesOf(env));
  });

  it('goes on where it was: nothing happens twice', async () => {
    const { task, media } = databases;
    const handledBefore = await idsOf(media.url, HANDLED);
    await using graph = await spawnGraph({
      databases,
      settings: { ...settings, ...inBucket, PUBSUB_PROJECT_ID: 'taskgraph-after', MAX_OPERATION_COST: '100000' },
    });
    // Who is at work on it keeps it.
    expect(await runOperator(['restore', folder, '--yes'], inBucket)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Stop all services first'),
    });
    // What media deletes a task loses, and tells media of it.
    await settle(media.url, task.url, ['media.processed.v1', 'media.deleted.v1']);
    await settle(task.url, media.url, ['task.media-attached.v1', 'task.media-detached.v1', 'task.deleted.v1']);
    expect(await idsOf(media.url, HANDLED)).toEqual(expect.arrayContaining(handledBefore));
    const token = await logIn(graph.urls.gateway);
    const { tasks } = expectData(await postGraphQL(graph.urls.gateway, { query: READ, token }));
    type Edges<Node> = { readonly edges: ReadonlyArray<{ readonly node: Node }> };
    const items = (tasks as Edges<{ media: Edges<{ id: string; url: string; status: string }> }>).edges.flatMap(
      ({ node }) => node.media.edges,
    );
    for (const { node } of items) expect(node.status).toBe('READY');
    expect(items.map(({ node }) => node.id).sort()).toEqual(kept.sort());
    for (const { node } of items) expect((await fetch(node.url)).status).toBe(200);
    const pairs = 'media_id AS media, task_id AS task';
    const relation = await rowsOf(task.url, `SELECT ${pairs} FROM task_media ORDER BY 1, 2`);
    expect(await rowsOf(media.url, `SELECT ${pairs} FROM media_references ORDER BY 1, 2`)).toEqual(relation);
    for (const name of SERVICES) expect(await rowsOf(databases[name].url, 'SELECT * FROM dead_letters')).toEqual([]);
  });
});

describe('a backup', () => {
  it('is refused where anything of it is missing, changed or too much', async () => {
    const scratch = await mkdtemp(path.join(tmpdir(), 'taskgraph-backup-'));
    await using _scratch = { [Symbol.asyncDispose]: () => rm(scratch, { recursive: true, force: true }) };
    await using auth = await cloneDatabase('auth');
    await using task = await cloneDatabase('task');
    await using media = await cloneDatabase('media');
    const whole = path.join(scratch, 'whole');
    await using places = await openPlaces({
      dataDir: path.join(scratch, 'data'),
      databaseUrls: { auth: auth.url, task: task.url, media: media.url },
      bucket: undefined,
      storageEmulatorHost: undefined,
    });
    const { hash } = await takeBackup(places, whole, () => undefined);
    await expect(takeBackup(places, whole, () => undefined)).rejects.toThrow('is there already');
    expect(await verifyBackup(whole, hash)).toMatchObject({ leftOut: [] });
    const faults: ReadonlyArray<readonly [string, (copy: string) => Promise<unknown>, string?]> = [
      ['is missing', (copy) => rm(path.join(copy, 'task/tasks.copy.gz'))],
      ['is not what was written', (copy) => appendFile(path.join(copy, 'auth/users.copy.gz'), 'x')],
      ['does not belong to it', (copy) => writeFile(path.join(copy, 'more'), '')],
      ['was never finished', (copy) => rm(path.join(copy, 'manifest.json'))],
      ['manifest.json is not what was written', (copy) => appendFile(path.join(copy, 'manifest.json'), ' ')],
      ['and not 0000', async () => undefined, '0000'],
    ];
    for (const [index, [said, damage, expected]] of faults.entries()) {
      const copy = path.join(scratch, String(index));
      await cp(whole, copy, { recursive: true });
      await damage(copy);
      await expect(verifyBackup(copy, expected)).rejects.toThrow(said);
    }
  });
});
