#!/usr/bin/env node
// The operator's command: `npx taskgraph --help`. It works from the checkout that it lies in, wherever it is called.
import { existsSync } from 'node:fs';
import path from 'node:path';
import './env-file.mjs';
import { prepareOrExit, root } from './prepare.mjs';

// A reader that has left, as `head` does, has read enough: the command ends as it would, with its own exit code.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
  });

const entry = path.join(root, 'operator/dist/main.js');
// A change of a schema has to be composed, or made a migration of, before anything of it builds.
const worksOnSources = ['migrate', 'schema'].includes(process.argv[2]);
if (!worksOnSources || !existsSync(entry)) await prepareOrExit({ forTests: false });
const { runOperator } = await import(entry);
process.exitCode = await runOperator(process.argv.slice(2));
