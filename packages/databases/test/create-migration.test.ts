import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createMigrator } from '@taskgraph/databases';
import { createEmptyDatabase } from '@taskgraph/testkit';
import { query, tables } from './database-queries.js';
import { createSchemaFixture } from './schema-fixture.js';

describe('create', () => {
  const USERS = 'model User {\n  id    String @id @db.Uuid\n  email String @unique\n  @@map("users")\n}';

  it('writes migration.sql and down.sql for what changed, and nothing when nothing did', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    const migrator = createMigrator({ folder: schema.folder, url: database.url });
    await schema.writeSchema(USERS);
    const first = await migrator.create('First: users!');
    expect(first?.name).toMatch(/^\d{14}_first_users$/);
    expect(await readFile(path.join(schema.folder, 'migrations', 'migration_lock.toml'), 'utf8')).toContain(
      'provider = "postgresql"',
    );
    expect(await readFile(path.join(first?.folder ?? '', 'migration.sql'), 'utf8')).toContain('CREATE TABLE "users"');
    expect(await migrator.create('again')).toBeNull();

    await schema.writeSchema(USERS.replace('  email String @unique\n', '  name String\n  age Int?\n'));
    const second = await migrator.create('rename');
    expect((second?.name ?? '') > (first?.name ?? '')).toBe(true);
    const [up, down] = await Promise.all(
      ['migration.sql', 'down.sql'].map((file) => readFile(path.join(second?.folder ?? '', file), 'utf8')),
    );
    expect(up).toMatch(/ADD COLUMN\s+"age" INTEGER/);
    expect(down).toMatch(/ADD COLUMN\s+"email" TEXT NOT NULL/);
    expect(down).toContain('DROP COLUMN "age"');
    expect(second?.hazards).toEqual(
      expect.arrayContaining([
        expect.stringContaining('"email" with its values'),
        expect.stringContaining('"name" is required'),
      ]),
    );
    expect(up).toMatch(/^\/\*\n {2}Warnings:/);

    expect(await migrator.up()).toMatchObject({ applied: [first?.name, second?.name] });
    expect(await migrator.down(2)).toMatchObject({ undone: [second?.name, first?.name] });
    expect(await tables(database.url)).toEqual(['_prisma_migrations']);
  });

  it('writes an empty migration when asked to, and leaves no scratch database', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    const migrator = createMigrator({ folder: schema.folder, url: database.url });
    await schema.writeSchema(USERS);
    await migrator.create('first');
    const empty = await migrator.create('fill names', { allowEmpty: true });
    expect(await readFile(path.join(empty?.folder ?? '', 'migration.sql'), 'utf8')).toBe('-- Write the change here.\n');
    await migrator.up();
    expect(await migrator.down(2)).toMatchObject({ undone: { length: 2 } });
    expect(
      await query(database.url, `SELECT datname FROM pg_database WHERE datname LIKE '${database.name}_scratch%'`),
    ).toEqual([]);
  });

  it('explains a schema that is not valid, a name that is none, and a migration that does not run', async () => {
    await using schema = await createSchemaFixture();
    await using database = await createEmptyDatabase();
    const migrator = createMigrator({ folder: schema.folder, url: database.url });
    await schema.writeSchema('model User {\n  id Strin @id\n}');
    await expect(migrator.create('first')).rejects.toMatchObject({
      code: 'SCHEMA_INVALID',
      message: expect.stringContaining('Strin'),
    });
    await schema.writeSchema(USERS);
    await expect(migrator.create('…')).rejects.toMatchObject({ code: 'INVALID_NAME' });
    await schema.writeMigration('20260101000000_broken', 'CREATE TABL a (i int);');
    await expect(migrator.create('first')).rejects.toMatchObject({
      code: 'SCRIPT_FAILED',
      message: expect.stringContaining('20260101000000_broken/migration.sql, line 1'),
    });
  });
});
