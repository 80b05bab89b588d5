import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { withClient } from '@taskgraph/databases';
import { cloneDatabase, createEmptyDatabase } from '@taskgraph/testkit';
import { describe, expect, it } from '@jest/globals';
import { askOperator, FAKE_TERMINAL, NOWHERE, ROOT, runOperator, runUnread } from './run-operator.js';

/** They have words of their own for how they are used. */
const OF_PACKAGES = ['migrate', 'events'];
const COMMANDS = ['audit', 'keys', 'users', 'seed', 'retention', 'media', 'schema', 'doctor', 'backup', 'restore'];

interface Told {
  readonly ok: boolean;
  readonly findings: ReadonlyArray<{
    readonly name: string;
    readonly state: string;
    readonly what: string;
    readonly advice?: string;
  }>;
}

describe('npx taskgraph', () => {
  it('tells its commands', async () => {
    const { code, stdout } = await runOperator(['--help']);
    expect(code).toBe(0);
    for (const command of [...OF_PACKAGES, ...COMMANDS]) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  });

  it('tells its version', async () => {
    const { version } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(await runOperator(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it.each([
    ['scripts/taskgraph.mjs', ['--help']],
    ['scripts/taskgraph.mjs', ['migrate', '--help']],
    ['scripts/schema.mjs', ['--help']],
    ['scripts/start.mjs', ['--help']],
  ])('%s %j ends as it would when its reader has left', async (script, args) => {
    expect(await runUnread(script, args)).toEqual({ code: 0, stderr: '' });
  });

  it.each(COMMANDS)('%s tells how it is used', async (command) => {
    const { code, stdout } = await askOperator([command, '--help']);
    expect([code, stdout]).toEqual([0, expect.stringContaining(`Usage: taskgraph ${command}`)]);
  });

  it.each(OF_PACKAGES)('%s tells how it is used', async (command) => {
    const { code, stdout } = await runOperator([command, '--help']);
    expect([code, stdout]).toEqual([0, expect.stringContaining(`Usage: `)]);
    expect(stdout).toContain(`taskgraph ${command}`);
  });

  it.each([
    [['fly']],
    [['backup']],
    [['restore']],
    [['media', 'polish']],
    [['keys']],
    [['keys', 'remove']],
    [['audit', 'verify', '--expect=x']],
    [['users', 'grant-admin']],
    [['users', 'revoke-admin']],
    [['users', 'reset-second-factor']],
    [['doctor', '--loud']],
    [['retention', 'gateway']],
  ])('exits with 2 on %j, and says what to do', async (args) => {
    expect(await askOperator(args)).toMatchObject({ code: 2, stderr: expect.stringMatching(/--help|Usage: /) });
  });

  it.each([[['keys', 'list']], [['users', 'reset-second-factor', 'ada@example.com']]])(
    'exits with 78 on %j where neither a setting names a database nor a system runs',
    async (args) => {
      expect(await runOperator(args)).toMatchObject({
        code: 78,
        stderr: expect.stringMatching(/AUTH_DATABASE_URL is not set, and no system runs on .*\n→ .*npm start\n$/),
      });
    },
  );

  it.each([
    [['backup', path.join(NOWHERE, 'backup')], 78],
    [['media', 'verify'], 78],
    [['media', 'sweep', '--yes'], 78],
    [['retention', '--dry-run'], 78],
    [['audit', 'verify'], 78],
    [['keys', 'list'], 78],
    [['migrate', 'all', 'status'], 1],
    [['migrate', 'auth', 'down', '--yes'], 1],
    [['migrate', 'auth', 'resolve', 'some'], 1],
  ])('makes no system where there is none, says so without a stack: %s', async (args, code) => {
    const ended = await runOperator(args);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toMatch(/no (system|embedded PostgreSQL)|_DATABASE_URL/i);
    expect(ended.stderr).not.toMatch(/^ +at /m);
    expect(existsSync(NOWHERE)).toBe(false);
  });

  it('exits as the command did', async () => {
    expect(await runOperator(['fly'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--help') });
  });

  it('says that the committed supergraph is what the subgraphs compose to', async () => {
    const checked = await runOperator(['schema', 'check']);
    expect(checked).toMatchObject({
      code: 0,
      stdout: 'gateway/supergraph.graphql, and what is made from it, is up to date.\n',
      stderr: '',
    });
    expect(await runOperator(['schema', 'compose', '--check'])).toEqual(checked);
    const told = await runOperator(['schema', 'check', '--json']);
    expect([told.code, told.stderr]).toEqual([0, '']);
    expect(JSON.parse(told.stdout)).toEqual({
      upToDate: true,
      written: [],
      stale: [],
      withoutRules: [],
      errors: [],
      warnings: [],
    });
  });

  it('does what a typed word says, and nothing for another', async () => {
    await using database = await cloneDatabase('auth');
    const env = {
      AUTH_DATABASE_URL: database.url,
      AUTH_KEY_ENCRYPTION_SECRET: randomBytes(32).toString('hex'),
      // What is typed comes through a pipe here.
      NODE_OPTIONS: '--import data:text/javascript,process.stdin.isTTY=true',
    };
    const reset = (typed: string) => runOperator(['users', 'reset-second-factor', 'ada@example.com'], env, typed);
    expect(await reset('rest\n')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /ada@example\.com gets in without a code.* Type reset to go on: .*Nothing was changed/s,
      ),
    });
    expect(await reset('reset\n')).toMatchObject({
      code: 1,
      stdout: 'There is no account with the address ada@example.com.\n',
    });
  });

  it('does not remove a key where nobody can be asked', async () => {
    await using database = await cloneDatabase('auth');
    const env = { AUTH_DATABASE_URL: database.url, AUTH_KEY_ENCRYPTION_SECRET: randomBytes(32).toString('hex') };
    expect(await runOperator(['keys', 'remove', 'some-kid'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/Nobody is there to be asked\.\n→ Add --yes/),
    });
    expect(await runOperator(['keys', 'remove', 'some-kid', '--yes'], env)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('There is no key some-kid'),
    });
    expect(await runOperator(['keys', 'remove', 'some-kid', '--yes', '--json'], env)).toMatchObject({
      code: 1,
      stdout: '',
    });
    const rotated = await runOperator(['keys', 'rotate', '--json'], env);
    expect(JSON.parse(rotated.stdout)).toEqual([expect.objectContaining({ kid: expect.any(String) })]);
    expect(JSON.parse((await runOperator(['audit', 'verify', '--json'], env)).stdout)).toMatchObject({ holds: true });
  });

  it('names the row of the audit log that was changed, and exits with 1', async () => {
    await using database = await cloneDatabase('auth');
    const env = { AUTH_DATABASE_URL: database.url, AUTH_KEY_ENCRYPTION_SECRET: randomBytes(32).toString('hex') };
    const verify = async (...more: string[]) => {
      const { code, stdout } = await runOperator(['audit', 'verify', '--json', ...more], env);
      return [code, JSON.parse(stdout) as { readonly position: string; readonly hash: string }] as const;
    };
    for (let rotations = 0; rotations < 3; rotations += 1) await runOperator(['keys', 'rotate'], env);
    const [code, head] = await verify();
    expect([code, head]).toEqual([
      0,
      expect.objectContaining({ holds: true, hash: expect.stringMatching(/^[0-9a-f]{64}$/) }),
    ]);
    expect(await verify('--expect', `${head.position}:${head.hash}`)).toMatchObject([0, { holds: true }]);
    expect(await verify('--expect', `${head.position}:${'0'.repeat(64)}`)).toMatchObject([
      1,
      { holds: false, position: head.position },
    ]);
    // Somebody who owns the database can do it by force; nobody else can do it at all.
    await withClient(database.url, async (client) => {
      await expect(client.query("UPDATE audit_events SET subject = 'nobody'")).rejects.toThrow('append-only');
      await client.query('ALTER TABLE audit_events DISABLE TRIGGER ALL');
      await client.query("UPDATE audit_events SET subject = 'nobody' WHERE position = 2");
    });
    expect(await verify()).toMatchObject([1, { holds: false, position: '2' }]);
    expect(await runOperator(['audit', 'verify'], env)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^The audit log does not hold at position 2: .*\.\n$/),
    });
  });
});

describe('npx taskgraph doctor', () => {
  it('is coloured for a terminal that shows colours, and for nobody else', async () => {
    const onTerminal = { NODE_OPTIONS: `--import ${FAKE_TERMINAL}`, TERM: 'xterm-256color' };
    const green = '\u001b[32m✓\u001b[39m node';
    expect((await runOperator(['doctor'], onTerminal)).stdout).toContain(green);
    for (const env of [{ ...onTerminal, NO_COLOR: '1' }, { TERM: 'xterm-256color' }]) {
      const { stdout } = await runOperator(['doctor'], env);
      expect(stdout).toContain('✓ node');
      expect(stdout).not.toContain('\u001b[');
    }
  });

  it('tells what is wrong, each with what to do', async () => {
    await using unmigrated = await createEmptyDatabase('task');
    await using migrated = await cloneDatabase('auth');
    const other = createServer((socket) => void socket.destroy());
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = other.address() as AddressInfo;
      const { code, stdout } = await runOperator(['doctor', '--json'], {
        AUTH_DATABASE_URL: migrated.url,
        TASK_DATABASE_URL: unmigrated.url,
        MEDIA_DATABASE_URL: 'postgresql://127.0.0.1:1/media',
        AUTH_KEY_ENCRYPTION_SECRET: 'change me, please: 0123456789 abcdefghij',
        MEDIA_URL_SECRET: 'short',
        REDIS_URL: 'redis://127.0.0.1:1',
        GATEWAY_PORT: String(port),
        AUTH_PORT: '0',
        TASK_PORT: '0',
        MEDIA_PORT: '0',
      });
      const { ok, findings } = JSON.parse(stdout) as Told;
      const find = (name: string) => findings.filter((finding) => finding.name === name);
      expect([code, ok]).toEqual([78, false]);
      expect(find('node')).toEqual([expect.objectContaining({ state: 'ok' })]);
      expect(find('settings')).toEqual([
        expect.objectContaining({ state: 'fault', what: expect.stringContaining('MEDIA_URL_SECRET') }),
      ]);
      expect(find('secrets')).toContainEqual(
        expect.objectContaining({ state: 'fault', what: 'AUTH_KEY_ENCRYPTION_SECRET can be guessed' }),
      );
      expect(find('database auth')).toEqual([expect.objectContaining({ state: 'ok' })]);
      expect(find('database task')).toEqual([
        expect.objectContaining({ state: 'fault', advice: 'npx taskgraph migrate task up' }),
      ]);
      expect(find('database media')).toEqual([
        expect.objectContaining({ state: 'fault', advice: expect.stringContaining('MEDIA_DATABASE_URL') }),
      ]);
      expect(find('redis')).toEqual([expect.objectContaining({ state: 'fault' })]);
      expect(find('gateway')).toEqual([
        expect.objectContaining({ state: 'fault', what: expect.stringContaining(`port ${port} is taken`) }),
      ]);
      expect(find('supergraph')).toEqual([expect.objectContaining({ state: 'ok' })]);
      for (const { state, advice } of findings) expect(state === 'ok' || advice).toBeTruthy();
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });
});
