import { mkdtemp, rm, chmod, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expectData, postGraphQL } from '@taskgraph/testkit';
import { describe, expect, it } from '@jest/globals';
import { createLauncher } from '../../embedded/test/launcher.js';
import { runOperator } from './run-operator.js';

const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { ... on AuthPayload { accessToken } } }';

describe('what npm start runs', () => {
  it('is backed up while it runs, and restored into another folder', async () => {
    const scratch = await mkdtemp(path.join(tmpdir(), 'taskgraph-embedded-backup-'));
    await chmod(scratch, 0o755);
    await using _scratch = { [Symbol.asyncDispose]: () => rm(scratch, { recursive: true, force: true }) };
    const backup = path.join(scratch, 'backup');
    let credentials: Record<string, string | undefined>;
    {
      await using launcher = await createLauncher();
      const run = launcher.run();
      await run.until('12 pictures');
      const [, email, password] = /(\S+@\S+)\s+password: (.+)/.exec(run.output) ?? [];
      credentials = { email, password };
      const env = {
        TASKGRAPH_DATA_DIR: launcher.dataDir,
        ...Object.fromEntries(
          Object.entries(launcher.ports).map(([name, port]) => [`${name.toUpperCase()}_PORT`, String(port)]),
        ),
      };
      const healthy = await runOperator(['doctor', '--json'], env);
      expect(JSON.parse(healthy.stdout)).toMatchObject({ ok: true });
      expect(await runOperator(['media', 'verify'], env)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('12 items'),
      });
      expect(await runOperator(['backup', backup], env)).toMatchObject({ code: 0 });
      expect(await runOperator(['restore', backup, '--yes'], env)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('The system runs'),
      });
      // A folder that no item names.
      const stray = path.join(launcher.dataDir, 'media/objects/01900000-0000-7000-8000-000000000000');
      await mkdir(stray);
      expect(await runOperator(['media', 'verify'], env)).toMatchObject({ code: 1 });
      expect(await runOperator(['media', 'sweep'], env)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('--yes'),
      });
      expect(await runOperator(['media', 'sweep', '--yes'], env)).toMatchObject({ code: 0 });
      expect(await runOperator(['media', 'verify'], env)).toMatchObject({ code: 0 });
      expect(await run.stop()).toBe(0);
    }
    await using launcher = await createLauncher();
    expect(await runOperator(['restore', backup], { TASKGRAPH_DATA_DIR: launcher.dataDir })).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('… files'),
    });
    const run = launcher.run(['--no-seed']);
    await run.until('answered by all three subgraphs');
    const { login } = expectData(
      await postGraphQL(launcher.graphqlUrl, { query: LOGIN, variables: { input: credentials } }),
    );
    const query = '{ tasks { totalCount } }';
    const { tasks } = expectData(await postGraphQL(launcher.graphqlUrl, { query, token: String(login.accessToken) }));
    expect(tasks.totalCount).toBeGreaterThan(10);
    expect(await run.stop()).toBe(0);
  });
});
