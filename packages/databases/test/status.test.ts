import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from '@jest/globals';
import { createMigrator, inspectSchema, withClient } from '@taskgraph/databases';
import { createEmptyDatabase } from '@taskgraph/testkit';
import { reportStatus } from '../src/cli-status.js';
import { createSchemaFixture } from './schema-fixture.js';

const ITEMS = 'model Item {\n  id Int @id\n  name String\n  @@map("items")\n}';

it('tells drift from schema changes without a migration, and names both', async () => {
  await using schema = await createSchemaFixture();
  await using database = await createEmptyDatabase();
  await schema.writeSchema(ITEMS);
  const migrator = createMigrator({ folder: schema.folder, url: database.url });
  await migrator.create('first');
  await migrator.up();
  const look = async () => {
    const state = await migrator.status();
    return reportStatus('shop', state, await inspectSchema(migrator, database.url, state));
  };
  expect(await look()).toMatchObject({
    inOrder: true,
    lines: [
      expect.stringContaining('1 applied, 0 pending'),
      expect.stringContaining('✓'),
      expect.stringContaining('No drift'),
    ],
  });

  await schema.writeSchema(ITEMS.replace('name String', 'name String\n  price Int?'));
  const changed = await look();
  expect(changed.inOrder).toBe(false);
  expect(changed.lines.join('\n')).toMatch(/changes without a migration[\s\S]*ADD COLUMN\s+"price"/);
  expect(changed.lines.join('\n')).not.toContain('DRIFT');

  await schema.writeSchema(ITEMS);
  await withClient(database.url, (client) => client.query('ALTER TABLE items ADD COLUMN stray int'));
  const drifted = await look();
  expect(drifted.inOrder).toBe(false);
  expect(drifted.lines.join('\n')).toMatch(/DRIFT[\s\S]*items[\s\S]*stray/);
  expect(drifted.lines.join('\n')).not.toContain('without a migration (');
});

it('lists what is pending, edited and out of order', async () => {
  await using schema = await createSchemaFixture();
  await using database = await createEmptyDatabase();
  await schema.writeSchema(ITEMS);
  const later = await schema.writeMigration(
    '20260105000000_later',
    'CREATE TABLE items (id int PRIMARY KEY, name text NOT NULL);',
  );
  const migrator = createMigrator({ folder: schema.folder, url: database.url });
  await migrator.up();
  await schema.writeMigration('20260101000000_earlier', 'CREATE TABLE a (i int);');
  await writeFile(path.join(later, 'migration.sql'), 'CREATE TABLE items (id int PRIMARY KEY);');
  const state = await migrator.status();
  expect(await inspectSchema(migrator, database.url, state)).toBeNull();
  const { lines, inOrder } = reportStatus('shop', state, null);
  expect(inOrder).toBe(false);
  expect(lines).toEqual([
    'shop: 1 applied, 1 pending',
    expect.stringMatching(
      /^ {2}! 20260105000000_later {2}applied \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC {2}EDITED after it was applied$/,
    ),
    '  · 20260101000000_earlier  pending, older than what is applied',
    expect.stringContaining('Drift was not looked for'),
  ]);
});
