import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { createMigrator, silentLog, startCluster } from '@taskgraph/databases';
import { chooseFreePorts, expectData, expectErrorCode } from '@taskgraph/testkit';
import { startAuthGraph } from './auth-graph.js';

const ME = '{ me { id } }';
const SCHEMA_FOLDER = fileURLToPath(new URL('../../../prisma/auth', import.meta.url));

describe('a restart of PostgreSQL', () => {
  it('costs the requests in between UNAVAILABLE, not a hang, and no more', async () => {
    const parent = await mkdtemp(path.join(tmpdir(), 'taskgraph-restart-'));
    await chmod(parent, 0o755);
    const [port] = await chooseFreePorts(1);
    const start = () =>
      startCluster({ dataDir: path.join(parent, 'postgres'), port: port as number, persistent: true, log: silentLog });
    let cluster = await start();
    try {
      await cluster.ensureDatabase('auth');
      await createMigrator({ folder: SCHEMA_FOLDER, url: cluster.url('auth') }).up();
      const database = {
        name: 'auth',
        url: cluster.url('auth'),
        drop: async () => undefined,
        [Symbol.asyncDispose]: async () => undefined,
      };
      await using graph = await startAuthGraph({ DB_CONNECT_TIMEOUT_MS: '20000' }, database);
      const { accessToken, user } = await graph.register();

      await cluster.stop();
      const refused = expectErrorCode(await graph.run(ME, {}, accessToken), 'UNAVAILABLE');
      expect(refused.extensions).toEqual({ code: 'UNAVAILABLE', subgraph: 'auth', reason: 'DATABASE_UNAVAILABLE' });
      expect((await fetch(`${graph.url}/health/ready`)).status).toBe(503);

      cluster = await start();
      expect(expectData(await graph.run(ME, {}, accessToken)).me.id).toBe(user.id);
      // What was found out a moment ago is told a moment longer.
      while ((await fetch(`${graph.url}/health/ready`)).status !== 200);
    } finally {
      await cluster.stop();
      await rm(parent, { recursive: true, force: true });
    }
  });
});
