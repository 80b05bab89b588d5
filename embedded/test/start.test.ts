import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { isPortFree } from '@taskgraph/databases';
import { expectData, postGraphQL } from '@taskgraph/testkit';
import { createLauncher, type Launcher, type Run } from './launcher.js';

/** The screen's login, as a person would type it. */
const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { ... on AuthPayload { accessToken } } }';
const COUNTS = '{ tasks { totalCount } myMedia { totalCount } me { email } }';
const CREATE = 'mutation { createTask(input: { title: "Made between two starts" }) { task { id } } }';
const FIND = '{ tasks(filter: { search: "between two starts" }) { totalCount } }';

describe('npm start', () => {
  let launcher: Launcher;
  let run: Run;

  beforeAll(async () => {
    launcher = await createLauncher();
  });
  afterAll(async () => {
    await launcher[Symbol.asyncDispose]();
  });

  async function logIn(person: number): Promise<string> {
    const [, email = '', password = ''] =
      [...run.output.matchAll(/(\S+@\S+)\s+password: (.+)/g)].map((match) => [...match])[person] ?? [];
    const { body } = await postGraphQL(launcher.graphqlUrl, {
      query: LOGIN,
      variables: { input: { email, password } },
    });
    return String((body.data?.['login'] as { accessToken: string }).accessToken);
  }

  /** Whom the explorer logs in with by one click. */
  async function offeredLogins(): Promise<string[]> {
    const response = await fetch(launcher.graphqlUrl.replace('/graphql', '/explorer/settings.json'));
    const { logins } = (await response.json()) as { logins: ReadonlyArray<{ email: string }> };
    return logins.map(({ email }) => email);
  }

  it('starts on an empty folder, says what runs where, and makes demo data', async () => {
    // As on a machine that takes long for everything.
    run = launcher.run([], { SLOW_OPERATION_MS: '1' });
    await run.until('answered by all three subgraphs');
    await run.until('pictures');
    const { ports } = launcher;
    for (const port of Object.values(ports)) expect(run.output).toContain(`http://127.0.0.1:${port}/graphql`);
    expect(run.output).toContain('demo data: 2 people, 30 tasks, 12 pictures');
    expect(run.output).toContain('npm start -- --reset');
    await run.until(/thumbnail[^]*\n {2}}\n/);
    expect(await offeredLogins()).toEqual(['mara@example.com', 'jonas@example.com']);
  });

  it('says nothing on the screen of what was slow, and keeps it in the file', async () => {
    expect(await readFile(path.join(launcher.dataDir, 'logs/taskgraph.log'), 'utf8')).toContain('"slow operation"');
    expect(run.output).not.toContain('slow operation');
    expect(run.output).not.toMatch(/ (WARN|ERROR|FATAL) /);
  });

  it('has two people, thirty tasks and twelve pictures between them', async () => {
    const answers = await Promise.all(
      [0, 1].map(async (person) =>
        expectData(await postGraphQL(launcher.graphqlUrl, { query: COUNTS, token: await logIn(person) })),
      ),
    );
    expect(new Set(answers.map(({ me }) => me.email)).size).toBe(2);
    expect(answers.reduce((sum, { myMedia }) => sum + myMedia.totalCount, 0)).toBe(12);
    // A task is seen by its owner and by who works on it.
    expect(answers.every(({ tasks }) => tasks.totalCount > 10)).toBe(true);
  });

  it('prints a query that runs when it is pasted', async () => {
    const query = /\n {2}(query TaskWithMedia \{[^]*?\n {2}\})\n/.exec(run.output)?.[1] ?? '';
    const { task } = expectData(await postGraphQL(launcher.graphqlUrl, { query, token: await logIn(0) }));
    expect(task.owner.displayName).not.toBe('');
    const [{ node }] = task.media.edges;
    const picture = await fetch(node.thumbnail.url, { headers: { connection: 'close' } });
    expect([picture.status, picture.headers.get('content-type')]).toEqual([200, 'image/webp']);
    expect((await picture.arrayBuffer()).byteLength).toBeGreaterThan(500);
  });

  it('prints shell lines that run when they are pasted', async () => {
    const lines = run.output.split('\n');
    const at = lines.findIndex((line) => line.startsWith('  TOKEN='));
    // The lines use curl, which not every machine has; this function takes its place.
    const curl = `curl() { "${process.execPath}" -e '
      const [, url, ...rest] = process.argv; const headers = {}; let body;
      for (let i = 0; i < rest.length; i += 2) {
        if (rest[i] === "-H") { const [name, ...value] = rest[i + 1].split(":"); headers[name] = value.join(":").trim(); }
        if (rest[i] === "-d") body = rest[i + 1];
      }
      fetch(url, { method: "POST", headers, body }).then((r) => r.text()).then((t) => process.stdout.write(t));
    ' -- "$2" "\${@:3}"; }`;
    const { stdout } = await promisify(execFile)('bash', ['-c', [curl, lines[at], lines[at + 1]].join('\n')]);
    expect(JSON.parse(stdout)).toMatchObject({ data: { task: { title: expect.any(String) } } });
    expect(stdout).not.toContain('errors');
  });

  it('keeps its secrets, and what people upload, to the user', async () => {
    for (const name of ['secrets.json', 'media', 'mail', 'logs'])
      expect([name, (await stat(path.join(launcher.dataDir, name))).mode & 0o077]).toEqual([name, 0]);
  });

  it('refuses to start a second time on the same folder, and says who runs there', async () => {
    const second = launcher.run();
    expect(await second.ended).toBe(1);
    expect(second.output).toContain(`already runs on ${launcher.dataDir}`);
    expect(second.output).toContain(launcher.graphqlUrl);
    expect(second.output).toMatch(/kill \d+/);
  });

  it('ends with 0 on Ctrl-C and leaves nothing running', async () => {
    expectData(await postGraphQL(launcher.graphqlUrl, { query: CREATE, token: await logIn(0) }));
    const postgresPort = Number(/PostgreSQL\s+127\.0\.0\.1:(\d+)/.exec(run.output)?.[1]);
    expect(await isPortFree(postgresPort)).toBe(false);
    expect(await run.stop()).toBe(0);
    expect(run.output).toContain('The data are kept.');
    for (const port of [postgresPort, ...Object.values(launcher.ports)]) expect(await isPortFree(port)).toBe(true);
  });

  it('finds the data again', async () => {
    run = launcher.run();
    await run.until('answered by all three subgraphs');
    await run.until(/thumbnail/);
    expect(run.output).not.toContain('demo data: 2 people');
    const { tasks } = expectData(await postGraphQL(launcher.graphqlUrl, { query: FIND, token: await logIn(0) }));
    expect(tasks.totalCount).toBe(1);
  });

  it('survives being killed: the next start takes over and finds the data', async () => {
    const [, pid] = /"pid":(\d+)/.exec(await readFile(path.join(launcher.dataDir, 'instance.json'), 'utf8')) ?? [];
    process.kill(Number(pid), 'SIGKILL');
    expect(await run.ended).not.toBe(0);
    run = launcher.run();
    await run.until('The last run ended without tidying up');
    await run.until(/thumbnail/);
    const { tasks } = expectData(await postGraphQL(launcher.graphqlUrl, { query: FIND, token: await logIn(0) }));
    expect(tasks.totalCount).toBe(1);
  });

  it('ends with 70 on a fault that nothing catches, and leaves nothing running', async () => {
    expect(await run.stop()).toBe(0);
    const fault = `data:text/javascript,process.on('SIGUSR2',()=>{throw new Error('a fault')})`;
    run = launcher.run(['--no-seed'], { NODE_OPTIONS: `--import=${encodeURI(fault)}` });
    await run.until('answered by all three subgraphs');
    const postgresPort = Number(/PostgreSQL\s+127\.0\.0\.1:(\d+)/.exec(run.output)?.[1]);
    const [, pid] = /"pid":(\d+)/.exec(await readFile(path.join(launcher.dataDir, 'instance.json'), 'utf8')) ?? [];
    process.kill(Number(pid), 'SIGUSR2');
    expect(await run.ended).toBe(70);
    expect(run.output).toContain('Error: a fault');
    expect(await readFile(path.join(launcher.dataDir, 'logs', 'taskgraph.log'), 'utf8')).toContain(
      '"origin":"uncaughtException"',
    );
    for (const port of [postgresPort, ...Object.values(launcher.ports)]) expect(await isPortFree(port)).toBe(true);
  });

  it('offers the demo accounts to nobody where others can reach it', async () => {
    run = launcher.run(['--no-seed'], { HOST: '0.0.0.0', SEED_DEMO: '1' });
    await run.until('answered by all three subgraphs');
    expect(run.output).toContain('Whoever reaches this machine can log in');
    expect(await offeredLogins()).toEqual([]);
  });

  it('says when secrets are lost instead of making new ones', async () => {
    expect(await run.stop()).toBe(0);
    const { rename } = await import('node:fs/promises');
    const file = path.join(launcher.dataDir, 'secrets.json');
    await rename(file, `${file}.kept`);
    const second = launcher.run();
    expect(await second.ended).toBe(1);
    expect(second.output).toContain('secrets.json is missing');
    expect(second.output).toContain('--reset');
    await rename(`${file}.kept`, file);
  });

  it('starts over with --reset', async () => {
    run = launcher.run(['--reset', '--no-seed']);
    await run.until('There are no demo data');
    const refused = await postGraphQL(launcher.graphqlUrl, {
      query: 'mutation ($input: LoginInput!) { login(input: $input) { __typename } }',
      variables: { input: { email: 'mara@example.com', password: 'whatever it was' } },
    });
    expect(JSON.stringify(refused.body)).not.toContain('AuthPayload');
    expect(await run.stop()).toBe(0);
  });
});
