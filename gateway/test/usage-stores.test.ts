import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { createLog } from '@taskgraph/service-kit';
import { hasRedisServer, startRedisServer } from '@taskgraph/testkit';
import { Redis } from 'ioredis';
import { idOfText } from '../src/usage/normal-operation.js';
import { createRedisUsage } from '../src/usage/redis-usage.js';
import { createUsageFolder } from '../src/usage/usage-folder.js';
import type { UsageBounds, UsageCount, UsageStore } from '../src/usage/usage-record.js';

const log = createLog({ service: 'gateway', level: 'silent' });
const DAY_MS = 24 * 60 * 60 * 1_000;
const NOW = new Date('2026-11-27T10:00:00Z');
const daysLater = (days: number) => new Date(NOW.getTime() + days * DAY_MS);

function count(client: string, times: number, text = '{a}', version: string | null = null): UsageCount {
  return { client, version, operation: { id: idOfText(text), name: null, text }, count: times };
}

interface Opened extends AsyncDisposable {
  readonly store: UsageStore;
  /** `client count`, sorted. */
  read(): Promise<string[]>;
}

const folderStore = async (bounds: UsageBounds): Promise<Opened> => {
  const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-usage-'));
  const store = await createUsageFolder({ folder, log, ...bounds });
  return {
    store,
    async read() {
      const text = await readFile(path.join(folder, `usage-${process.pid}.ndjson`), 'utf8');
      const records = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { client: string; count: number });
      return records.map((each) => `${each.client} ${each.count}`).sort();
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
};

const redisStore = async (bounds: UsageBounds): Promise<Opened> => {
  const redis = await startRedisServer();
  const client = new Redis(redis.url);
  let ready = () => undefined as void;
  const isReady = new Promise<void>((resolve) => (ready = resolve));
  const store = createRedisUsage({ url: redis.url, log, ...bounds, onClient: (own) => own.once('ready', ready) });
  await isReady;
  return {
    store,
    async read() {
      const [facts, counts] = [
        await client.hgetall('taskgraph:{usage}:records'),
        await client.zrange('taskgraph:{usage}:counts', 0, -1, 'WITHSCORES'),
      ];
      expect(await client.zcard('taskgraph:{usage}:seen')).toBe(counts.length / 2);
      const clients = Object.entries(facts).map(([id, fact]) => {
        const { client: name } = JSON.parse(fact) as { client: string };
        return `${name} ${counts[counts.indexOf(id) + 1]}`;
      });
      return clients.sort();
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      client.disconnect();
      await redis[Symbol.asyncDispose]();
    },
  };
};

const kinds = { folder: folderStore, ...(hasRedisServer() && { Redis: redisStore }) };

describe.each(Object.entries(kinds))('records in %s', (_, open) => {
  const bounds = { maxRecords: 4, retentionMs: 30 * DAY_MS };

  it('add up, and those of other versions and operations are others', async () => {
    await using opened = await open(bounds);
    const { store } = opened;
    await store.add([count('web', 2), count('web', 1, '{a}', '2'), count('web', 1, '{b}')], NOW);
    expect(await store.add([count('web', 3)], daysLater(1))).toEqual({ unnamed: 0, dropped: 0 });
    expect(await opened.read()).toEqual(['web 1', 'web 1', 'web 5']);
  });

  it('of names that are made up push out none who goes on asking', async () => {
    await using opened = await open(bounds);
    const { store } = opened;
    await store.add([count('web', 5), count('phone', 2)], NOW);
    const made = Array.from({ length: 1_000 }, (_each, index) => count(`made-up-${index}`, 1));
    const { unnamed, dropped } = await store.add(made, NOW);
    expect(unnamed + dropped).toBe(998 + 1);
    expect(dropped).toBe(1);
    expect(await opened.read()).toEqual(['(others) 998', expect.stringMatching(/^made-up-\d+ 1$/), 'phone 2', 'web 5']);
    // Who asks more often than the least gets in; who gives way is counted on.
    expect(await store.add([count('tablet', 3)], NOW)).toEqual({ unnamed: 1, dropped: 0 });
    expect(await opened.read()).toEqual(['(others) 999', 'phone 2', 'tablet 3', 'web 5']);
  });

  it('of operations that are made up are bounded, and told as dropped', async () => {
    await using opened = await open(bounds);
    await opened.store.add([count('web', 5), count('phone', 2)], NOW);
    const made = Array.from({ length: 500 }, (_each, index) => count('eve', 1, `{a${index}}`));
    const { dropped } = await opened.store.add(made, NOW);
    expect(dropped).toBe(498);
    expect(await opened.read()).toHaveLength(4);
    expect(await opened.read()).toEqual(expect.arrayContaining(['phone 2', 'web 5']));
  });

  it('are forgotten when they were not seen again', async () => {
    await using opened = await open(bounds);
    await opened.store.add([count('old', 9), count('web', 1)], NOW);
    await opened.store.add([count('web', 1)], daysLater(20));
    await opened.store.add([count('new', 1)], daysLater(40));
    expect(await opened.read()).toEqual(['new 1', 'web 2']);
  });
});

describe('a folder of records', () => {
  it('is taken over from processes that are gone, and from no other; what is no record is left out', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'taskgraph-usage-'));
    const record = { client: 'web', operation: '{a}', count: 2, firstSeen: '2026-11-01', lastSeen: '2026-11-20' };
    const write = (pid: number, ...lines: string[]) =>
      writeFile(path.join(folder, `usage-${pid}.ndjson`), lines.map((line) => `${line}\n`).join(''));
    // No process has so high a number; the parent of this one runs.
    await write(2 ** 30, JSON.stringify(record), 'no record', '{"client":"web"}');
    await write(process.pid, JSON.stringify({ ...record, firstSeen: '2026-10-01' }));
    await write(process.ppid, JSON.stringify(record));
    await writeFile(path.join(folder, 'of-somebody-else.txt'), '');
    // Of a process that was killed while it wrote, and of one that was while it took over.
    await writeFile(path.join(folder, `usage-${2 ** 30}.ndjson.new`), '{"cli');
    await writeFile(path.join(folder, `usage-${2 ** 30 + 1}.ndjson.${2 ** 30}`), `${JSON.stringify(record)}\n`);
    const store = await createUsageFolder({ folder, log, maxRecords: 10, retentionMs: 90 * DAY_MS });
    await store.add([count('web', 1)], NOW);
    await store.close();
    const own = `usage-${process.pid}.ndjson`;
    expect((await readdir(folder)).sort()).toEqual(
      ['of-somebody-else.txt', own, `usage-${process.ppid}.ndjson`].sort(),
    );
    expect(JSON.parse(await readFile(path.join(folder, own), 'utf8'))).toEqual({
      ...record,
      count: 7,
      firstSeen: '2026-10-01',
      lastSeen: '2026-11-27',
    });
    await rm(folder, { recursive: true });
  });
});
