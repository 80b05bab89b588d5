import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const RULES = path.join(ROOT, '.dependency-cruiser.cjs');
const CRUISER = path.join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

const GATEWAY = 'gateway/src';
const ENGINE = 'packages/federation-engine/src';

/** From the top; what shares a line does not know each other. */
const FLOORS: Readonly<Record<string, ReadonlyArray<readonly string[]>>> = {
  [GATEWAY]: [['.'], ['transports', 'transports/http'], ['admission'], ['identity']],
  [ENGINE]: [
    ['.'],
    ['live'],
    ['execute'],
    ['compile'],
    ['compile/write'],
    ['compile/security'],
    ['compile/plan'],
    ['supergraph'],
    ['subgraphs'],
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
  const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-imports-'));
  const lines = new Map<string, string[]>();
  for (const { from, to } of imports) {
    const specifier = path.posix.relative(path.posix.dirname(from), to).replace(/\.ts$/, '.js');
    lines.set(to, lines.get(to) ?? []);
    lines.set(from, [...(lines.get(from) ?? []), statement(specifier.startsWith('.') ? specifier : `./${specifier}`)]);
  }
  try {
    await writeFile(
      path.join(folder, 'tsconfig.tests.json'),
      JSON.stringify({ compilerOptions: { module: 'NodeNext', moduleResolution: 'NodeNext' } }),
    );
    await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
    for (const [file, text] of lines) {
      await mkdir(path.join(folder, path.dirname(file)), { recursive: true });
      await writeFile(path.join(folder, file), `${text.join('\n')}\nexport interface Thing {}\n`);
    }
    const parameters = [CRUISER, '--config', RULES, '--output-type', 'json', 'packages', 'gateway'];
    await mkdir(path.join(folder, ENGINE), { recursive: true });
    await mkdir(path.join(folder, GATEWAY), { recursive: true });
    const { stdout } = await run(process.execPath, parameters, { cwd: folder, maxBuffer: 64 * 2 ** 20 });
    const { summary } = JSON.parse(stdout) as {
      summary: { violations: Array<{ from: string; to: string; rule: { name: string } }> };
    };
    return summary.violations.flatMap(({ from, to, rule }) => (isMeant(rule.name) ? [`${from} -> ${to}`] : []));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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

it('the gateway is caught when it composes the engine by itself, and may know the types of its parts', async () => {
  const parts = ['live-graph', 'subgraphs/http-subgraph-client', 'live/subscriptions', 'supergraph/planner-thread'];
  const own = parts.map((part) => ({ from: `${GATEWAY}/gateway.ts`, to: `${ENGINE}/${part}.ts` }));
  const isMeant = (rule: string) => rule === 'the-engine-is-composed-once';
  expect(await violationsOf(own, STATEMENTS['imports of values'], isMeant)).toHaveLength(parts.length);
  expect(await violationsOf(own, STATEMENTS['imports of types only'], isMeant)).toEqual([]);
});
