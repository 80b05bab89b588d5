import { execFile } from 'node:child_process';
import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLauncher } from './launcher.js';

const EXAMPLE = fileURLToPath(new URL('../../.env.example', import.meta.url));
const READER = fileURLToPath(new URL('../../scripts/env-file.mjs', import.meta.url));

describe('a file of settings', () => {
  let folder: string;
  let file: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-env-'));
    file = path.join(folder, 'settings.env');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('that is a copy of the example starts the system, and says nothing that frightens', async () => {
    await using launcher = await createLauncher();
    await copyFile(EXAMPLE, file);
    const run = launcher.runScript({ ENV_FILE: file, SEED_DEMO: '0' });
    await run.until('Taskgraph runs');
    expect(run.output).not.toMatch(/warn|invalid|not used/i);
    expect((await fetch(launcher.graphqlUrl, { headers: { accept: 'text/html' } })).status).toBe(200);
    expect(await run.stop()).toBe(0);
  });

  it('is read by the system, and the environment has the last word', async () => {
    await using launcher = await createLauncher();
    await writeFile(file, 'MEDIA_MAX_BYTES=nonsense\nDB_POOL_MAX="-1" # too few\nexport GATEWAY_PORT=none\n');
    const run = launcher.run([], { ENV_FILE: file });
    expect(await run.ended).toBe(78);
    expect(run.output).toContain('MEDIA_MAX_BYTES');
    expect(run.output).toContain('DB_POOL_MAX');
    expect(run.output).not.toContain('GATEWAY_PORT');
  });

  it('is the .env of the checkout, wherever it is started, and what is set already wins', async () => {
    const checkout = await mkdtemp(path.join(folder, 'checkout-'));
    await mkdir(path.join(checkout, 'scripts'));
    await copyFile(READER, path.join(checkout, 'scripts/env-file.mjs'));
    await copyFile(EXAMPLE, path.join(checkout, '.env'));
    await appendFile(path.join(checkout, '.env'), 'GATEWAY_PORT=4999\nTOLD_IN_THE_FILE=yes\n');
    const told = async (env: Record<string, string>) => {
      const script = `await import(${JSON.stringify(pathToFileURL(path.join(checkout, 'scripts/env-file.mjs')).href)});
        const { GATEWAY_PORT, HOST, TOLD_IN_THE_FILE } = process.env;
        process.stdout.write(JSON.stringify({ GATEWAY_PORT, HOST, TOLD_IN_THE_FILE }));`;
      const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: folder, env });
      return JSON.parse((await run).stdout) as unknown;
    };
    expect(await told({})).toEqual({ GATEWAY_PORT: '4999', HOST: '127.0.0.1', TOLD_IN_THE_FILE: 'yes' });
    expect(await told({ GATEWAY_PORT: '4000', HOST: '' })).toEqual({
      GATEWAY_PORT: '4000',
      HOST: '',
      TOLD_IN_THE_FILE: 'yes',
    });
  });

  it('that is not there is told of, if it was asked for', async () => {
    await using launcher = await createLauncher();
    const run = launcher.run([], { ENV_FILE: path.join(folder, 'nowhere.env') });
    expect(await run.ended).toBe(78);
    expect(run.output).toMatch(/nowhere\.env cannot be read \(ENOENT\)/);
  });

  it('holds every setting that has a value of its own, each once', async () => {
    const names = [...(await readFile(EXAMPLE, 'utf8')).matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});
