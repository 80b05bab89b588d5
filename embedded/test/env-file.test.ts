import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLauncher } from './launcher.js';

const EXAMPLE = fileURLToPath(new URL('../../.env.example', import.meta.url));

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
    const run = launcher.run([], { ENV_FILE: file, SEED_DEMO: '0' });
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
