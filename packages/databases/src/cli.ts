#!/usr/bin/env node
// The entry of the image that migrates; in a checkout it is `npx taskgraph migrate`.
import { runMigrateCli } from './migrate-command.js';

process.exitCode = await runMigrateCli(process.argv.slice(2));
