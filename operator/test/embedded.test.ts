import { mkdtemp, rm, chmod, mkdir, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expectData, postGraphQL } from '@taskgraph/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLauncher } from '../../embedded/test/launcher.js';
import { logIn, signUp } from './client.js';
import { runOperator } from './run-operator.js';

const YESTERDAY = new Date(Date.now() - 24 * 60 * 60_000);

/** What a command tells programs, which is all of its standard output. */
async function answerOf(args: readonly string[], env: Readonly<Record<string, string>>) {
  const { code, stdout } = await runOperator([...args, '--json'], env);
  return { code, answer: JSON.parse(stdout) as unknown };
}

describe('what npm start runs', () => {
  let scratch: string;
  beforeAll(async () => {
    scratch = await mkdtemp(path.join(tmpdir(), 'taskgraph-embedded-backup-'));
    await chmod(scratch, 0o755);
  });
  afterAll(() => rm(scratch, { recursive: true, force: true }));
  const backup = () => path.join(scratch, 'backup');

  it('is looked after and backed up while it runs', async () => {
    await using launcher = await createLauncher();
    const run = launcher.run(['--no-seed']);
    await run.until('Taskgraph runs');
    const client = await signUp(launcher.graphqlUrl);
    await client.attach(await client.addTask(), await client.addPicture());
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
      stdout: expect.stringContaining('1 items'),
    });
    expect(await runOperator(['backup', backup()], env)).toMatchObject({ code: 0 });
    expect(await runOperator(['restore', backup(), '--yes'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('The system runs'),
    });
    // A folder that no item names.
    const stray = path.join(launcher.dataDir, 'media/objects/01900000-0000-7000-8000-000000000000');
    await mkdir(stray);
    // An upload may be under way there: it has its row at its end.
    expect(await answerOf(['media', 'verify'], env)).toMatchObject({ code: 0, answer: { strays: [] } });
    expect(await answerOf(['media', 'sweep', '--yes'], env)).toMatchObject({ code: 0, answer: { removed: [] } });
    await utimes(stray, YESTERDAY, YESTERDAY);
    expect(await answerOf(['media', 'verify'], env)).toMatchObject({
      code: 1,
      answer: { items: 1, damaged: [], strays: [path.basename(stray)] },
    });
    expect(await runOperator(['media', 'sweep', '--json'], env)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('--yes'),
    });
    expect(await answerOf(['media', 'sweep', '--yes'], env)).toMatchObject({
      code: 0,
      answer: { damaged: [], removed: [path.basename(stray)] },
    });
    expect(await answerOf(['media', 'verify'], env)).toMatchObject({ code: 0, answer: { strays: [] } });
    const seeded = await answerOf(['seed', '--url', launcher.graphqlUrl], env);
    expect(seeded).toEqual({ code: 0, answer: { taskId: expect.any(String) } });
    expect(await answerOf(['seed', '--url', launcher.graphqlUrl], env)).toEqual(seeded);
    expect(await runOperator(['seed', '--json', '--url', 'http://127.0.0.1:1/graphql'], env)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/could not be made at http:\/\/127\.0\.0\.1:1.*\n→ Start the system/s),
    });
    // Of what is young nothing is deleted, and of how young somebody has to say.
    expect(await runOperator(['media', 'orphans', '--days', '1', '--dry-run', '--json'], env)).toMatchObject({
      code: 0,
    });
    expect(await runOperator(['media', 'orphans', '--days', '1', '--yes'], env)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('0 items deleted'),
    });
    for (const days of [[], ['--days', '0'], ['--days', 'many']])
      expect(await runOperator(['media', 'orphans', ...days], env)).not.toMatchObject({ code: 0 });
    expect(await run.stop()).toBe(0);
  });

  it('is restored into another folder', async () => {
    await using launcher = await createLauncher();
    const env = { TASKGRAPH_DATA_DIR: launcher.dataDir };
    expect(await answerOf(['restore', backup(), '--check'], env)).toMatchObject({ code: 0 });
    const restored = await runOperator(['restore', backup(), '--json'], env);
    expect(restored).toMatchObject({ code: 0, stderr: expect.stringContaining('… files') });
    expect(JSON.parse(restored.stdout)).toMatchObject({ objects: expect.any(Number), unpublished: expect.any(Number) });
    // What is there now goes only when that is meant.
    expect(await runOperator(['restore', backup(), '--json'], env)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('--yes'),
    });
    const run = launcher.run(['--no-seed']);
    await run.until('Taskgraph runs');
    const query = '{ tasks { edges { node { media { totalCount } } } } }';
    const token = await logIn(launcher.graphqlUrl);
    const { tasks } = expectData(await postGraphQL(launcher.graphqlUrl, { query, token }));
    expect(tasks.edges).toEqual([{ node: { media: { totalCount: 1 } } }]);
    expect(await run.stop()).toBe(0);
  });
});
