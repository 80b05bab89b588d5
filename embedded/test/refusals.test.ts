import { describe, expect, it } from '@jest/globals';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { createLauncher } from './launcher.js';

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
    expect(await run.ended).toBe(1);
    expect(run.output).toContain('GATEWAY_PORT');
    expect(run.output).toContain('LOG_LEVEL');
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
