import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const run = promisify(execFile);
const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const ROOT = path.resolve(PACKAGE, '../..');
const NAME = '@taskgraph/client';
const env = { ...process.env, NODE_OPTIONS: '' };

let scratch: string;
let tarball: string;
/** Where the package is installed with its peers, and nothing of this repository. */
let folder: string;
let installed: string;

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'taskgraph-client-'));
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', scratch];
  const { stdout } = await run('npm', pack, { cwd: PACKAGE, env });
  const [packed] = JSON.parse(stdout) as [{ filename: string }];
  tarball = path.join(scratch, path.basename(packed.filename));
  folder = await mkdtemp(path.join(scratch, 'empty-'));
  await writeFile(path.join(folder, 'package.json'), '{"type":"module","private":true}');
  const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', tarball];
  await run('npm', [...install, '@apollo/client@4.3.8', 'graphql@16.15.0', 'rxjs@7.8.2'], { cwd: folder, env });
  installed = path.join(folder, 'node_modules', NAME);
}, 600_000);

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

describe('the tarball', () => {
  it('holds modules, types, the schema, the manifest, a README and a licence, and no test', async () => {
    const files = await readdir(installed, { recursive: true });
    expect(files).toEqual(
      expect.arrayContaining([
        'README.md',
        'LICENSE',
        'dist/index.js',
        'dist/index.d.ts',
        'dist/operations.js',
        'dist/generated/graphql.js',
        'src/generated/graphql.ts',
        'schema.graphql',
        'persisted-query-manifest.json',
      ]),
    );
    expect(files.filter((file) => /\.test\.|^test\/|tsbuildinfo/.test(file))).toEqual([]);
  });

  it('needs no package of this repository, and nothing of Node', async () => {
    const manifest = JSON.parse(await readFile(path.join(installed, 'package.json'), 'utf8')) as Record<string, object>;
    expect(Object.keys({ ...manifest['dependencies'], ...manifest['peerDependencies'] }).join()).not.toContain(
      '@taskgraph',
    );
    const dist = path.join(installed, 'dist');
    for (const file of await readdir(dist, { recursive: true })) {
      if (!/\.(js|d\.ts)$/.test(file)) continue;
      const code = await readFile(path.join(dist, file), 'utf8');
      expect({ file, imports: /from '(@taskgraph\/|node:)/.test(code) }).toEqual({ file, imports: false });
    }
  });

  it('has nothing that publint finds wrong', async () => {
    const cli = path.join(ROOT, 'node_modules/publint/src/cli.js');
    const { stdout } = await run(process.execPath, [cli, installed, '--strict', '--pack', 'false'], { env });
    expect(stdout).toContain('All good!');
  });

  it('has types that resolve wherever modules do', async () => {
    const cli = path.join(ROOT, 'node_modules/@arethetypeswrong/cli/dist/index.js');
    const flags = ['--profile', 'esm-only', '--format', 'ascii', '--exclude-entrypoints', 'schema.graphql'];
    const { stdout } = await run(process.execPath, [cli, tarball, ...flags], { env });
    expect(stdout).toContain('node16 (from ESM): 🟢 (ESM)');
  });
});

describe('installed into an empty folder', () => {
  /** What the compiler has to say of a program in the folder, which has nothing but the package and its peers. */
  async function compile(file: string, code: string): Promise<string> {
    await writeFile(path.join(folder, file), code);
    const compiler = path.join(ROOT, 'node_modules/typescript/bin/tsc');
    const flags = ['--noEmit', '--strict', '--skipLibCheck', '--lib', 'es2022,dom', '--target', 'es2022'];
    const parameters = [compiler, ...flags, '--module', 'nodenext', file];
    return run(process.execPath, parameters, { cwd: folder, env }).then(
      ({ stdout }) => stdout,
      ({ stdout }: { stdout: string }) => stdout,
    );
  }

  it('has the types that its README uses, and no others', async () => {
    const readme = await readFile(path.join(installed, 'README.md'), 'utf8');
    const sample = /```ts\n([^]*?)```/.exec(readme)?.[1] ?? '';
    const reads = 'export const title = data?.tasks?.edges[0]?.node.title.toUpperCase();';
    expect(await compile('sample.ts', `${sample}\n${reads}\nexport { session };`)).toBe('');
    const wrong = sample.replace('first: 20', "first: '20'");
    expect(await compile('wrong.ts', `${wrong}\nexport { session, data };`)).toContain('not assignable to type');
    const table = readme.slice(readme.indexOf('## Options'));
    const options = [...table.matchAll(/^\| `(\w+)`(?:, `(\w+)`)? \|/gm)].flatMap(([, one, other]) =>
      [one, other ?? []].flat(),
    );
    expect(options).toContain('clientVersion');
    const named = `export const named: ReadonlyArray<keyof TaskgraphClientOptions> = ${JSON.stringify(options)};`;
    expect(await compile('options.ts', `import type { TaskgraphClientOptions } from '${NAME}';\n${named}`)).toBe('');
  });

  it('keeps a session, and asks with what it says that it needs', async () => {
    const program = `
      import { createMemoryStorage, createTaskgraphClient, isProblem, possibleTypes } from '${NAME}';
      import * as operations from '${NAME}/operations';
      const { session, close } = createTaskgraphClient({
        url: 'http://127.0.0.1:9/graphql', clientName: 'a', clientVersion: '1', storage: createMemoryStorage(),
      });
      session.begin({ accessToken: 'a', refreshToken: 'r', expiresIn: 900, user: { id: 'ada' } });
      console.log(JSON.stringify([
        session.userId, await session.accessToken(), Object.keys(operations).length > 30,
        possibleTypes.Problem.every((__typename) => isProblem({ __typename })),
      ]));
      await close();
    `;
    await writeFile(path.join(folder, 'program.mjs'), program);
    const { stdout } = await run(process.execPath, ['program.mjs'], { cwd: folder, env });
    expect(JSON.parse(stdout)).toEqual(['ada', 'a', true, true]);
  });
});
