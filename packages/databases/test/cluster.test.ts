import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findRunningCluster, silentLog, startCluster, withClient, type ClusterOptions } from '@taskgraph/databases';
import { clusterFiles, isAlive } from '../src/cluster-files.js';

const OWNER = fileURLToPath(new URL('./cluster-owner.mjs', import.meta.url));
const UNSYNCED = { fsync: 'off', max_connections: '10', shared_buffers: '16MB' };
const isRoot = process.getuid?.() === 0;

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'taskgraph-cluster-'));
  await chmod(parent, 0o755);
});
afterAll(() => rm(parent, { recursive: true, force: true }));

let count = 0;
const newFolder = () => path.join(parent, `cluster-${(count += 1)}`);
const start = (dataDir: string, options: Partial<ClusterOptions> = {}) =>
  startCluster({ dataDir, persistent: true, log: silentLog, serverSettings: UNSYNCED, ...options });
const exists = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  );

/** Waits for a fact; the test's own time-out ends the wait when it does not come. */
async function until(fact: () => Promise<boolean>): Promise<void> {
  while (!(await fact())) await delay(20);
}

/** Runs a process that starts a cluster, kills it with SIGKILL and returns the pid of the server that it started. */
async function killOwner(dataDir: string, kind: 'persistent' | 'temporary'): Promise<number> {
  const owner = spawn(process.execPath, [OWNER, dataDir, kind], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  const { serverPid } = JSON.parse(line.toString('utf8')) as { serverPid: number };
  expect(await isAlive(serverPid)).toBe(true);
  owner.kill('SIGKILL');
  await once(owner, 'close');
  return serverPid;
}

describe('startCluster', () => {
  it('keeps the data of a persistent cluster, and its port, for the next start', async () => {
    const dataDir = newFolder();
    let port: number;
    {
      await using first = await start(dataDir);
      expect(first.created).toBe(true);
      expect(await first.ensureDatabase('shop')).toBe(true);
      expect(await first.ensureDatabase('shop')).toBe(false);
      await withClient(first.url('shop'), (client) => client.query('CREATE TABLE a AS SELECT 7 AS i'));
      port = first.port;
    }
    await using second = await start(dataDir);
    expect(second.created).toBe(false);
    expect(second.port).toBe(port);
    expect(
      await withClient(second.url('shop'), async (client) => (await client.query('SELECT i FROM a')).rows),
    ).toEqual([{ i: 7 }]);
  });

  it('removes a temporary cluster with its data, and stops only once', async () => {
    const dataDir = newFolder();
    const cluster = await start(dataDir, { persistent: false });
    await Promise.all([cluster.stop(), cluster.stop()]);
    await cluster.stop();
    expect(await exists(dataDir)).toBe(false);
    expect(await isAlive(cluster.pid)).toBe(false);
  });

  it('sorts text the same on every machine, and keeps time in UTC', async () => {
    await using cluster = await start(newFolder(), { persistent: false });
    const { rows } = await withClient(cluster.adminUrl, (client) =>
      client.query(
        `SELECT datlocprovider, datlocale, current_setting('timezone') AS zone FROM pg_database WHERE datname = 'postgres'`,
      ),
    );
    expect(rows).toEqual([{ datlocprovider: 'b', datlocale: 'C.UTF-8', zone: 'UTC' }]);
  });

  it('wants the password, and listens on the loopback interface only', async () => {
    await using cluster = await start(newFolder(), { persistent: false });
    const url = new URL(cluster.adminUrl);
    url.password = 'guess';
    await expect(withClient(url.href, (client) => client.query('SELECT 1'))).rejects.toMatchObject({ code: '28P01' });
    expect(
      await withClient(cluster.adminUrl, async (client) => (await client.query(`SHOW listen_addresses`)).rows),
    ).toEqual([{ listen_addresses: '127.0.0.1' }]);
  });

  it('refuses a folder that is in use, and finds the cluster that uses it', async () => {
    const dataDir = newFolder();
    expect(await findRunningCluster(dataDir)).toBeNull();
    {
      await using cluster = await start(dataDir);
      await expect(start(dataDir)).rejects.toMatchObject({
        code: 'ALREADY_RUNNING',
        message: expect.stringContaining(String(cluster.pid)),
      });
      const found = await findRunningCluster(dataDir);
      expect(found?.adminUrl).toBe(cluster.adminUrl);
      expect(await found?.ensureDatabase('from_outside')).toBe(true);
    }
    expect(await findRunningCluster(dataDir)).toBeNull();
  });

  it('starts over the lock file of a server that is gone, whoever has its pid now', async () => {
    const dataDir = newFolder();
    await (await start(dataDir)).stop();
    // This process's pid: alive, and no PostgreSQL.
    for (const pid of ['999999999', String(process.pid)]) {
      await writeFile(clusterFiles(dataDir).pidFile, `${pid}\n/elsewhere\n1790000000\n5432\n`, { mode: 0o600 });
      await using cluster = await start(dataDir);
      expect(await readFile(clusterFiles(dataDir).pidFile, 'utf8')).toContain(`${cluster.pid}\n`);
    }
  });

  it('stops by itself when its starter is killed, and the next start finds the data', async () => {
    const dataDir = newFolder();
    const serverPid = await killOwner(dataDir, 'persistent');
    // At once: a server that is still stopping is waited for.
    await using cluster = await start(dataDir);
    expect(await isAlive(serverPid)).toBe(false);
    expect(cluster.created).toBe(false);
  });

  it('leaves nothing of a temporary cluster whose starter is killed', async () => {
    const dataDir = newFolder();
    const serverPid = await killOwner(dataDir, 'temporary');
    await until(async () => !(await isAlive(serverPid)) && !(await exists(dataDir)));
  });

  it('recovers when the server itself was killed', async () => {
    const dataDir = newFolder();
    const first = await start(dataDir);
    await withClient(first.adminUrl, (client) => client.query('CREATE TABLE a (i int)'));
    process.kill(first.pid, 'SIGKILL');
    await until(async () => !(await isAlive(first.pid)));
    await first.stop();
    await using second = await start(dataDir);
    expect(await withClient(second.adminUrl, async (client) => (await client.query('SELECT * FROM a')).rows)).toEqual(
      [],
    );
  });

  it('explains a port that is taken, and takes another than the last one when nobody asked for a port', async () => {
    const dataDir = newFolder();
    const first = await start(dataDir);
    await first.stop();
    const taker = createServer().listen(first.port, '127.0.0.1');
    await once(taker, 'listening');
    const { port } = taker.address() as AddressInfo;
    await expect(start(dataDir, { port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`Port ${port} is in use`),
    });
    await using second = await start(dataDir);
    expect(second.port).not.toBe(port);
    taker.close();
    await once(taker, 'close');
  });

  it('explains a file in the place of the folder', async () => {
    const dataDir = newFolder();
    await writeFile(dataDir, '');
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'FOLDER_UNWRITABLE',
      message: expect.stringContaining('a file is in its place'),
    });
    await expect(start(path.join(dataDir, 'below'))).rejects.toMatchObject({ code: 'FOLDER_UNWRITABLE' });
  });

  it('explains a folder that PostgreSQL may not reach', async () => {
    const closed = newFolder();
    await mkdir(closed, { mode: isRoot ? 0o700 : 0o500 });
    const expected = isRoot
      ? { code: 'FOLDER_UNREACHABLE', message: expect.stringContaining(`may not enter ${closed}`) }
      : { code: 'FOLDER_UNWRITABLE', message: expect.stringContaining('this user may not write there') };
    await expect(start(path.join(closed, 'postgres'))).rejects.toMatchObject(expected);
  });

  it('refuses data of another version', async () => {
    const dataDir = newFolder();
    await (await start(dataDir)).stop();
    await writeFile(clusterFiles(dataDir).versionFile, '12\n');
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'VERSION_MISMATCH',
      message: expect.stringContaining('PostgreSQL 12'),
    });
  });

  it('makes the data folder whole or not at all', async () => {
    const dataDir = newFolder();
    await mkdir(dataDir);
    // What a run that was cut short leaves: the password, and an unfinished folder under another name.
    await writeFile(clusterFiles(dataDir).record, JSON.stringify({ password: 'kept', port: null, ownerPid: null }));
    await mkdir(`${clusterFiles(dataDir).pgData}.cut-short`);
    await using cluster = await start(dataDir);
    expect(new URL(cluster.adminUrl).password).toBe('kept');
  });
});
