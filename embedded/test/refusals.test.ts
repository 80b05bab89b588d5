import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createLauncher } from './launcher.js';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

describe('npm start says why it cannot', () => {
  it('names the port that is in use, the setting, and a way out', async () => {
    await using launcher = await createLauncher();
    const other = createServer((socket) => void socket.resume());
    await new Promise<void>((resolve) => other.listen(launcher.ports.task, '127.0.0.1', resolve));
    try {
      const run = launcher.run();
      expect(await run.ended).toBe(1);
      expect(run.output).toContain(`TASK_PORT: port ${launcher.ports.task} is in use by another program`);
      expect(run.output).toContain('TASK_PORT=0 npm start');
      expect(run.output).not.toContain('    at ');
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it('names the folder that cannot be used', async () => {
    await using launcher = await createLauncher();
    await writeFile(launcher.dataDir, 'a file where the folder should be');
    const run = launcher.run();
    expect(await run.ended).toBe(1);
    expect(run.output).toContain(`The data folder ${launcher.dataDir} cannot be used`);
    expect(run.output).toContain('TASKGRAPH_DATA_DIR=/some/folder npm start');
  });

  it('lists every faulty setting at once', async () => {
    await using launcher = await createLauncher();
    const run = launcher.run([], { GATEWAY_PORT: 'http', LOG_LEVEL: 'loud' });
    expect(await run.ended).toBe(78);
    expect(run.output).toContain('GATEWAY_PORT');
    expect(run.output).toContain('LOG_LEVEL');
  });

  it('finds the faults in settings of the services before anything is started or made', async () => {
    await using launcher = await createLauncher();
    const run = launcher.run([], {
      MEDIA_MAX_BYTES: 'many',
      AUTH_KEY_ENCRYPTION_SECRET: 'short',
      SUBGRAPH_TIMEOUT_MS: '0',
    });
    expect(await run.ended).toBe(78);
    for (const name of ['MEDIA_MAX_BYTES', 'AUTH_KEY_ENCRYPTION_SECRET', 'SUBGRAPH_TIMEOUT_MS'])
      expect(run.output).toContain(name);
    expect(run.output).not.toContain('PostgreSQL');
    expect(existsSync(launcher.dataDir)).toBe(false);
  });

  it('says what a misspelled setting was meant to be', async () => {
    await using launcher = await createLauncher();
    const run = launcher.run([], { MEDIA_MAX_BYTS: '1', AUTH_PROT: '4001', GATEWAY_PORT: 'http' });
    expect(await run.ended).toBe(78);
    const again = launcher.run([], { MEDIA_MAX_BYTS: '1', MEDIA_MAX_PIXELS: 'many' });
    expect(await again.ended).toBe(78);
    expect(again.output).toContain('MEDIA_MAX_BYTS is no setting. Did you mean MEDIA_MAX_BYTES?');
  });

  (existsSync('/proc/self') ? it : it.skip)(
    'does not try for ever to make a folder where there can be none',
    async () => {
      await using launcher = await createLauncher();
      const run = launcher.run([], { TASKGRAPH_DATA_DIR: '/proc/taskgraph' });
      expect(await run.ended).toBe(1);
      expect(run.output).toContain('The data folder /proc/taskgraph cannot be used');
    },
  );

  it('tells its flags without a look at what is installed', async () => {
    const copy = await mkdtemp(path.join(tmpdir(), 'taskgraph-help-'));
    try {
      for (const file of ['scripts', 'embedded/help.txt', 'package.json', 'package-lock.json'])
        await cp(path.join(REPOSITORY, file), path.join(copy, file), { recursive: true });
      const { stdout } = await promisify(execFile)(process.execPath, [path.join(copy, 'scripts/start.mjs'), '--help']);
      expect(stdout).toContain('npm start -- --reset');
      expect(existsSync(path.join(copy, 'node_modules'))).toBe(false);
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  });

  it('does not overwrite a folder that is no cluster of its own', async () => {
    await using launcher = await createLauncher();
    await mkdir(path.join(launcher.dataDir, 'postgres/data'), { recursive: true });
    await writeFile(path.join(launcher.dataDir, 'postgres/data/thesis.txt'), 'ten years of work');
    await writeFile(
      path.join(launcher.dataDir, 'secrets.json'),
      JSON.stringify({ AUTH_KEY_ENCRYPTION_SECRET: 'x'.repeat(43), MEDIA_URL_SECRET: 'y'.repeat(43) }),
    );
    const run = launcher.run(['--no-seed']);
    expect(await run.ended).toBe(1);
    expect(run.output).toContain(path.join(launcher.dataDir, 'postgres'));
  });

  it('knows its flags', async () => {
    await using launcher = await createLauncher();
    const wrong = launcher.run(['--rest']);
    expect(await wrong.ended).toBe(1);
    expect(wrong.output).toContain('--rest is no flag of npm start');
    const help = launcher.run(['--help']);
    expect(await help.ended).toBe(0);
    expect(help.output).toContain('--reset');
  });

  it('stops cleanly when it is interrupted while it starts', async () => {
    await using launcher = await createLauncher();
    const run = launcher.run();
    await run.until('PostgreSQL');
    expect(await run.stop()).toBe(0);
    const again = launcher.run(['--no-seed', '--quiet']);
    await again.until(launcher.graphqlUrl);
    expect(again.output).not.toContain('without tidying up');
    expect(await again.stop()).toBe(0);
  });
});
