import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { cruise, ROOT, RULES } from './cruise.js';

const GATEWAY = 'gateway/src';
const ENGINE = 'packages/federation-engine/src';

/** From the top; what shares a line does not know each other. */
const FLOORS: Readonly<Record<string, ReadonlyArray<readonly string[]>>> = {
  [GATEWAY]: [
    ['.'],
    ['rest'],
    ['transports', 'transports/http', 'workers', 'explorer'],
    ['admission'],
    ['identity', 'usage'],
  ],
  [ENGINE]: [
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
};

interface Import {
  readonly from: string;
  readonly to: string;
}

/** Imports between files that stand in the folders of this repository, and hold nothing else. */
async function violationsOf(
  imports: readonly Import[],
  statement: (specifier: string) => string,
  isMeant = (rule: string) => rule.endsWith('-knows-what-is-below'),
): Promise<string[]> {
  const lines = new Map<string, string[]>();
  for (const { from, to } of imports) {
    const specifier = path.posix.relative(path.posix.dirname(from), to).replace(/\.ts$/, '.js');
    lines.set(to, lines.get(to) ?? []);
    lines.set(from, [...(lines.get(from) ?? []), statement(specifier.startsWith('.') ? specifier : `./${specifier}`)]);
  }
  const files = new Map([...lines].map(([file, text]) => [file, `${text.join('\n')}\nexport interface Thing {}\n`]));
  const violations = await cruise(files);
  return violations.flatMap(({ from, to, rule }) => (isMeant(rule) ? [`${from} -> ${to}`] : []));
}

/** Every file of a floor imports one of every floor that `wants` takes. */
function importsBetween(house: string, wants: (from: number, to: number) => boolean): Import[] {
  const floors = FLOORS[house] ?? [];
  return floors.flatMap((line, from) =>
    floors.flatMap((others, to) =>
      wants(from, to)
        ? line.flatMap((one) =>
            others.map((other) => ({
              from: path.posix.join(house, one, `from-${from}.ts`),
              to: path.posix.join(house, other, `to-${to}.ts`),
            })),
          )
        : [],
    ),
  );
}

const STATEMENTS = {
  'imports of values': (specifier: string) => `import '${specifier}';`,
  'imports of types only': (specifier: string) => `import type { Thing } from '${specifier}';`,
};

describe.each([GATEWAY, ENGINE])('floors of %s', (house) => {
  it.each(Object.entries(STATEMENTS))('catch every import that runs back up: %s', async (_name, statement) => {
    const up = importsBetween(house, (from, to) => to < from);
    const found = await violationsOf(up, statement);
    expect([...new Set(found)].sort()).toEqual([...new Set(up.map(({ from, to }) => `${from} -> ${to}`))].sort());
  });

  it('are all folders that there are', async () => {
    const root = fileURLToPath(new URL('../../..', import.meta.url));
    const entries = await readdir(path.join(root, house), { withFileTypes: true });
    const folders = entries.flatMap((entry) => (entry.isDirectory() ? entry.name : []));
    expect((FLOORS[house] ?? []).flat()).toEqual(expect.arrayContaining(folders));
  });

  it('let imports down pass', async () => {
    const down = importsBetween(house, (from, to) => to > from);
    expect(await violationsOf(down, STATEMENTS['imports of values'])).toEqual([]);
  });
});

describe('folders of the engine', () => {
  it('do not know each other where they share a floor', async () => {
    const across = [
      { from: `${ENGINE}/supergraph/a.ts`, to: `${ENGINE}/subgraphs/caching/b.ts` },
      { from: `${ENGINE}/compile/cost/a.ts`, to: `${ENGINE}/compile/write/b.ts` },
    ];
    const found = await violationsOf(across, STATEMENTS['imports of types only']);
    expect(found.sort()).toEqual(across.map(({ from, to }) => `${from} -> ${to}`).sort());
  });
});

it('folders that know each other are caught, though no file is in a cycle', async () => {
  const both = [
    { from: `${GATEWAY}/transports/http/a.ts`, to: `${GATEWAY}/transports/websocket/b.ts` },
    { from: `${GATEWAY}/transports/websocket/c.ts`, to: `${GATEWAY}/transports/http/d.ts` },
  ];
  const isCycle = (rule: string) => rule === 'no-folder-cycles';
  expect(await violationsOf(both.slice(0, 1), STATEMENTS['imports of types only'], isCycle)).toEqual([]);
  expect((await violationsOf(both, STATEMENTS['imports of types only'], isCycle)).length).toBeGreaterThan(0);
});

it('the engine is caught when it knows another package of this repository', async () => {
  const ours = [{ from: `${ENGINE}/request/a.ts`, to: 'packages/contracts/src/b.ts' }];
  const isMeant = (rule: string) => rule === 'the-engine-serves-anybody';
  expect(await violationsOf(ours, STATEMENTS['imports of types only'], isMeant)).toHaveLength(1);
});

/** What the engine is composed of: whatever its composition takes a maker from. */
async function partsOfEngine(): Promise<string[]> {
  const text = await readFile(path.join(ROOT, ENGINE, 'engine-parts.ts'), 'utf8');
  const imports = [...text.matchAll(/^import \{([^}]*)\} from '\.\/([^']+)\.js';$/gm)];
  return imports.flatMap(([, names = '', part = '']) => (/(^|[\s,])(create|open)[A-Z]/.test(names) ? [part] : []));
}

