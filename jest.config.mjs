import { fileURLToPath } from 'node:url';

/** Jest runs the sources as they are: TypeScript through SWC, ES modules, workspace packages by their `source` export. */
const shared = {
  rootDir: fileURLToPath(new URL('.', import.meta.url)),
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testEnvironment: '<rootDir>/packages/testkit/jest/environment.mjs',
  testEnvironmentOptions: { customExportConditions: ['source', 'node', 'node-addons'] },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  modulePathIgnorePatterns: [
    '<rootDir>/\\.data/',
    '<rootDir>/\\.images/',
    '<rootDir>/\\.tools/',
    '<rootDir>/\\.turbo/',
  ],
};

/** One PostgreSQL for all test files; each file clones a migrated template. */
const onPostgres = {
  globalSetup: '<rootDir>/packages/testkit/jest/global-setup.mjs',
  globalTeardown: '<rootDir>/packages/testkit/jest/global-teardown.mjs',
};

/** There are no retries: a flaky test is a bug. */
export default {
  maxWorkers: 2,
  // Node 20 keeps ES modules that a test file has loaded for as long as the process lives, and a worker takes a new set with every file.
  // Near the limit of its heap a worker does little but collect garbage, and then ends; a new one takes its place before that.
  workerIdleMemoryLimit: '900MB',
  errorOnDeprecated: true,
  // For tests that hang: what waits for other processes takes long where neighbours are busy.
  testTimeout: 300_000,
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: [
        '<rootDir>/{packages,subgraphs}/*/src/**/*.test.ts',
        '<rootDir>/{gateway,embedded,operator}/src/**/*.test.ts',
      ],
    },
    { ...shared, ...onPostgres, displayName: 'subgraph', testMatch: ['<rootDir>/subgraphs/*/test/**/*.test.ts'] },
    {
      ...shared,
      ...onPostgres,
      displayName: 'graph',
      testMatch: ['<rootDir>/{gateway,embedded,operator}/test/**/*.test.ts', '<rootDir>/packages/*/test/**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '/gateway/test/contract/'],
    },
    { ...shared, displayName: 'contract', testMatch: ['<rootDir>/gateway/test/contract/**/*.test.ts'] },
    { ...shared, displayName: 'deployment', testMatch: ['<rootDir>/deployment/test/**/*.test.ts'] },
    { ...shared, ...onPostgres, displayName: 'story', testMatch: ['<rootDir>/e2e/**/*.test.ts'] },
  ],
};
