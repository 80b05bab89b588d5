#!/usr/bin/env node
// Runs a command of auth: `npm run grant-admin`, `reset-second-factor`, `keys`, `audit:verify`. Where AUTH_DATABASE_URL is unset it works on the
// embedded PostgreSQL of a system that runs, with the secrets of its data folder.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import './env-file.mjs';
import { prepareOrExit, root } from './prepare.mjs';

const EXIT_CONFIG = 78;

await prepareOrExit();
const [command] = process.argv.splice(2, 1);
if (!process.env.AUTH_DATABASE_URL) {
  const { dataDir, findEmbedded } = await import('./embedded-database.mjs');
  const url = await findEmbedded('auth');
  if (url === null) {
    process.stderr.write(
      `AUTH_DATABASE_URL is not set, and no system runs on ${dataDir}.\n→ Set it, or start the system: npm start\n`,
    );
    process.exit(EXIT_CONFIG);
  }
  process.env.AUTH_DATABASE_URL = url;
  process.env.AUTH_KEY_ENCRYPTION_SECRET ||= JSON.parse(
    readFileSync(path.join(dataDir, 'secrets.json'), 'utf8'),
  ).AUTH_KEY_ENCRYPTION_SECRET;
}
await import(path.join(root, 'subgraphs/auth/dist', `${command}.js`));
