import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from '@jest/globals';
import { createMigrator, findRunningCluster, silentLog, startCluster } from '@taskgraph/databases';
import { createEmptyDatabase } from '@taskgraph/testkit';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const migrations = readdirSync(path.join(ROOT, 'prisma/auth/migrations')).filter((entry) => /^\d{14}_/.test(entry));

/** Runs `npm run migrate -- …` as its script does. */
function migrate(
  line: string,
  env: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['scripts/taskgraph.mjs', 'migrate', ...line.split(' ').filter(Boolean)],
      { cwd: ROOT, env: { PATH: process.env['PATH'], ...env } },
      (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

it('migrates up, down and back, and tells by its exit code whether all is in order', async () => {
  await using database = await createEmptyDatabase('auth');
  const env = { AUTH_DATABASE_URL: database.url };
  expect(await migrate('auth status', env)).toMatchObject({
    code: 3,
    stdout: expect.stringContaining(`0 applied, ${migrations.length} pending`),
  });
  expect(await migrate('auth up', env)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`applied ${migrations.at(-1)}`),
  });
  expect(await migrate('auth up', env)).toMatchObject({ code: 0, stdout: 'auth: up to date\n' });
  expect(await migrate('auth status', env)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('No drift; schema.prisma and the migrations agree.'),
  });
  expect(await migrate('auth down 2', env)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/down destroys what the last 2 migrations added to .*Add --yes/),
  });
  expect(await migrate('auth down --yes', env)).toMatchObject({
    code: 0,
    stdout: `auth: undid ${migrations.at(-1)}\n`,
  });
  expect(await migrate('auth status', env)).toMatchObject({ code: 3 });
});

it('answers programs with a line of JSON for each database, and nothing else on standard output', async () => {
  await using database = await createEmptyDatabase('auth');
  const env = { AUTH_DATABASE_URL: database.url };
  const ask = async (line: string) => {
    const { code, stdout, stderr } = await migrate(`auth ${line} --json`, env);
    return {
      code,
      stderr,
      told: stdout
        .trim()
        .split('\n')
        .map((text) => JSON.parse(text) as object),
    };
  };
  const last = migrations.at(-1);
  expect(await ask('up')).toEqual({
    code: 0,
    stderr: expect.stringContaining(`applied ${last}`),
    told: [{ database: 'auth', applied: migrations }],
  });
  expect(await ask('status')).toMatchObject({
    code: 0,
    told: [{ database: 'auth', applied: migrations, pending: [], drift: null, unmigrated: null, driftLookedFor: true }],
  });
  expect(await ask('create nothing new')).toMatchObject({
    code: 0,
    told: [{ database: 'auth', created: null, files: [], hazards: [] }],
  });
  expect(await ask('down --yes')).toMatchObject({ code: 0, told: [{ database: 'auth', undone: [last] }] });
  expect(await ask('status')).toMatchObject({ code: 3, told: [{ database: 'auth', pending: [last] }] });
  expect(await ask('reset --yes')).toMatchObject({ code: 0, told: [{ database: 'auth', applied: migrations }] });
  expect(await migrate('auth down --json', env)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('Add --yes'),
  });
});

it('does not reset a database that a setting names unless it is told --yes', async () => {
  await using database = await createEmptyDatabase('auth');
  const env = { AUTH_DATABASE_URL: database.url };
  expect(await migrate('auth reset', env)).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('which AUTH_DATABASE_URL names. Add --yes'),
  });
  expect(await migrate('auth reset --yes', env)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`reset, ${migrations.length} migrations applied`),
  });
});

it('uses the embedded PostgreSQL where no URL is set, running or not, and keeps its data', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'taskgraph-cli-'));
  try {
    await chmod(dataDir, 0o755);
    const env = { TASKGRAPH_DATA_DIR: dataDir };
    expect(await migrate('auth up', env)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('created database auth'),
    });
    expect(await findRunningCluster(path.join(dataDir, 'postgres'))).toBeNull();

    await using cluster = await startCluster({
      dataDir: path.join(dataDir, 'postgres'),
      persistent: true,
      log: silentLog,
    });
    expect(await migrate('auth up', env)).toMatchObject({ code: 0, stdout: 'auth: up to date\n' });
    expect(await migrate('auth down --yes', env)).toMatchObject({ code: 0 });
    // The command leaves a cluster alone that it did not start.
    expect(
      await createMigrator({ folder: path.join(ROOT, 'prisma/auth'), url: cluster.url('auth') }).status(),
    ).toMatchObject({ pending: [{ name: migrations.at(-1) }] });
    expect(await migrate('auth reset', env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Nobody is there to be asked: add --yes'),
    });
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});

it('explains wrong arguments and a server that does not answer', async () => {
  expect(await migrate('help')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Usage: npx taskgraph migrate'),
  });
  expect(await migrate('')).toMatchObject({ code: 2, stderr: expect.stringContaining('Usage: npx taskgraph migrate') });
  expect(await migrate('users up')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('There is no database "users": choose auth'),
  });
  expect(await migrate('auth up', { AUTH_DATABASE_URL: 'postgresql://u:p@127.0.0.1:1/auth' })).toMatchObject({
    code: 1,
    stderr: 'PostgreSQL at 127.0.0.1:1 does not answer (ECONNREFUSED).\n→ Start it, or correct the database URL.\n',
  });
});
