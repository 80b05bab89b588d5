import { expect, it } from '@jest/globals';
import { withClient } from '@taskgraph/databases';
import { cloneDatabase, testServerUrl } from '@taskgraph/testkit';

const tables = (url: string) =>
  withClient(url, async (client) =>
    (
      await client.query<{ name: string }>(`SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'`)
    ).rows.map(({ name }) => name),
  );

it('clones a migrated template, many at once, each on its own', async () => {
  await using first = await cloneDatabase('auth');
  await using second = await cloneDatabase('auth');
  const clones = await Promise.all([1, 2, 3].map(() => cloneDatabase('auth')));
  expect(new Set([first, second, ...clones].map(({ name }) => name)).size).toBe(5);
  await withClient(first.url, (client) => client.query('CREATE TABLE only_here (i int)'));
  expect(await tables(first.url)).toContain('_prisma_migrations');
  expect(await tables(second.url)).not.toContain('only_here');
  await Promise.all(clones.map((clone) => clone.drop()));
});

it('drops a clone although somebody is connected', async () => {
  const clone = await cloneDatabase('auth');
  await withClient(clone.url, async (client) => {
    await clone[Symbol.asyncDispose]();
    await expect(client.query('SELECT 1')).rejects.toThrow();
  });
  const names = await withClient(testServerUrl(), async (client) =>
    (await client.query<{ datname: string }>('SELECT datname FROM pg_database')).rows.map(({ datname }) => datname),
  );
  expect(names).not.toContain(clone.name);
});

it('says so when there is no such template', async () => {
  await expect(cloneDatabase('nosuch')).rejects.toThrow('There is no template_nosuch');
});
