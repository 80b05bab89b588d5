import { describe, expect, it } from '@jest/globals';
import type { RawSqlClient } from './events/outbox.js';
import { createLog } from './log.js';
import { createMetrics } from './metrics.js';
import { countOverdue, createRetentionWork, days, purge } from './retention.js';

/** A database of tables with so many rows whose time is over; null is one that is broken. */
function tablesOf(rows: Record<string, number | null>): { db: RawSqlClient; asked: string[] } {
  const asked: string[] = [];
  const tableOf = (statement: string) => {
    const table = /FROM "(\w+)"/.exec(statement)?.[1] ?? '';
    asked.push(table);
    const left = rows[table];
    if (left == null) throw new Error(`${table} is broken`);
    return { table, left };
  };
  const db = {
    async $executeRawUnsafe(statement: string) {
      const { table, left } = tableOf(statement);
      const count = Math.min(left, Number(/LIMIT (\d+)/.exec(statement)?.[1]));
      rows[table] = left - count;
      return count;
    },
    $queryRawUnsafe: async (statement: string) => [{ count: tableOf(statement).left }],
  } as unknown as RawSqlClient;
  return { db, asked };
}

const rules = ['one', 'two', 'three'].map((table) => ({ table, where: 'at < $1', keepMs: days(1) }));

describe('purging', () => {
  it('goes on behind a table that cannot be purged, and tells which that was', async () => {
    const { counts, faults } = await purge({ db: tablesOf({ one: 1, two: null, three: 2_500 }).db, rules });
    expect(counts).toEqual({ one: 1, three: 2_500 });
    expect([...faults]).toEqual([['two', new Error('two is broken')]]);
  });

  it('ends, however much there is, and tells that there is more', async () => {
    const tables = { one: 1_000_000, two: 10, three: 0 };
    const { db, asked } = tablesOf(tables);
    expect(await purge({ db, rules })).toMatchObject({ counts: { one: 100_000, two: 10, three: 0 }, hasMore: true });
    expect(asked).toHaveLength(102);
    tables.one = 5;
    expect(await purge({ db, rules })).toMatchObject({ counts: { one: 5 }, hasMore: false });
  });

  it('counts without deleting', async () => {
    const tables = { one: 7, two: null, three: 0 };
    const { counts, faults } = await countOverdue({ db: tablesOf(tables).db, rules });
    expect([counts, [...faults.keys()]]).toEqual([{ one: 7, three: 0 }, ['two']]);
    expect(tables).toEqual({ one: 7, two: null, three: 0 });
  });

  it('counts failures of each table from zero on, so that the first one is growth', async () => {
    const metrics = createMetrics('test');
    const log = createLog({ service: 'test', level: 'silent' });
    const work = createRetentionWork({ db: tablesOf({}).db, rules, metrics, log, intervalMs: 1 });
    const text = await metrics.registry.getSingleMetricAsString('taskgraph_retention_failures_total');
    for (const table of ['one', 'two', 'three']) expect(text).toMatch(new RegExp(`\\{.*table="${table}".*\\} 0$`, 'm'));
    await work.close();
  });

  it('comes again soon where there is more, and counts what failed', async () => {
    const tables: Record<string, number | null> = { one: 100_001, two: null, three: 1 };
    const metrics = createMetrics('test');
    const log = createLog({ service: 'test', level: 'silent' });
    const { db } = tablesOf(tables);
    const work = createRetentionWork({ db, rules, metrics, log, intervalMs: 1, firstAfterMs: 0 });
    work.start();
    while (tables['one'] !== 0) await new Promise(setImmediate);
    await work.close();
    const text = await metrics.registry.metrics();
    expect(text).toMatch(/taskgraph_retention_purged_rows_total\{.*table="one".*\} 100001/);
    expect(text).toMatch(/taskgraph_retention_failures_total\{.*table="two".*\} (?!0|1\b)\d+/);
  });
});
