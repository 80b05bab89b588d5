import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg';
import { createMigrator, listMigrations, withClient, type SchemaFolder } from '@taskgraph/databases';
import { createEmptyDatabase } from '@taskgraph/testkit';
import { NO_FILTERS, openEngine, toMigrationList } from '../src/migrations/schema-engine.js';
import { describeCatalogue } from './catalogue.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const ROOT = path.join(HERE, '../../..');
const PRISMA = path.join(ROOT, 'prisma');

const names = readdirSync(PRISMA, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

const TABLE = `SELECT column_name, data_type, character_maximum_length, is_nullable, column_default
                 FROM information_schema.columns WHERE table_name = '_prisma_migrations' ORDER BY ordinal_position`;
const ROWS = `SELECT migration_name, checksum, logs, rolled_back_at, applied_steps_count, length(id) AS id_length, finished_at >= started_at AS finished
                FROM _prisma_migrations ORDER BY started_at`;

const read = (url: string, sql: string) =>
  withClient(url, async (client) => (await client.query(sql)).rows as unknown[]);

// The engine waits for its lock with a timer of 10 s that it never takes back; the test need not wait for that one.
const { setTimeout: setTimer } = globalThis;
beforeAll(() => {
  globalThis.setTimeout = ((...args: Parameters<typeof setTimer>) => setTimer(...args).unref()) as typeof setTimer;
});
afterAll(() => {
  globalThis.setTimeout = setTimer;
});

/** Each use is a run of the CLI of its own: the engine holds its lock until its connection ends. */
async function withEngine<Result>(
  folder: SchemaFolder,
  url: string,
  work: (engine: SchemaEngine) => Promise<Result>,
): Promise<Result> {
  await using prisma = await openEngine({ folder, url });
  return await work(prisma.engine);
}

/** Runs `prisma migrate …`. Its native engine has to be downloaded; the same engine as WASM stands in for it. */
function prismaMigrate(name: string, databaseUrl: string, command: string): Promise<{ code: number; output: string }> {
  const cli = createRequire(import.meta.url).resolve('prisma/build/index.js');
  const env = {
    PATH: process.env['PATH'],
    [`${name.toUpperCase()}_DATABASE_URL`]: databaseUrl,
    PRISMA_SCHEMA_ENGINE_BINARY: path.join(HERE, 'wasm-schema-engine.mjs'),
    TEST_PRISMA_FOLDER: path.join(PRISMA, name),
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
  };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [cli, 'migrate', command, '--config', path.join(PRISMA, name, 'prisma.config.ts')],
      { cwd: ROOT, env },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
    );
  });
}

describe.each(names)("the history of %s and Prisma's engine", (name) => {
  const folder = path.join(PRISMA, name);

  it('is what the engine writes itself', async () => {
    await using ours = await createEmptyDatabase(name);
    await using theirs = await createEmptyDatabase(name);
    const migrator = createMigrator({ folder, url: ours.url });
    await migrator.up();
    const migrationsList = toMigrationList(migrator.folder, await listMigrations(migrator.folder));
    await withEngine(migrator.folder, theirs.url, (engine) =>
      engine.applyMigrations({ migrationsList, filters: NO_FILTERS }),
    );
    expect(await read(ours.url, ROWS)).toEqual(await read(theirs.url, ROWS));
    expect(await read(ours.url, ROWS)).not.toHaveLength(0);
    expect(await read(ours.url, TABLE)).toEqual(await read(theirs.url, TABLE));
    expect(await describeCatalogue(ours.url)).toEqual(await describeCatalogue(theirs.url));
    expect(await createMigrator({ folder, url: theirs.url }).up()).toEqual({ applied: [] });
  });

  it('is in order for the engine, which finds nothing to deploy, and after a step down deploys that step', async () => {
    await using database = await createEmptyDatabase(name);
    const migrator = createMigrator({ folder, url: database.url });
    await migrator.up();
    const migrationsList = toMigrationList(migrator.folder, await listMigrations(migrator.folder));
    const diagnose = () =>
      withEngine(migrator.folder, database.url, (engine) =>
        engine.diagnoseMigrationHistory({ migrationsList, optInToShadowDatabase: false, filters: NO_FILTERS }),
      );
    const deploy = () =>
      withEngine(migrator.folder, database.url, (engine) =>
        engine.applyMigrations({ migrationsList, filters: NO_FILTERS }),
      );

    const inOrder = { editedMigrationNames: [], failedMigrationNames: [], hasMigrationsTable: true, history: null };
    expect(await diagnose()).toEqual(inOrder);
    expect(await deploy()).toEqual({ appliedMigrationNames: [] });

    const { undone } = await migrator.down();
    expect(await diagnose()).toEqual({
      ...inOrder,
      history: { diagnostic: 'databaseIsBehind', unappliedMigrationNames: undone },
    });
    expect(await deploy()).toEqual({ appliedMigrationNames: undone });
    expect(await migrator.up()).toEqual({ applied: [] });
  });

  it("is accepted by Prisma's CLI, which deploys what a step down has undone", async () => {
    await using database = await createEmptyDatabase(name);
    const migrator = createMigrator({ folder, url: database.url });
    await migrator.up();
    expect(await prismaMigrate(name, database.url, 'status')).toMatchObject({
      code: 0,
      output: expect.stringContaining('Database schema is up to date!'),
    });
    expect(await prismaMigrate(name, database.url, 'deploy')).toMatchObject({
      code: 0,
      output: expect.stringContaining('No pending migrations to apply.'),
    });

    const [undone] = (await migrator.down()).undone;
    expect(await prismaMigrate(name, database.url, 'status')).toMatchObject({
      code: 1,
      output: expect.stringContaining(undone as string),
    });
    expect(await prismaMigrate(name, database.url, 'deploy')).toMatchObject({
      code: 0,
      output: expect.stringContaining('All migrations have been successfully applied.'),
    });
    expect(await migrator.up()).toEqual({ applied: [] });
  });
});
