import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { findForbidden } from '../../scripts/licenses.mjs';
import { ROOT } from './repository.js';

function run(script: string, args: readonly string[], env: Record<string, string> = {}) {
  return new Promise<{ code: unknown; said: string }>((resolve) =>
    execFile(
      process.execPath,
      [path.join(ROOT, script), ...args],
      { env: { ...process.env, ...env }, timeout: 240_000 },
      (error, stdout, stderr) => resolve({ code: error?.code ?? error?.signal ?? 0, said: stdout + stderr }),
    ),
  );
}

describe('licences', () => {
  const findIn = (license?: string, name = 'some-package') =>
    findForbidden({ packages: { '': {}, [`node_modules/${name}`]: license === undefined ? {} : { license } } });

  it('are all allowed', async () => {
    expect(await run('scripts/licenses.mjs', [])).toMatchObject({ code: 0 });
  });

  it.each([
    'GPL-3.0-only',
    'AGPL-3.0-or-later',
    'SSPL-1.0',
    'UNLICENSED',
    'SEE LICENSE IN LICENSE.md',
    'MIT AND GPL-3.0',
    undefined,
  ])('of %s are not', (license) => {
    expect(findIn(license)).toEqual([`some-package: ${license ?? 'no licence'}`]);
  });

  it('may be chosen, and are taken of one package that are not of others', () => {
    expect(findIn('(GPL-2.0 OR MIT)')).toEqual([]);
    expect(findIn('LGPL-3.0-or-later', '@img/sharp-libvips-linux-x64')).toEqual([]);
    expect(findIn('LGPL-3.0-or-later')).toHaveLength(1);
  });
});

describe('the lock file', () => {
  it('has the hash of each package, so that npm refuses another under its name', async () => {
    const { packages } = JSON.parse(await readFile(path.join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { link?: boolean; integrity?: string }>;
    };
    const installed = Object.entries(packages).filter(
      ([place, { link }]) => place.includes('node_modules/') && link !== true,
    );
    expect(installed.length).toBeGreaterThan(500);
    expect(installed.filter(([, { integrity }]) => !/^sha512-/.test(integrity ?? '')).map(([place]) => place)).toEqual(
      [],
    );
  });
});

describe('known vulnerabilities', () => {
  /** What a registry says of a package, for npm to see which versions a vulnerability is in. */
  const packageAt = (url = '') => {
    const name = decodeURIComponent(url.slice(1));
    return { name, 'dist-tags': { latest: '0.0.1' }, versions: { '0.0.1': { name, version: '0.0.1' } } };
  };

  /** A registry that answers every question about vulnerabilities in one way. */
  async function audit(status: number, answer: unknown) {
    const server = createServer((request, response) => {
      request.resume();
      const isQuestion = request.method === 'POST';
      response.writeHead(isQuestion ? status : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(isQuestion ? answer : packageAt(request.url)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    // What npm has worked out of one answer it would keep for the next.
    const cache = await mkdtemp(path.join(tmpdir(), 'taskgraph-npm-'));
    try {
      const registry = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      return await run('scripts/audit.mjs', [], { npm_config_registry: registry, npm_config_cache: cache });
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(cache, { recursive: true, force: true });
    }
  }
  const advisory = (severity: string) => ({
    pg: [
      {
        id: 1,
        url: 'https://example.com/advisory',
        title: 'A hole',
        severity,
        vulnerable_versions: '*',
        cwe: [],
        cvss: { score: 9 },
      },
    ],
  });

  it('that are grave fail, and are told', async () => {
    const { code, said } = await audit(200, advisory('critical'));
    expect(said).toMatch(/critical: pg .*A hole \(https:\/\/example\.com\/advisory\)/);
    expect(code).toBe(1);
  });

  it('that are not grave, or none, do not', async () => {
    expect(await audit(200, advisory('low'))).toMatchObject({
      code: 0,
      said: expect.stringMatching(/^[1-9]\d* packages/),
    });
    expect(await audit(200, {})).toMatchObject({ code: 0, said: expect.stringMatching(/^0 packages/) });
  });

  it('are not said to be none where the registry cannot answer', async () => {
    for (const status of [404, 405])
      expect(await audit(status, {})).toMatchObject({
        code: 75,
        said: expect.stringMatching(/^The registry cannot say/),
      });
  });
});

it('what the processes are made of is one file of CycloneDX, without what only tests need', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-sbom-'));
  try {
    const file = path.join(folder, 'sbom.json');
    expect(await run('scripts/sbom.mjs', [file])).toMatchObject({ code: 0 });
    const sbom = JSON.parse(await readFile(file, 'utf8')) as {
      bomFormat: string;
      components: Array<{ name: string; version: string; purl: string }>;
    };
    expect(sbom.bomFormat).toBe('CycloneDX');
    const names = sbom.components.map(({ name }) => name);
    expect(['graphql', 'pg', 'jsonwebtoken'].filter((name) => !names.includes(name))).toEqual([]);
    expect(names.filter((name) => name === 'jest' || name === 'eslint')).toEqual([]);
    for (const { purl } of sbom.components) expect(purl).toMatch(/^pkg:npm\/.+@.+/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
