import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { FOR_TESTS, install, isInstalled, listNeeded } from '../../scripts/install.mjs';
import { WORKSPACES } from '../../scripts/prepare.mjs';
import { ROOT, readText } from './repository.js';

const run = promisify(execFile);

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const { packages } = JSON.parse(readText('package-lock.json')) as { packages: Record<string, Manifest> };

/** Names of packages that the built sources of a workspace import. */
function importsOf(workspace: string): string[] {
  const files = readdirSync(path.join(ROOT, workspace, 'src'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => /\.(ts|tsx|mts|mjs)$/.test(file) && !/\.test\.|(^|\/)generated\//.test(file))
    .flatMap((file) => ts.preProcessFile(readText(path.join(workspace, 'src', file))).importedFiles)
    .map(({ fileName }) => fileName)
    .filter((name) => !/^(\.|node:)/.test(name))
    .map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? '');
}

describe('What npm start installs', () => {
  const needed = listNeeded(packages, WORKSPACES);

  it('holds all that the built sources import', () => {
    for (const workspace of WORKSPACES) {
      const missing = importsOf(workspace).filter(
        (name) => !needed.includes(`node_modules/${name}`) && !needed.includes(`${workspace}/node_modules/${name}`),
      );
      expect([workspace, missing]).toEqual([workspace, []]);
    }
  });

  it('leaves out packages of tests and checks alone', () => {
    const asked = Object.entries(packages)
      .filter(([location]) => !location.includes('node_modules/'))
      .flatMap(([, { devDependencies = {} }]) => Object.keys(devDependencies));
    expect([...FOR_TESTS].filter((name) => !asked.includes(name))).toEqual([]);
    const isNeeded = (name: string) => needed.includes(`node_modules/${name}`);
    expect([...FOR_TESTS, 'kubernetes-models'].filter(isNeeded)).toEqual([]);
    expect(['typescript', 'turbo', 'prisma', 'sharp', '@taskgraph/gateway'].every(isNeeded)).toBe(true);
  });
});

describe('A checkout', () => {
  let root: string;
  let close: () => Promise<void>;
  let isDown = false;
  let env: NodeJS.ProcessEnv;

  /** A registry of four packages, and a checkout of two workspaces that need them. */
  beforeAll(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'taskgraph-install-'));
    const served = new Map<string, Buffer>();
    const server = createServer((request, response) => {
      const tarball = isDown ? undefined : served.get(request.url ?? '');
      if (tarball) response.end(tarball);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    close = async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    };
    const { port } = server.address() as AddressInfo;
    const locked: Record<string, object> = {};
    for (const name of ['library', 'tool', 'jest', 'only-of-stories']) {
      const folder = path.join(root, 'packed', name, 'package');
      await mkdir(folder, { recursive: true });
      await writeFile(path.join(folder, 'package.json'), JSON.stringify({ name, version: '1.0.0' }));
      const file = path.join(root, 'packed', `${name}.tgz`);
      await run('tar', ['-czf', file, '-C', path.dirname(folder), 'package']);
      const content = await readFile(file);
      served.set(`/${name}.tgz`, content);
      locked[`node_modules/${name}`] = {
        version: '1.0.0',
        resolved: `http://127.0.0.1:${port}/${name}.tgz`,
        integrity: `sha512-${createHash('sha512').update(content).digest('base64')}`,
      };
    }
    const manifests = {
      '': {
        name: 'checkout',
        version: '1.0.0',
        workspaces: ['packages/*', 'e2e'],
        devDependencies: { tool: '1.0.0', jest: '1.0.0' },
      },
      'packages/built': { name: '@checkout/built', version: '1.0.0', dependencies: { library: '1.0.0' } },
      e2e: {
        name: '@checkout/e2e',
        version: '1.0.0',
        dependencies: { '@checkout/built': '1.0.0', 'only-of-stories': '1.0.0' },
      },
    };
    for (const [folder, manifest] of Object.entries(manifests)) {
      await mkdir(path.join(root, folder), { recursive: true });
      await writeFile(path.join(root, folder, 'package.json'), JSON.stringify(manifest));
    }
    await writeFile(
      path.join(root, 'package-lock.json'),
      JSON.stringify({
        name: 'checkout',
        version: '1.0.0',
        lockfileVersion: 3,
        requires: true,
        packages: {
          ...manifests,
          ...locked,
          'node_modules/@checkout/built': { resolved: 'packages/built', link: true },
          'node_modules/@checkout/e2e': { resolved: 'e2e', link: true },
        },
      }),
    );
    const { PATH = '', HOME = '' } = process.env;
    const cache = path.join(root, 'cache');
    env = { PATH, HOME, npm_config_cache: cache, npm_config_registry: `http://127.0.0.1:${port}/` };
  });
  afterAll(async () => {
    await close();
    await rm(root, { recursive: true, force: true });
  });

  const asked: string[] = [];
  const npm = (folder: string, parameters: readonly string[]) => {
    asked.push(parameters.join(' '));
    const flags = ['--no-audit', '--no-fund', '--include=dev', '--fetch-retries=0'];
    return run('npm', [...parameters, ...flags], { cwd: folder, env }).then(
      () => 0,
      () => 1,
    );
  };
  const ALL = ['library', 'tool', '@checkout/built', 'jest', 'only-of-stories', '@checkout/e2e'];
  const BUILT = ['packages/built'];
  const present = () => ALL.filter((name) => existsSync(path.join(root, 'node_modules', name, 'package.json')));
  const read = (file: string) => readFileSync(path.join(root, file), 'utf8');

  it('has what a build needs, then what tests need as well, and loses nothing where npm fails', async () => {
    const before = ['package.json', 'package-lock.json'].map(read);
    expect(isInstalled(root, BUILT)).toBe(false);
    expect(await install(root, BUILT, false, npm)).toBe(0);
    expect(present()).toEqual(['library', 'tool', '@checkout/built']);
    expect([isInstalled(root, BUILT), isInstalled(root, null)]).toEqual([true, false]);

    expect(await install(root, BUILT, true, npm)).toBe(0);
    expect(present()).toEqual(ALL);
    expect(asked).toEqual(['ci', 'install --no-save']);
    expect([isInstalled(root, BUILT), isInstalled(root, null)]).toEqual([true, true]);

    isDown = true;
    await rm(path.join(root, 'cache'), { recursive: true });
    expect(await install(root, BUILT, false, npm)).toBe(1);
    expect(present()).toEqual(ALL);
    expect(isInstalled(root, null)).toBe(true);
    expect(['package.json', 'package-lock.json'].map(read)).toEqual(before);
    await expect(access(path.join(root, '.install'))).rejects.toThrow('ENOENT');
  });

  it('that has nothing gets everything at once where tests are to run', async () => {
    isDown = false;
    await rm(path.join(root, 'node_modules'), { recursive: true });
    asked.length = 0;
    expect(await install(root, BUILT, true, npm)).toBe(0);
    expect(asked).toEqual(['ci']);
    expect(present()).toEqual(ALL);
  });
});
