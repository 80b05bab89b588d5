import { randomUUID } from 'node:crypto';
import { cloneDatabase, openTestPool, type TestDatabase } from '@taskgraph/testkit';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type pg from 'pg';
import { runOperator } from './run-operator.js';

const SERVICES = ['auth', 'task', 'media'] as const;

let databases: TestDatabase[];
let pools: pg.Pool[];
beforeAll(async () => {
  databases = await Promise.all(SERVICES.map((name) => cloneDatabase(name)));
  pools = databases.map(({ url }) => openTestPool(url));
});
afterAll(async () => {
  for (const pool of pools) await pool.end();
  for (const database of databases) await database.drop();
});

const run = (...args: string[]) =>
  runOperator(
    ['retention', ...args],
    Object.fromEntries(
      SERVICES.map((name, index) => [`${name.toUpperCase()}_DATABASE_URL`, databases[index]?.url ?? '']),
    ),
  );

it('counts with --dry-run, deletes without, service by service or all, and tells what fails', async () => {
  const [auth, task, media] = pools as [pg.Pool, pg.Pool, pg.Pool];
  await auth.query("INSERT INTO erasures (id, awaiting, completed_at) VALUES ($1, '{}', now() - interval '91 days')", [
    randomUUID(),
  ]);
  for (const pool of [task, media])
    for (const days of [41, 39])
      await pool.query(`INSERT INTO erased_users (user_id, done_at) VALUES ($1, now() - interval '${days} days')`, [
        randomUUID(),
      ]);
  const rowsOf = async (args: string[]) => {
    const { code, stdout } = await run(...args, '--json');
    const { tables } = JSON.parse(stdout) as { tables: Array<{ service: string; table: string; rows: number }> };
    return [code, tables.flatMap(({ service, table, rows }) => (rows > 0 ? [`${service}.${table} ${rows}`] : []))];
  };
  const all = [0, ['auth.erasures 1', 'task.erased_users 1', 'media.erased_users 1']];
  expect(await rowsOf(['--dry-run'])).toEqual(all);
  expect(await rowsOf(['task', '--dry-run'])).toEqual([0, ['task.erased_users 1']]);
  expect(await rowsOf([])).toEqual(all);
  expect(await rowsOf([])).toEqual([0, []]);

  await task.query('DROP TABLE known_media');
  expect(await run()).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('task.erased_users: 0 deleted'),
    stderr: expect.stringContaining('task.known_media could not be purged'),
  });
});
