#!/usr/bin/env node
import { runCli } from './cli.js';
import { environment } from './config.js';

// A reader that has left, as `head` does, has read enough: the command ends as it would, with its own exit code.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

process.exitCode = await runCli({
  args: process.argv.slice(2),
  cwd: process.cwd(),
  today: new Date().toISOString().slice(0, 10),
  env: environment,
  print: (text) => process.stdout.write(text),
  printError: (text) => process.stderr.write(text),
});
