import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createMigrator, withClient, type Migrator, type ProgressLog } from '@taskgraph/databases';
import { createEmptyDatabase, preferForeignSessions } from '@taskgraph/testkit';
import { query, tables } from './database-queries.js';
import { createSchemaFixture } from './schema-fixture.js';

function quietly(): { log: ProgressLog; lines: string[] } {
  const lines: string[] = [];
  const push = (line: string) => void lines.push(line);
  return { log: { debug: push, info: push, warn: push }, lines };
}

const history = (url: string) =>
  query<{ migration_name: string; finished: boolean }>(
    url,
    'SELECT migration_name, finished_at IS NOT NULL AS finished FROM _prisma_migrations ORDER BY started_at',
  );

async function statusNames(migrator: Migrator) {
  const { applied, pending, edited, missing, failed } = await migrator.status();
  return {
    applied: applied.map(({ row }) => row.name),
    pending: pending.map(({ name }) => name),
    edited,
    missing,
    failed: failed.map(({ name }) => name),
  };
}

describe('up', () => {
  it('applies what is pending in the order of names, once', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await schema.writeMigration('20260102000000_second', 'ALTER TABLE a ADD COLUMN j int;');
    await schema.writeMigration('20260101000000_first', 'CREATE TABLE a (i int);');
    const migrator = createMigrator({ folder: schema.folder, url: database.url });
    expect(await migrator.up()).toEqual({ applied: ['20260101000000_first', '20260102000000_second'] });
    expect(await migrator.up()).toEqual({ applied: [] });
    expect(await statusNames(migrator)).toEqual({
      applied: ['20260101000000_first', '20260102000000_second'],
      pending: [],
      edited: [],
      missing: [],
      failed: [],
    });
  });

  it('moves instants in UTC, whatever zone the database is in, also after a script that has changed it', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await preferForeignSessions(database);
    await schema.writeMigration('20260101000000_first', `SET timezone = 'Asia/Tokyo'; CREATE TABLE a (i timestamptz);`);
    await schema.writeMigration('20260102000000_second', `INSERT INTO a VALUES ('2027-03-28 02:30:00');`);
    await createMigrator({ folder: schema.folder, url: database.url }).up();
    expect(await query(database.url, 'SELECT extract(epoch FROM i)::float8 * 1000 AS i FROM a')).toEqual([
      { i: Date.parse('2027-03-28T02:30:00Z') },
    ]);
  });

  it('creates the database when there is none', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await database.drop();
    await schema.writeMigration('20260101000000_first', 'CREATE TABLE a (i int);');
    await createMigrator({ folder: schema.folder, url: database.url }).up();
    expect(await tables(database.url)).toEqual(['_prisma_migrations', 'a']);
  });

  it('rolls a failing migration back, leaves no row, names line and statement, and goes on when it is corrected', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await schema.writeMigration('20260101000000_first', 'CREATE TABLE a (i int);');
    const second = await schema.writeMigration(
      '20260102000000_second',
      'CREATE TABLE b (i int);\nINSERT INTO b VALUES (1);\n\nINSERT INTO b\n  VALUES (1/0);\nCREATE TABLE c (i int);',
    );
    const migrator = createMigrator({ folder: schema.folder, url: database.url });
    const failure = await migrator.up().catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'SCRIPT_FAILED',
      message: expect.stringMatching(
        /^shop\/migrations\/20260102000000_second\/migration\.sql, line 4: division by zero \(22012\)\n {4}INSERT INTO b\n {6}VALUES \(1\/0\)$/,
      ),
      advice: expect.stringContaining('the database is as it was before'),
    });
    expect(await tables(database.url)).toEqual(['_prisma_migrations', 'a']);
    expect(await history(database.url)).toEqual([{ migration_name: '20260101000000_first', finished: true }]);

    await writeFile(path.join(second, 'migration.sql'), 'CREATE TABLE b (i int);');
    expect(await migrator.up()).toEqual({ applied: ['20260102000000_second'] });
  });

  it('tells the line of a fault that PostgreSQL finds while it reads a statement', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await schema.writeMigration(
      '20260101000000_first',
      'CREATE TABLE a (i int);\nCREATE TABLE b (\n  i int,\n  j nosuchtype\n);',
    );
    await expect(createMigrator({ folder: schema.folder, url: database.url }).up()).rejects.toThrow(
      'line 4: type "nosuchtype" does not exist',
    );
  });

  it('runs scripts with semicolons in function bodies', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await schema.writeMigration(
      '20260101000000_first',
      'CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; RETURN 1; END $$;\nCREATE TABLE a (i int DEFAULT one());',
    );
    await createMigrator({ folder: schema.folder, url: database.url }).up();
    expect(await query(database.url, 'SELECT one()')).toEqual([{ one: 1 }]);
  });

  it('refuses to go on when an applied migration was edited', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    const first = await schema.writeMigration('20260101000000_first', 'CREATE TABLE a (i int);');
    const migrator = createMigrator({ folder: schema.folder, url: database.url });
    await migrator.up();
    await writeFile(path.join(first, 'migration.sql'), 'CREATE TABLE a (i bigint);');
    await schema.writeMigration('20260102000000_second', 'CREATE TABLE b (i int);');
    await expect(migrator.up()).rejects.toMatchObject({
      code: 'EDITED_MIGRATION',
      message: expect.stringContaining('20260101000000_first'),
    });
    expect(await tables(database.url)).toEqual(['_prisma_migrations', 'a']);
    expect(await statusNames(migrator)).toMatchObject({
      edited: ['20260101000000_first'],
      pending: ['20260102000000_second'],
    });
  });

  it('does not take other line ends for an edit', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    const first = await schema.writeMigration('20260101000000_first', 'CREATE TABLE a (\n  i int\n);\n');
    const migrator = createMigrator({ folder: schema.folder, url: database.url });
    await migrator.up();
    await writeFile(path.join(first, 'migration.sql'), 'CREATE TABLE a (\r\n  i int\r\n);\r\n');
    expect(await migrator.up()).toEqual({ applied: [] });
  });

  it('lets older code meet a newer database, and refuses histories that have parted', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    const { log, lines } = quietly();
    await schema.writeMigration('20260101000000_first', 'CREATE TABLE a (i int);');
    const newer = await schema.writeMigration('20260102000000_newer', 'CREATE TABLE b (i int);');
    const migrator = createMigrator({ folder: schema.folder, url: database.url, log });
    await migrator.up();
    await rm(newer, { recursive: true });
    expect(await migrator.up()).toEqual({ applied: [] });
    expect(lines.join('\n')).toContain('the database is ahead of this code');
    await schema.writeMigration('20260103000000_other', 'CREATE TABLE c (i int);');
    await expect(migrator.up()).rejects.toMatchObject({ code: 'CONFLICTING_HISTORY' });
  });

  it('serialises runners: two at once apply everything once', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await schema.writeMigration('20260101000000_first', 'CREATE TABLE a (i int); SELECT pg_sleep(0.3);');
    await schema.writeMigration('20260102000000_second', 'CREATE TABLE b (i int);');
    const runners = [quietly(), quietly(), quietly()];
    const outcomes = await Promise.all(
      runners.map(({ log }) => createMigrator({ folder: schema.folder, url: database.url, log }).up()),
    );
    expect(outcomes.map(({ applied }) => applied.length).sort()).toEqual([0, 0, 2]);
    expect(runners.filter(({ lines }) => lines.some((line) => line.includes('another runner')))).toHaveLength(2);
    expect(await history(database.url)).toHaveLength(2);
  });

  it('waits for another runner that builds an index concurrently, which waits for nobody that waits for it', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await schema.writeMigration('20260101000000_first', 'CREATE TABLE a (i int);');
    await createMigrator({ folder: schema.folder, url: database.url }).up();
    await schema.writeMigration('20260102000000_second', 'CREATE INDEX CONCURRENTLY a_i ON a (i);');
    const runner = () => {
      const { log, lines } = quietly();
      return { lines, done: createMigrator({ folder: schema.folder, url: database.url, log }).up() };
    };
    await withClient(database.url, async (writer) => {
      const until = async (condition: () => boolean | Promise<boolean>) => {
        while (!(await condition())) await writer.query('SELECT pg_sleep(0.02)');
      };
      // The index waits for this transaction.
      await writer.query('BEGIN; INSERT INTO a VALUES (1)');
      const first = runner();
      await until(
        async () =>
          (
            await query<{ pid: number }>(
              database.url,
              `SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock'`,
            )
          ).length > 0,
      );
      const others = [runner(), runner()];
      await until(() => others.every(({ lines }) => lines.some((line) => line.includes('another runner'))));
      await writer.query('COMMIT');
      expect(await first.done).toEqual({ applied: ['20260102000000_second'] });
      for (const { done } of others) expect(await done).toEqual({ applied: [] });
    });
  });

  it('gives up when another runner does not end', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await schema.writeMigration('20260101000000_first', 'CREATE TABLE a (i int);');
    await withClient(database.url, async (other) => {
      await other.query('SELECT pg_advisory_lock(72707369)');
      await expect(
        createMigrator({ folder: schema.folder, url: database.url, lockWaitMs: 50 }).up(),
      ).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
    });
  });

  it('gives up, and rolls back, when a table stays locked', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await schema.writeMigration('20260101000000_first', 'CREATE TABLE a (i int);');
    await createMigrator({ folder: schema.folder, url: database.url }).up();
    await schema.writeMigration('20260102000000_second', 'CREATE TABLE b (i int); ALTER TABLE a ADD COLUMN j int;');
    await withClient(database.url, async (other) => {
      await other.query('BEGIN; LOCK TABLE a');
      await expect(
        createMigrator({ folder: schema.folder, url: database.url, tableLockWaitMs: 50 }).up(),
      ).rejects.toMatchObject({
        code: 'SCRIPT_FAILED',
        advice: expect.stringContaining('holds a lock'),
      });
    });
    expect(await tables(database.url)).toEqual(['_prisma_migrations', 'a']);
  });

  it('refuses a script that ends its own transaction, before it runs any of it', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await schema.writeMigration('20260101000000_first', 'CREATE TABLE a (i int);\nCOMMIT;\nCREATE TABLE b (i int);');
    await expect(createMigrator({ folder: schema.folder, url: database.url }).up()).rejects.toMatchObject({
      code: 'UNSUITABLE_SCRIPT',
      message: expect.stringContaining('line 2: COMMIT'),
    });
    expect(await tables(database.url)).toEqual(['_prisma_migrations']);
  });

  it('runs a statement that cannot be in a transaction alone, and keeps book of its failure', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    const migrator = createMigrator({ folder: schema.folder, url: database.url });
    await schema.writeMigration('20260101000000_first', 'CREATE TABLE a (i int); INSERT INTO a VALUES (1), (1);');
    const second = await schema.writeMigration(
      '20260102000000_index',
      'CREATE UNIQUE INDEX CONCURRENTLY a_i ON a (i);',
      'DROP INDEX CONCURRENTLY a_i;',
    );
    await expect(migrator.up()).rejects.toMatchObject({
      code: 'SCRIPT_FAILED',
      advice: expect.stringContaining('may have left something behind'),
    });
    expect(await statusNames(migrator)).toMatchObject({ failed: ['20260102000000_index'] });
    await expect(migrator.up()).rejects.toMatchObject({
      code: 'FAILED_MIGRATION',
      advice: expect.stringContaining('resolve 20260102000000_index'),
    });

    await query(database.url, 'DROP INDEX a_i');
    await writeFile(path.join(second, 'migration.sql'), 'CREATE INDEX CONCURRENTLY a_i ON a (i);');
    await migrator.resolve('20260102000000_index');
    expect(await migrator.up()).toEqual({ applied: ['20260102000000_index'] });
    expect(await migrator.down()).toEqual({ undone: ['20260102000000_index'] });
    await expect(migrator.resolve('20260102000000_index')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('refuses such a statement among others', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await schema.writeMigration(
      '20260101000000_first',
      'CREATE TABLE a (i int);\nCREATE INDEX CONCURRENTLY a_i ON a (i);',
    );
    await expect(createMigrator({ folder: schema.folder, url: database.url }).up()).rejects.toMatchObject({
      code: 'UNSUITABLE_SCRIPT',
      message: expect.stringContaining('line 2'),
    });
  });

  it('says that the server does not answer, and that it refuses the password', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    const url = new URL(database.url);
    url.password = 'wrong';
    await expect(createMigrator({ folder: schema.folder, url: url.href }).up()).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringContaining('refuses'),
    });
    url.port = '1';
    await expect(createMigrator({ folder: schema.folder, url: url.href }).up()).rejects.toMatchObject({
      code: 'DATABASE_UNREACHABLE',
      message: expect.stringContaining('does not answer'),
    });
  });
});