it('the gateway is caught when it composes the engine by itself, and may know the types of its parts', async () => {
  // Limits are a setting, of which a gateway has one for the runs of subscriptions.
  const parts = (await partsOfEngine()).filter((part) => part !== 'subgraphs/concurrency-limit');
  expect(parts).toContain('live/subscriptions');
  const own = parts.map((part) => ({ from: `${GATEWAY}/gateway.ts`, to: `${ENGINE}/${part}.ts` }));
  const isMeant = (rule: string) => rule === 'the-engine-is-composed-once';
  expect(await violationsOf(own, STATEMENTS['imports of values'], isMeant)).toHaveLength(parts.length);
  expect(await violationsOf(own, STATEMENTS['imports of types only'], isMeant)).toEqual([]);
});

/** For each rule, imports that it is there to catch: `from -> to`, where `to` is a file or a package. */
const CAUGHT: Readonly<Record<string, readonly string[]>> = {
  'no-cycles': ['packages/one/src/a.ts -> packages/one/src/b.ts', 'packages/one/src/b.ts -> packages/one/src/a.ts'],
  'no-folder-cycles': [
    `${GATEWAY}/transports/http/a.ts -> ${GATEWAY}/transports/websocket/b.ts`,
    `${GATEWAY}/transports/websocket/c.ts -> ${GATEWAY}/transports/http/d.ts`,
  ],
  'no-unresolvable': ['packages/one/src/c.ts -> ./nowhere.js'],
  'no-undeclared-packages': ['packages/one/src/d.ts -> pg'],
  'services-meet-on-the-network': ['subgraphs/task/src/a.ts -> subgraphs/media/src/a.ts'],
  'packages-know-no-service': ['packages/one/src/e.ts -> subgraphs/media/src/a.ts'],
  'contracts-stand-alone': ['packages/contracts/src/a.ts -> packages/one/src/f.ts'],
  'modules-meet-at-their-interfaces': [
    'subgraphs/task/src/modules/tasks/service.ts -> subgraphs/task/src/modules/attachments/resolvers.ts',
  ],
  'resolvers-touch-no-database': ['subgraphs/task/src/modules/tasks/resolvers.ts -> subgraphs/task/src/db.ts'],
  'rules-know-no-graphql': ['subgraphs/task/src/modules/tasks/service.ts -> graphql'],
  'policies-are-pure': ['subgraphs/task/src/modules/tasks/policy.ts -> subgraphs/task/src/db.ts'],
  'prisma-in-its-place': ['subgraphs/task/src/context.ts -> @prisma/client'],
  'gateway-has-no-database': [`${GATEWAY}/a.ts -> packages/databases/src/a.ts`],
  'databases-are-for-tools': ['subgraphs/task/src/b.ts -> packages/databases/src/a.ts'],
  'testkit-in-tests': ['packages/one/src/g.ts -> packages/testkit/src/a.ts'],
  'tests-are-no-library': ['packages/one/src/h.ts -> packages/one/src/i.test.ts'],
  'tracing-is-loaded-where-it-is-on': ['packages/one/src/k.ts -> packages/service-kit/src/tracing/otel-a.ts'],
  'commands-are-told-before-they-are-loaded': ['operator/src/commands/a.ts -> operator/src/places.ts'],
  'the-engine-serves-anybody': [`${ENGINE}/request/a.ts -> packages/contracts/src/a.ts`],
  'the-client-serves-anybody': ['packages/client/src/a.ts -> packages/contracts/src/client-b.ts'],
  'examples-use-what-is-published': ['examples/page/a.ts -> packages/client/src/cache.ts'],
  'a-run-compiles-nothing': [
    `${ENGINE}/execute/a.ts -> graphql`,
    `${ENGINE}/execute/b.ts -> ${ENGINE}/compile/write/a.ts`,
    `${ENGINE}/execute/c.ts -> ${ENGINE}/compile/plan/a.ts`,
    `${ENGINE}/execute/d.ts -> ${ENGINE}/compile/a.ts`,
  ],
  'the-planner-stays-in-its-thread': [`${ENGINE}/supergraph/a.ts -> ${ENGINE}/supergraph/planner/a.ts`],
  'the-engine-is-composed-once': [`${GATEWAY}/gateway.ts -> ${ENGINE}/live-graph.ts`],
  'the-launcher-stands-on-top': ['packages/one/src/j.ts -> embedded/src/a.ts'],
};
/** What they hold is of no interest; that they are there is. */
const PACKAGES = ['pg', 'graphql', '@prisma/client'];

