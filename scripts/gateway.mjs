#!/usr/bin/env node
// Starts the gateway alone: `SUPERGRAPH_PATH=any-federation-2-supergraph.graphql npm run gateway`.
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { prepareOrExit } from './prepare.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
await prepareOrExit();
await import(pathToFileURL(path.join(root, 'gateway/dist/main.js')).href);
