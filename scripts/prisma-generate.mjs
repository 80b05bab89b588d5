#!/usr/bin/env node
// Generates the Prisma client of one subgraph: `node scripts/prisma-generate.mjs <auth|task|media>`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const name = process.argv[2];
if (!name || !/^[a-z]+$/.test(name)) {
  console.error('Usage: node scripts/prisma-generate.mjs <auth|task|media>');
  process.exit(2);
}
const schema = path.join(root, 'prisma', name, 'schema.prisma');
if (!existsSync(schema)) {
  console.error(`There is no ${path.relative(root, schema)}.`);
  process.exit(1);
}

const { status, error } = spawnSync(
  process.execPath,
  [createRequire(import.meta.url).resolve('prisma/build/index.js'), 'generate', '--schema', schema, '--no-hints'],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      // `generate` runs on WASM, yet the CLI downloads a schema engine first unless this names an existing executable.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
  },
);
if (error) throw error;
process.exit(status ?? 1);
