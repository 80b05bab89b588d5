#!/usr/bin/env node
// Starts the whole system: `npm start`, `npm start -- --help`.
import { prepareOrExit } from './prepare.mjs';

await prepareOrExit();
process.setSourceMapsEnabled(true);
await import('../embedded/dist/main.js');
