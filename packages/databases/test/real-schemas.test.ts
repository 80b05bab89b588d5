import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { createMigrator, inspectSchema, listMigrations } from '@taskgraph/databases';
import { createEmptyDatabase } from '@taskgraph/testkit';
import { describeCatalogue } from './catalogue.js';
import { fillTables } from './sample-rows.js';

const PRISMA = fileURLToPath(new URL('../../../prisma', import.meta.url));
const names = readdirSync(PRISMA, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

it('finds the schemas', () => {
  expect(names).toEqual(['auth', 'media', 'task']);
});

describe.each(names)('the migrations of %s', (name) => {
  const folder = path.join(PRISMA, name);

  it('make what schema.prisma says, without drift', async () => {
    await using database = await createEmptyDatabase(name);
    const migrator = createMigrator({ folder, url: database.url });
    const { applied } = await migrator.up();
    expect(applied.length).toBeGreaterThan(0);
    expect(await inspectSchema(migrator, database.url, await migrator.status())).toEqual({
      drift: null,
      unmigrated: null,
    });
  });

  it('can each be undone with rows in the tables, down to nothing, and give the same schema again', async () => {
    await using database = await createEmptyDatabase(name);
    const migrator = createMigrator({ folder, url: database.url });
    const migrations = await listMigrations(migrator.folder);
    const empty = await describeCatalogue(database.url);

    await migrator.up();
    const whole = await describeCatalogue(database.url);
    expect(whole.length).toBeGreaterThan(empty.length);
    for (const migration of [...migrations].reverse()) {
      const rows = await fillTables(database.url);
      expect(Object.values(rows).every((count) => count > 0)).toBe(true);
      expect(await migrator.down()).toEqual({ undone: [migration.name] });
    }
    expect(await describeCatalogue(database.url)).toEqual(empty);

    expect(await migrator.up()).toEqual({ applied: migrations.map((migration) => migration.name) });
    expect(await describeCatalogue(database.url)).toEqual(whole);
    expect(await inspectSchema(migrator, database.url, await migrator.status())).toEqual({
      drift: null,
      unmigrated: null,
    });
  });

  it('can be applied again after each step down, with rows in the tables', async () => {
    await using database = await createEmptyDatabase(name);
    const migrator = createMigrator({ folder, url: database.url });
    const { applied } = await migrator.up();
    const whole = await describeCatalogue(database.url);
    for (let steps = 1; steps <= applied.length; steps += 1) {
      await fillTables(database.url);
      await migrator.down(steps);
      await migrator.up();
      expect(await describeCatalogue(database.url)).toEqual(whole);
      await migrator.reset();
    }
  });
});
