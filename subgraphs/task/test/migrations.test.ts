import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { createMigrator, withClient } from '@taskgraph/databases';
import { createEmptyDatabase, uuid7 } from '@taskgraph/testkit';

const FOLDER = fileURLToPath(new URL('../../../prisma/task', import.meta.url));

/** A database as it was before a migration, and what takes it to the present. */
async function databaseBefore(migration: string) {
  const database = await createEmptyDatabase('task');
  const migrator = createMigrator({ folder: FOLDER, url: database.url });
  const { applied } = await migrator.up();
  await migrator.down(applied.length - applied.indexOf(migration));
  return { database, up: () => migrator.up(), [Symbol.asyncDispose]: () => database.drop() };
}

const addTask = (url: string, title: string, description: string | null, labels: string[]) =>
  withClient(url, async (client) => {
    const id = uuid7();
    await client.query(
      `INSERT INTO tasks (id, owner_id, title, description, labels, version, updated_at) VALUES ($1, $1, $2, $3, $4, 7, '2026-01-01')`,
      [id, title, description, labels],
    );
    return id;
  });

describe('the migrations of task', () => {
  it('give the texts that are there one form, and change nothing else', async () => {
    await using before = await databaseBefore('20261126172500_canonical_text');
    const { url } = before.database;
    const long = '\u0958'.repeat(200);
    await addTask(url, 'Zoe\u0308', 'e\u0301', ['Zoe\u0308', 'x', 'Zo\u00eb']);
    await addTask(url, 'Plain', null, []);
    await addTask(url, long, null, ['e\u0301']);
    await before.up();
    const { rows } = await withClient(url, (client) =>
      client.query(
        'SELECT title, description, labels, version, extract(year FROM updated_at)::int AS year FROM tasks ORDER BY id',
      ),
    );
    expect(rows).toEqual([
      { title: 'Zo\u00eb', description: '\u00e9', labels: ['Zo\u00eb', 'x'], version: 7, year: 2026 },
      { title: 'Plain', description: null, labels: [], version: 7, year: 2026 },
      { title: long.normalize('NFC').slice(0, 200), description: null, labels: ['\u00e9'], version: 7, year: 2026 },
    ]);
  });

  it('take what others than the uploader had attached for borrowed', async () => {
    await using before = await databaseBefore('20261126172600_borrowed_media');
    const { url } = before.database;
    const [uploader, other, own, foreign, unknown] = [uuid7(), uuid7(), uuid7(), uuid7(), uuid7()];
    const taskId = await addTask(url, 'A task', null, []);
    await withClient(url, async (client) => {
      for (const id of [own, foreign])
        await client.query(`INSERT INTO known_media (media_id, uploader_id, state) VALUES ($1, $2, 'READY')`, [
          id,
          uploader,
        ]);
      for (const [position, [id, by]] of [
        [own, uploader],
        [foreign, other],
        [unknown, other],
      ].entries())
        await client.query(
          'INSERT INTO task_media (task_id, media_id, position, attached_by) VALUES ($1, $2, $3, $4)',
          [taskId, id, position, by],
        );
    });
    await before.up();
    const { rows } = await withClient(url, (client) =>
      client.query('SELECT media_id AS id, borrowed FROM task_media ORDER BY position'),
    );
    expect(rows).toEqual([
      { id: own, borrowed: false },
      { id: foreign, borrowed: true },
      { id: unknown, borrowed: false },
    ]);
  });
});