/** Each floor below the top one knows nothing of that. */
function floorSpecimens(): Record<string, readonly string[]> {
  const { forbidden } = createRequire(import.meta.url)(RULES) as { forbidden: ReadonlyArray<{ name: string }> };
  const floors = forbidden.filter(({ name }) => name.endsWith('-knows-what-is-below'));
  return Object.fromEntries(
    floors.map(({ name }) => {
      const [house, ...words] = name.replace(/-knows-what-is-below$/, '').split('-');
      const folder = house === 'gateway' ? GATEWAY : ENGINE;
      return [name, [`${folder}/${words.join('/')}/low.ts -> ${folder}/high.ts`]];
    }),
  );
}

it('every import rule catches what it is there for', async () => {
  const specimens = { ...CAUGHT, ...floorSpecimens() };
  const { forbidden } = createRequire(import.meta.url)(RULES) as { forbidden: ReadonlyArray<{ name: string }> };
  expect(Object.keys(specimens).sort()).toEqual(forbidden.map(({ name }) => name).sort());
  const files = new Map<string, string>();
  for (const name of PACKAGES) {
    files.set(`node_modules/${name}/package.json`, JSON.stringify({ name, main: 'index.js' }));
    files.set(`node_modules/${name}/index.js`, 'module.exports = {};\n');
  }
  for (const [from, to] of Object.values(specimens)
    .flat()
    .map((specimen) => specimen.split(' -> ') as [string, string])) {
    const isFile = to.includes('/src/');
    const specifier = path.posix.relative(path.posix.dirname(from), to).replace(/\.ts$/, '.js');
    const statement = `import '${!isFile ? to : specifier.startsWith('.') ? specifier : `./${specifier}`}';\n`;
    files.set(from, `${files.get(from) ?? ''}${statement}`);
    if (isFile) files.set(to, files.get(to) ?? 'export const nothing = 0;\n');
  }
  const caught = await cruise(files);
  for (const [rule, expected] of Object.entries(specimens)) {
    const found = caught.filter((violation) => violation.rule === rule);
    // A cycle is told once.
    for (const specimen of rule.endsWith('-cycles') ? [] : expected) {
      const [from = ''] = specimen.split(' -> ');
      expect([rule, from, found.some((violation) => violation.from === from)]).toEqual([rule, from, true]);
    }
    expect([rule, found.length > 0]).toEqual([rule, true]);
  }
});
