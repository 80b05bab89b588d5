#!/usr/bin/env node
// Starts the whole system: `npm start`, `npm start -- --help`.
import { prepareOrExit } from './prepare.mjs';
import { spawnSystem } from './system-process.mjs';

await prepareOrExit();
const system = spawnSystem(process.argv.slice(2));
// Ctrl-C reaches both processes by itself, other signals this one only; the system takes two at once for one.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => system.kill(signal));
process.exitCode = await system.ended;
