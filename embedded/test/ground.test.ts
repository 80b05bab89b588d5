import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { isPortFree } from '@taskgraph/databases';
import { expectData, postGraphQL, smallPng, uploadGraphQL } from '@taskgraph/testkit';
import { JONAS, MARA } from '../src/seed/demo-people.js';
import { createLauncher, type Launcher } from './launcher.js';

async function untilFree(launcher: Launcher): Promise<void> {
  for (const port of Object.values(launcher.ports)) while (!(await isPortFree(port))) await delay(25);
}

describe('npm start, when what it stands on is gone,', () => {
  it('stops and says so: PostgreSQL was killed', async () => {
    await using launcher = await createLauncher();
    const run = launcher.run(['--no-seed', '--verbose']);
    await run.until('There are no demo data');
    const [pid] = (await readFile(path.join(launcher.dataDir, 'postgres/data/postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 'SIGKILL');
    expect(await run.ended).toBe(69);
    expect(run.output).toContain('PostgreSQL has ended');
    await untilFree(launcher);
    const again = launcher.run(['--no-seed', '--quiet']);
    await again.until(launcher.graphqlUrl);
    expect(await again.stop()).toBe(0);
  });

  it('goes on when one connection of PostgreSQL was killed, which restarts by itself', async () => {
    await using launcher = await createLauncher();
    const run = launcher.run(['--no-seed', '--verbose']);
    await run.until('There are no demo data');
    const [postmaster] = (await readFile(path.join(launcher.dataDir, 'postgres/data/postmaster.pid'), 'utf8')).split(
      '\n',
    );
    const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid,ppid,args']);
    const backend = new RegExp(`^\\s*(\\d+)\\s+${postmaster ?? ''}\\s+postgres: taskgraph `, 'm').exec(stdout)?.[1];
    process.kill(Number(backend), 'SIGKILL');
    await run.until('the relay has lost its database');
    // Registration writes: it succeeds when PostgreSQL is back.
    const register = () =>
      postGraphQL(launcher.graphqlUrl, {
        query: `mutation { register(input: { email: "a@example.com", password: "seven green otters juggle", displayName: "A" }) { __typename } }`,
      });
    while ((await register()).body.errors);
    expect(await run.stop()).toBe(0);
  });

  it('stops and says so: the data folder was removed', async () => {
    await using launcher = await createLauncher();
    const run = launcher.run(['--no-seed']);
    await run.until('There are no demo data');
    await rm(launcher.dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    expect(await run.ended).toBe(69);
    expect(run.output).toContain(`The data folder ${launcher.dataDir} was removed`);
    await untilFree(launcher);
    expect(await readdir(path.dirname(launcher.dataDir))).not.toContain('data');
  });
});

describe('npm start, when npm is gone,', () => {
  // How a process that was killed is noticed behind npm's shell is told by /proc.
  it.each(existsSync('/proc/self/stat') ? (['SIGTERM', 'SIGKILL'] as const) : (['SIGTERM'] as const))(
    'stops what it has started: %s',
    async (signal) => {
      await using launcher = await createLauncher();
      const run = launcher.runWithNpm(['--no-seed', '--quiet']);
      await run.until(launcher.graphqlUrl);
      run.kill(signal);
      await untilFree(launcher);
      // What npm has started ends when the system has: with it the pipe that this waits for.
      await run.ended;
      const { stdout } = await promisify(execFile)('ps', ['-eo', 'args']);
      expect(stdout).not.toContain(launcher.dataDir);
    },
  );
});

describe('npm start, on every interface,', () => {
  it('refuses accounts whose password everybody knows, which a start for this machine alone has made, until that is another', async () => {
    await using launcher = await createLauncher();
    const first = launcher.run();
    await first.until('demo data: 2 people');
    const change = async (email: string, currentPassword: string, newPassword: string) => {
      const login = 'mutation($input: LoginInput!) { login(input: $input) { ... on AuthPayload { accessToken } } }';
      const input = { email, password: currentPassword };
      const { login: session } = expectData(
        await postGraphQL(launcher.graphqlUrl, { query: login, variables: { input } }),
      );
      const changed = await postGraphQL(launcher.graphqlUrl, {
        query: 'mutation($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }',
        variables: { input: { currentPassword, newPassword } },
        token: session.accessToken as string,
      });
      expect(expectData(changed).changePassword.__typename).toBe('ChangePasswordSuccess');
    };
    await first.stop();
    const refused = launcher.run([], { HOST: '0.0.0.0' });
    expect(await refused.ended).toBe(1);
    expect(refused.output).toContain('everybody knows the password of jonas@example.com and mara@example.com');
    expect(refused.output).toContain('npm start -- --reset --no-seed');
    const alone = launcher.run();
    await alone.until('demo login');
    await change(MARA.email, MARA.password, 'seven green otters juggle');
    await change(JONAS.email, JONAS.password, 'seven green otters juggle');
    await alone.stop();
    const open = launcher.run(['--quiet'], { HOST: '0.0.0.0' });
    await open.until(launcher.graphqlUrl);
    expect(await open.stop()).toBe(0);
  });

  it('makes no account whose password everybody knows, gives URLs that others can open, and finds its services whatever is set for others', async () => {
    await using launcher = await createLauncher();
    const run = launcher.run([], {
      HOST: '0.0.0.0',
      AUTH_URL: 'http://127.0.0.1:1',
      MEDIA_URL: 'http://127.0.0.1:1',
    });
    await run.until('There are no demo data, since others can reach this machine');
    expect(run.output).toContain('AUTH_URL, MEDIA_URL are not used here');
    const { login } = expectData(
      await postGraphQL(launcher.graphqlUrl, {
        query: 'mutation($input: LoginInput!) { login(input: $input) { __typename } }',
        variables: { input: { email: MARA.email, password: MARA.password } },
      }),
    );
    expect(login.__typename).toBe('InvalidCredentialsProblem');
    const { register } = expectData(
      await postGraphQL(launcher.graphqlUrl, {
        query: `mutation { register(input: { email: "a@example.com", password: "seven green otters juggle", displayName: "A" }) { ... on AuthPayload { accessToken } } }`,
      }),
    );
    const { uploadMedia } = expectData(
      await uploadGraphQL(launcher.graphqlUrl, {
        query: `mutation($file: Upload!) { uploadMedia(file: $file) { ... on UploadMediaSuccess { media { url } } } }`,
        files: { 'variables.file': { filename: 'a.png', content: await smallPng(), contentType: 'image/png' } },
        token: register.accessToken,
      }),
    );
    const url = new URL(uploadMedia.media.url as string);
    expect(url.port).toBe(String(launcher.ports.media));
    const { reachableHost } = await import('@taskgraph/service-kit');
    expect(url.hostname).toBe(reachableHost('0.0.0.0'));
    expect((await fetch(url, { headers: { connection: 'close' } })).status).toBe(200);
    expect(await run.stop()).toBe(0);
  });
});
