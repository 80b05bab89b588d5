#!/usr/bin/env node
// Starts the whole system: `npm start`, `npm start -- --help`.
import { prepareOrExit } from './prepare.mjs';

const startedAt = performance.timeOrigin;
await prepareOrExit();
process.setSourceMapsEnabled(true);
const { main } = await import('../embedded/dist/main.js');
await main(process.argv.slice(2), { startedAt });
