// Jest loads this file outside of its module registry, so it runs from what is built.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const built = new URL('../dist/test-databases.js', import.meta.url);

/** Starts one PostgreSQL for all test files and builds the template databases that they clone. */
export default async function globalSetup() {
  if (!existsSync(fileURLToPath(built))) {
    throw new Error('The test kit is not built. Run: npx tsc -b packages/testkit (npm test does it by itself).');
  }
  const { startTestDatabases } = await import(built.href);
  globalThis.taskgraphTestDatabases = await startTestDatabases();
}
