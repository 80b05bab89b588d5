#!/usr/bin/env node
// Starts the whole system: `npm start`, `npm start -- --help`.
import { readFileSync } from 'node:fs';
import './env-file.mjs';

const parameters = process.argv.slice(2);
if (parameters.some((parameter) => parameter === '--help' || parameter === '-h')) {
  process.stdout.write(readFileSync(new URL('../embedded/help.txt', import.meta.url)));
  process.exit(0);
}
const { prepareOrExit } = await import('./prepare.mjs');
const { spawnSystem } = await import('./system-process.mjs');
const { whenStarterIsGone } = await import('./starter.mjs');
await prepareOrExit({ forTests: false });
const system = spawnSystem(parameters);
// Ctrl-C reaches both processes by itself, other signals this one only; the system takes two at once for one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => system.kill(signal));
whenStarterIsGone(() => system.kill('SIGTERM'));
process.exitCode = await system.ended;
