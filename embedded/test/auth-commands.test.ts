import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, postGraphQL } from '@taskgraph/testkit';
import { createLauncher, type Launcher, type Run } from './launcher.js';

const SCRIPT = fileURLToPath(new URL('../../scripts/taskgraph.mjs', import.meta.url));
const REGISTER = `mutation($input: RegisterInput!) { register(input: $input) { ... on AuthPayload { accessToken } } }`;
const LOGIN = `mutation($input: LoginInput!) { login(input: $input) { ... on AuthPayload { user { role } } } }`;
const PASSWORD = 'seven green otters juggle';

describe('the commands of auth', () => {
  let launcher: Launcher;
  let run: Run;
  beforeAll(async () => {
    launcher = await createLauncher();
    run = launcher.run();
    await run.until('demo login');
  });
  afterAll(async () => {
    await launcher[Symbol.asyncDispose]();
  });

  /** Runs one as somebody does who has set nothing but where the data are. */
  function command(...parameters: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
    const { PATH = '', HOME = '' } = process.env;
    const env = { PATH, HOME, ENV_FILE: '', TASKGRAPH_DATA_DIR: launcher.dataDir };
    return new Promise((resolve) => {
      execFile(process.execPath, [SCRIPT, ...parameters], { env, timeout: 240_000 }, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      );
    });
  }

  it('work on the system that runs', async () => {
    const input = { email: 'ada@example.com', password: PASSWORD };
    const registration = { query: REGISTER, variables: { input: { ...input, displayName: 'Ada' } } };
    expectData(await postGraphQL(launcher.graphqlUrl, registration));
    expect(await command('users', 'grant-admin', 'Ada@example.com')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/administrator/),
    });
    expect(await command('users', 'grant-admin', 'nobody@example.com')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/no account/),
    });
    const { login } = expectData(await postGraphQL(launcher.graphqlUrl, { query: LOGIN, variables: { input } }));
    expect(login).toEqual({ user: { role: 'ADMIN' } });

    expect(await command('users', 'reset-second-factor', 'Ada@example.com', '--yes')).toMatchObject({
      code: 1,
      stdout: 'Ada@example.com has no second factor.\n',
    });
    const answers = async (...parameters: string[]) => {
      const { code, stdout } = await command('users', ...parameters, '--json');
      return [code, JSON.parse(stdout) as unknown];
    };
    const [email, nobody] = ['Ada@example.com', 'nobody@example.com'];
    expect(await answers('grant-admin', email)).toEqual([0, { email, isAdministrator: true, changed: false }]);
    expect(await answers('grant-admin', nobody)).toEqual([
      1,
      { email: nobody, isAdministrator: false, changed: false },
    ]);
    expect(await answers('revoke-admin', email)).toEqual([0, { email, hasAccount: true, changed: true }]);
    expect(await command('users', 'revoke-admin', email)).toMatchObject({
      code: 0,
      stdout: `${email} is no administrator.\n`,
    });
    expect(await answers('revoke-admin', nobody)).toEqual([1, { email: nobody, hasAccount: false, changed: false }]);
    expect(await answers('reset-second-factor', nobody, '--yes')).toEqual([
      1,
      { email: nobody, hasAccount: false, wasOn: false },
    ]);

    expect(await command('audit', 'verify')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^The audit log holds: [1-9]/),
    });
    const listed = await command('keys', 'list');
    expect(listed).toMatchObject({ code: 0, stdout: expect.stringMatching(/signs$/m) });
    const rotated = await command('keys', 'rotate');
    expect(rotated).toMatchObject({ code: 0, stdout: expect.stringMatching(/is published/) });
    expect(rotated.stdout).toContain(listed.stdout.split(' ')[0]);
  });

  it('find the links of mails told on the screen, those to the demo people too, once they are there', async () => {
    await run.until('TOKEN=');
    while (!(await readdir(launcher.dataDir)).includes('seed.json')) await delay(25);
    const query = 'mutation { requestPasswordReset(email: "mara@example.com") { accepted } }';
    expectData(await postGraphQL(launcher.graphqlUrl, { query }));
    await run.until(/A mail to mara@example\.com, ".*": http.*#token=/);

    // What is there is not made twice.
    const seed = async (url: string) => command('seed', '--url', url, '--json');
    const first = await seed(launcher.graphqlUrl);
    expect([first.code, JSON.parse(first.stdout)]).toEqual([0, { taskId: expect.stringMatching(/^[0-9a-f-]{36}$/) }]);
    expect((await seed(launcher.graphqlUrl)).stdout).toBe(first.stdout);
    expect(await seed('http://127.0.0.1:1/graphql')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/could not be made at http:\/\/127\.0\.0\.1:1.*\n→ .*npm start/),
    });
  });

  it('say that no system runs, and what to do, without a stack', async () => {
    expect(await run.stop()).toBe(0);
    for (const parameters of [
      ['users', 'grant-admin', 'ada@example.com'],
      ['keys', 'list'],
      ['audit', 'verify'],
    ]) {
      const { code, stderr } = await command(...parameters);
      expect([code, stderr]).toEqual([78, expect.stringMatching(/no system runs on .*\n→ .*npm start\n$/)]);
    }
  });

  it('leave no mails behind where everything is started over', async () => {
    const mails = () => readdir(path.join(launcher.dataDir, 'mail')).catch(() => []);
    expect(await mails()).not.toEqual([]);
    const again = launcher.run(['--reset', '--no-seed']);
    await again.until('There are no demo data');
    expect(await mails()).toEqual([]);
    expect(await again.stop()).toBe(0);
  });
});
