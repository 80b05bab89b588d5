#!/usr/bin/env node
// Stands in for the native schema engine that Prisma's CLI starts and that has to be downloaded: answers the same
// JSON-RPC, one message a line, with the same engine as WASM. Run by prisma-compatibility.test.ts.
import path from 'node:path';
import { createInterface } from 'node:readline';
import { openEngine } from '../dist/migrations/schema-engine.js';
import { schemaFolder } from '../dist/migrations/migration-folder.js';

const args = process.argv.slice(2);
const { url } = JSON.parse(args[args.indexOf('--datasource') + 1]);

if (args.includes('can-connect-to-database')) process.exit(0);

const { engine } = await openEngine({ folder: schemaFolder(path.resolve(process.env.TEST_PRISMA_FOLDER)), url });
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  const answer = await engine[method](params).then(
    (result) => ({ result: result ?? null }),
    (error) => ({
      error: {
        code: 4466,
        message: 'An error happened. Check the data field for details.',
        data: { is_panic: false, message: error.message, meta: null, error_code: error.code ?? null },
      },
    }),
  );
  process.stdout.write(`${JSON.stringify({ id, jsonrpc: '2.0', ...answer })}\n`);
}
process.exit(0);
