#!/usr/bin/env node
// Starts the gateway alone: `SUPERGRAPH_PATH=any-federation-2-supergraph.graphql npm run gateway`.
import './env-file.mjs';
import { prepareOrExit } from './prepare.mjs';
import { spawnNode } from './system-process.mjs';

/**
 * A request leaves nothing behind but garbage; a large young generation collects it in passing, for a third less CPU. While that is still
 * small, at the start, all that is under way outlives it, and V8 would learn to put such objects among the old ones for good.
 */
const NODE_FLAGS = ['--max-semi-space-size=64', '--no-allocation-site-pretenuring'];

await prepareOrExit({ forTests: false });
const gateway = spawnNode('gateway/dist/main.js', { flags: NODE_FLAGS, parameters: [] });
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => gateway.kill('SIGTERM'));
// A terminal sends Ctrl-C to both processes by itself, and a second one would end the gateway at once.
process.on('SIGINT', () => process.stdin.isTTY || gateway.kill('SIGINT'));
process.exitCode = await gateway.ended;
