import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface SchemaFixture extends AsyncDisposable {
  /** The folder that holds schema.prisma and migrations/. */
  readonly folder: string;
  writeSchema(models: string): Promise<void>;
  /** Writes a migration; without `down` it has no down.sql. */
  writeMigration(name: string, up: string, down?: string): Promise<string>;
}

const HEAD = `generator client {
  provider = "prisma-client"
  output   = "./generated"
}

datasource db {
  provider = "postgresql"
}
`;

/** Makes an empty folder for the schema and migrations of one database called `shop`. */
export async function createSchemaFixture(): Promise<SchemaFixture> {
  const parent = await mkdtemp(path.join(tmpdir(), 'taskgraph-schema-'));
  const folder = path.join(parent, 'shop');
  await mkdir(folder);
  return {
    folder,
    writeSchema: (models) => writeFile(path.join(folder, 'schema.prisma'), `${HEAD}\n${models}\n`),
    async writeMigration(name, up, down) {
      const own = path.join(folder, 'migrations', name);
      await mkdir(own, { recursive: true });
      await writeFile(path.join(own, 'migration.sql'), up);
      if (down !== undefined) await writeFile(path.join(own, 'down.sql'), down);
      return own;
    },
    [Symbol.asyncDispose]: () => rm(parent, { recursive: true, force: true }),
  };
}
