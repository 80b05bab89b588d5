#!/usr/bin/env node
import { runCli } from './cli.js';
import { environment } from './config.js';

process.exitCode = await runCli({
  args: process.argv.slice(2),
  cwd: process.cwd(),
  today: new Date().toISOString().slice(0, 10),
  env: environment,
  print: (text) => process.stdout.write(text),
  printError: (text) => process.stderr.write(text),
});