describe('down', () => {
  it('undoes the last migrations, the latest first, together with their rows', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    for (const letter of ['a', 'b', 'c'])
      await schema.writeMigration(
        `2026010100000${letter.charCodeAt(0) - 97}_${letter}`,
        `CREATE TABLE ${letter} (i int);`,
        `DROP TABLE ${letter};`,
      );
    const migrator = createMigrator({ folder: schema.folder, url: database.url });
    await migrator.up();
    expect(await migrator.down()).toEqual({ undone: ['20260101000002_c'] });
    expect(await tables(database.url)).toEqual(['_prisma_migrations', 'a', 'b']);
    expect(await migrator.down(9)).toEqual({ undone: ['20260101000001_b', '20260101000000_a'] });
    expect(await history(database.url)).toEqual([]);
    expect(await migrator.down()).toEqual({ undone: [] });
  });

  it('changes nothing when a later statement of down.sql fails', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await schema.writeMigration(
      '20260101000000_first',
      'CREATE TABLE a (i int); INSERT INTO a VALUES (7);',
      'DROP TABLE a;\nDROP TABLE nosuch;',
    );
    const migrator = createMigrator({ folder: schema.folder, url: database.url });
    await migrator.up();
    await expect(migrator.down()).rejects.toMatchObject({
      code: 'SCRIPT_FAILED',
      message: expect.stringContaining('down.sql, line 2: table "nosuch" does not exist'),
    });
    expect(await query(database.url, 'SELECT i FROM a')).toEqual([{ i: 7 }]);
    expect(await history(database.url)).toEqual([{ migration_name: '20260101000000_first', finished: true }]);
  });

  it('refuses a migration without down.sql, before it undoes the ones after it', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await schema.writeMigration('20260101000000_first', 'CREATE TABLE a (i int);');
    await schema.writeMigration('20260102000000_second', 'CREATE TABLE b (i int);', 'DROP TABLE b;');
    const migrator = createMigrator({ folder: schema.folder, url: database.url });
    await migrator.up();
    await expect(migrator.down(2)).rejects.toMatchObject({
      code: 'MISSING_DOWN',
      message: expect.stringContaining('20260101000000_first has no down.sql'),
    });
    expect(await tables(database.url)).toEqual(['_prisma_migrations', 'a', 'b']);
  });
});

describe('reset', () => {
  it('drops what is there, known or not, and applies everything', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    await schema.writeMigration('20260101000000_first', 'CREATE TABLE a (i int);');
    const migrator = createMigrator({ folder: schema.folder, url: database.url });
    await migrator.up();
    await query(database.url, 'INSERT INTO a VALUES (1); CREATE TABLE stray (i int)');
    expect(await migrator.reset()).toEqual({ applied: ['20260101000000_first'] });
    expect(await tables(database.url)).toEqual(['_prisma_migrations', 'a']);
    expect(await query(database.url, 'SELECT i FROM a')).toEqual([]);
  });
});
