import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cloneDatabase, openTestPool, type TestDatabase } from '@taskgraph/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { ROOT, type Ended } from './run-operator.js';

const SERVICES = ['auth', 'task', 'media'] as const;
type Service = (typeof SERVICES)[number];
const SECRET = '9b1f6f0a7c2d4e5f8a3b6c9d0e1f2a3b4c5d6e7f';

let databases: Record<Service, TestDatabase>;
let pools: Record<Service, pg.Pool>;
let dataDir: string;
beforeAll(async () => {
  const each = <Value>(values: readonly Value[]) =>
    Object.fromEntries(SERVICES.map((name, index) => [name, values[index]])) as Record<Service, Value>;
  databases = each(await Promise.all(SERVICES.map((name) => cloneDatabase(name))));
  pools = each(SERVICES.map((name) => openTestPool(databases[name].url)));
  dataDir = await mkdtemp(path.join(tmpdir(), 'taskgraph-work-'));
});
afterAll(async () => {
  for (const pool of Object.values(pools)) await pool.end();
  for (const database of Object.values(databases)) await database.drop();
  await rm(dataDir, { recursive: true });
});

/** What a CronJob runs, with the settings that it has. */
function work(service: Service, env: Record<string, string> = {}, args: readonly string[] = []): Promise<Ended> {
  const settings = {
    [`${service.toUpperCase()}_DATABASE_URL`]: databases[service].url,
    ...(service === 'auth' && { AUTH_KEY_ENCRYPTION_SECRET: SECRET }),
    ...(service === 'media' && { TASKGRAPH_DATA_DIR: dataDir }),
  };
  return new Promise((resolve) =>
    execFile(
      process.execPath,
      ['--enable-source-maps', path.join(ROOT, `subgraphs/${service}/dist/work.js`), ...args],
      { cwd: dataDir, env: { PATH: process.env['PATH'] ?? '', ENV_FILE: '', ...settings, ...env } },
      (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
    ),
  );
}

/** What the log says was done, but for what there was none of. */
function doneIn({ stdout }: Ended): Record<string, number> {
  const lines = stdout.trim().split('\n');
  const done = lines.flatMap((line): Array<Record<string, number>> => {
    const { done: one } = JSON.parse(line) as { done?: Record<string, number> };
    return one ? [one] : [];
  });
  expect(done).toHaveLength(1);
  return Object.fromEntries(Object.entries(done[0] ?? {}).filter(([, count]) => count > 0));
}

describe('work by the clock, done once', () => {
  it('deletes rows of tasks whose time is over, and no others', async () => {
    for (const days of [41, 39])
      await pools.task.query(
        `INSERT INTO erased_users (user_id, done_at) VALUES ($1, now() - interval '${days} days')`,
        [randomUUID()],
      );
    const first = await work('task');
    expect([first.code, doneIn(first)]).toEqual([0, { erased_users: 1 }]);
    const second = await work('task');
    expect([second.code, doneIn(second)]).toEqual([0, {}]);
  });

  it('makes the next signing key when it is due, and not before, and has the change on record', async () => {
    const keys = async () => (await pools.auth.query('SELECT id FROM signing_keys')).rowCount;
    // The first one.
    expect(doneIn(await work('auth'))).toEqual({ signing_keys: 1 });
    expect(doneIn(await work('auth', { KEY_ROTATION_DAYS: '30' }))).toEqual({});
    await pools.auth.query("UPDATE signing_keys SET created_at = now() - interval '31 days'");
    expect(doneIn(await work('auth', { KEY_ROTATION_DAYS: '0' }))).toEqual({});
    expect(await keys()).toBe(1);
    expect(doneIn(await work('auth', { KEY_ROTATION_DAYS: '30' }))).toEqual({ signing_keys: 1 });
    expect(await keys()).toBe(2);
    const { rows } = await pools.auth.query(
      "SELECT details->>'by' AS by FROM audit_events WHERE action = 'KEY_ROTATION'",
    );
    expect(rows).toEqual([{ by: 'age' }, { by: 'age' }]);
  });

  it('sweeps files of media that belong to no item, and leaves those that may be under way', async () => {
    const objects = path.join(dataDir, 'media/objects');
    const [old, young] = [randomUUID(), randomUUID()];
    for (const id of [old, young]) {
      await mkdir(path.join(objects, id), { recursive: true });
      await writeFile(path.join(objects, id, 'original'), 'of nobody');
    }
    const before = new Date(Date.now() - 2 * 3_600_000);
    await utimes(path.join(objects, old, 'original'), before, before);
    const swept = await work('media');
    expect([swept.code, doneIn(swept)]).toEqual([0, { objects: 1 }]);
    expect(await readdir(objects)).toEqual([young]);
  });

  it('ends with 1 where a part fails, does the others, and says which', async () => {
    await pools.task.query("UPDATE erased_users SET done_at = now() - interval '41 days'");
    await pools.task.query('DROP TABLE known_media');
    const ended = await work('task');
    expect([ended.code, doneIn(ended)]).toEqual([1, { erased_users: 1 }]);
    expect(ended.stdout).toContain('"what":"known_media"');
    expect(ended.stdout).not.toContain('"known_media":0');
    expect(ended.stdout).toContain('"stack"');
  });

  it('ends with 1 where the database is away, with 78 for settings and 2 for arguments', async () => {
    const away = await work('task', { TASK_DATABASE_URL: 'postgresql://127.0.0.1:1/task' });
    expect(away).toMatchObject({ code: 1, stdout: expect.stringContaining('"failed":["') });
    expect(away.stdout).not.toContain('"work by the clock is done"');
    // A database that is away is no defect: no stack, and no table that says that nothing was to be deleted.
    expect(away.stdout).not.toContain('"stack"');
    expect(away.stdout).toContain('"done":{}');
    expect(away.stdout).toContain('"reason":"DATABASE_UNAVAILABLE"');
    expect(await work('auth', { AUTH_KEY_ENCRYPTION_SECRET: '' })).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('AUTH_KEY_ENCRYPTION_SECRET is required'),
    });
    expect(await work('task', {}, ['--help'])).toMatchObject({ code: 2, stderr: expect.stringContaining('--help') });
  });
});
