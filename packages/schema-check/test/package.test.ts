import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { hasRedisServer, startRedisServer } from '@taskgraph/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDemoRepository, TASKS, type DemoRepository } from './demo-repository.js';

const run = promisify(execFile);
const onRedis = hasRedisServer() ? it : it.skip;
const PACKAGES = ['federation-engine', 'schema-check'].map((name) =>
  fileURLToPath(new URL(`../../${name}`, import.meta.url)),
);

async function npm(program: 'npm' | 'npx', parameters: readonly string[], cwd: string, more: NodeJS.ProcessEnv = {}) {
  const env = { ...process.env, NODE_OPTIONS: '', ...more };
  return run(program, parameters, { cwd, maxBuffer: 64 * 2 ** 20, env }).then(
    ({ stdout }) => ({ status: 0, stdout }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      status: error.code,
      stdout: `${error.stdout}${error.stderr}`,
    }),
  );
}

describe('packed, and installed into another repository', () => {
  let scratch: string;
  let repository: DemoRepository;
  beforeAll(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'schema-check-'));
    const tarballs: string[] = [];
    for (const folder of PACKAGES) {
      const packed = await npm('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', scratch], folder);
      const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
      tarballs.push(path.join(scratch, path.basename(filename)));
    }
    repository = createDemoRepository({ lints: true });
    await writeFile(path.join(repository.folder, 'package.json'), '{"private":true}');
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
    // As whoever keeps recorded usage in Redis installs it.
    const installed = await npm('npm', ['install', ...flags, ...tarballs, 'ioredis@5.9.2'], repository.folder);
    if (installed.status !== 0) throw new Error(installed.stdout);
    // Three hundred packages come from the registry.
  }, 600_000);
  afterAll(async () => {
    repository[Symbol.dispose]();
    await rm(scratch, { recursive: true, force: true });
  }, 600_000);

  it('has no tests in it', async () => {
    const files = await readdir(path.join(repository.folder, 'node_modules/@taskgraph/schema-check'), {
      recursive: true,
    });
    expect(files.filter((file) => /\.test\.|^test\//.test(file) && !file.startsWith('node_modules'))).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'lint-rules.mjs', 'dist/main.js']));
  });

  it('passes by npx, fails with the place, and ends with 2 where there is nothing to check', async () => {
    const check = ['--no-install', 'schema-check', 'check', '--today', '2026-11-27'];
    expect(await npm('npx', check, repository.folder)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('Passes'),
    });
    repository.replace(TASKS, '  title: String!\n  description: String\n', '  title: String!\n');
    repository.compose();
    expect(await npm('npx', check, repository.folder)).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('used by TaskPage of web, clients/web/fragments.graphql:2:3'),
    });
    await mkdir(path.join(repository.folder, 'empty'));
    expect(await npm('npx', [...check, '--config', 'empty/none.yaml'], repository.folder)).toMatchObject({
      status: 2,
      stdout: expect.stringContaining('There is no none.yaml here'),
    });
  });

  onRedis(
    'tells by npx who uses a field, from what a gateway has recorded in Redis, and where that is away',
    async () => {
      await using server = await startRedisServer({ password: 'only for readers' });
      const redis = new Redis(server.url);
      // As the gateway writes it, whose own tests hold it against the same reader.
      const facts = { client: 'kiosk', version: '3.0.0', firstSeen: '2026-11-02', operation: '{ me { nickname } }' };
      await redis.hset('taskgraph:{usage}:records', 'a', JSON.stringify(facts));
      await redis.zadd('taskgraph:{usage}:counts', 41, 'a');
      await redis.zadd('taskgraph:{usage}:seen', Date.parse('2026-11-26T10:00:00Z'), 'a');
      redis.disconnect();
      const usage = ['--no-install', 'schema-check', 'usage', 'User.nickname', '--today', '2026-11-27'];
      const { host } = new URL(server.url);
      const ask = () => npm('npx', usage, repository.folder, { SCHEMA_CHECK_TRAFFIC: server.url });
      expect(await ask()).toEqual({
        status: 0,
        stdout: expect.stringContaining(`kiosk 3.0.0, redis://${host}:1:1, 41 times, 2026-11-02 to 2026-11-26`),
      });
      await server.stop();
      const away = await ask();
      expect(away).toEqual({ status: 2, stdout: expect.stringContaining(`redis://${host} cannot be read`) });
      expect(away.stdout).not.toContain('readers');
    },
  );
});
