import { fileURLToPath } from 'node:url';
import js from '@eslint/js';
import graphql from '@graphql-eslint/eslint-plugin';
import tseslint from 'typescript-eslint';
import { sdlRules } from './packages/schema-check/lint-rules.mjs';

const TESTS = ['**/*.test.ts', '**/test/**', 'deployment/**', 'e2e/**', 'packages/testkit/**'];
const SCRIPTS = ['scripts/**/*.mjs', '**/*.mjs', '*.js', '*.cjs'];

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: a default export has another name in every file that imports it.',
};
const noEnvironment = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'Settings are read in config.ts, where all faults are reported together.',
};

const noBareSession = {
  selector: "NewExpression[callee.object.name='pg']:not(:has(CallExpression[callee.name='databaseSession']))",
  message: 'A session in another zone reads and writes other instants: connect with databaseSession(url).',
};

export default tseslint.config(
  {
    ignores: [
      '**/node_modules/',
      '**/dist/',
      '**/generated/',
      '**/.data/',
      '**/.tools/',
      '**/.turbo/',
      'prisma/*/prisma.config.ts',
      'gateway/supergraph.graphql',
    ],
  },
  {
    files: ['**/*.ts', '**/*.tsx', '**/*.mjs', '**/*.js', '**/*.cjs'],
    extends: [js.configs.recommended],
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'max-lines': ['error', { max: 400 }],
      'no-console': 'off',
      // Control characters are looked for in order to refuse them.
      'no-control-regex': 'off',
      'prefer-const': 'error',
    },
  },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.tests.json', './examples/*/tsconfig.json'],
        tsconfigRootDir: fileURLToPath(new URL('.', import.meta.url)),
      },
    },
    rules: {
      'no-restricted-syntax': ['error', noDefaultExport, noEnvironment, noBareSession],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // An async function without await is how a synchronous implementation meets an asynchronous interface.
      '@typescript-eslint/require-await': 'off',
      // Rejecting with what was caught is passing it on.
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      // Ids and counts in messages are what templates are for.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: true },
      ],
    },
  },
  {
    files: ['**/config.ts', 'embedded/**/*.ts', ...TESTS],
    ignores: SCRIPTS,
    rules: { 'no-restricted-syntax': ['error', noDefaultExport] },
  },
  {
    // What runs in a browser has types of its own.
    files: ['packages/explorer/src/page/**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { project: './packages/explorer/src/page/tsconfig.json' } },
  },
  {
    // Answers of a GraphQL server are walked through as they are.
    files: TESTS,
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: SCRIPTS,
    languageOptions: {
      globals: Object.fromEntries(
        [
          'AbortController',
          'AbortSignal',
          'Buffer',
          'FormData',
          'Blob',
          'URL',
          'clearInterval',
          'clearTimeout',
          'console',
          'fetch',
          'performance',
          'process',
          'setInterval',
          'setTimeout',
          'module',
          'globalThis',
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
  subgraphSdl('auth', []),
  subgraphSdl('media', ['Task', 'User']),
  subgraphSdl('task', ['Media', 'User']),
);

/** Each subgraph's SDL is a schema of its own. Entities that another subgraph owns are described there. */
function subgraphSdl(subgraph, foreignEntities) {
  const files = `subgraphs/${subgraph}/src/**/*.graphql`;
  return {
    files: [files],
    languageOptions: { parser: graphql.parser, parserOptions: { graphQLConfig: { schema: files } } },
    plugins: { '@graphql-eslint': graphql },
    rules: sdlRules(foreignEntities),
  };
}
