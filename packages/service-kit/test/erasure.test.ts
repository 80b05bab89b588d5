import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createErasureWork,
  createExportSending,
  createMetrics,
  createPreparedReads,
  forgetDeadParts,
  forgetDeadPartsOf,
  dropExport,
  dropExportsOf,
  inTransaction,
  noteErasedUser,
  noteExport,
  type ErasureStep,
} from '@taskgraph/service-kit';
import { cloneDatabase, openTestPool, type TestDatabase } from '@taskgraph/testkit';
import type pg from 'pg';
import { log, rawClient } from './events/event-fixture.js';

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await cloneDatabase('task');
  pool = openTestPool(database.url);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(() => pool.query('DELETE FROM erased_users'));

describe('erasing users whose accounts are gone', () => {
  /** Works until there is nothing that it can do, with what it takes for each of them; tells in which order they had a turn. */
  async function work(userIds: readonly string[], erase: (userId: string) => ErasureStep) {
    const db = rawClient(pool);
    for (const userId of userIds) await inTransaction(db, (tx) => noteErasedUser(tx, userId));
    const metrics = createMetrics('test');
    const turns: string[] = [];
    const told: string[] = [];
    const erasing = createErasureWork({
      db,
      reads: createPreparedReads(pool, 0),
      erase: async (_tx, userId) => {
        turns.push(userId);
        return erase(userId);
      },
      tell: async (_tx, userId) => void told.push(userId),
      log,
      metrics,
    });
    const valueOf = async (name: string) =>
      Number(new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'm').exec(await metrics.registry.metrics())?.[1]);
    return { erasing, turns, told, valueOf };
  }

  it('gives everybody a turn, however many before them cannot be erased, and counts them all', async () => {
    const broken = Array.from({ length: 45 }, (): string => randomUUID());
    const [waits, good] = [randomUUID(), randomUUID()];
    const { erasing, turns, told, valueOf } = await work([...broken, waits, good], (userId) => {
      if (broken.includes(userId)) throw new Error('broken');
      return userId === waits ? 'wait' : 'nothing';
    });
    erasing.start();
    // Whose data are in use is looked at again soon; who has failed is not.
    while (turns.filter((userId) => userId === waits).length < 2) await new Promise(setImmediate);
    await erasing.close();
    expect(told).toEqual([good]);
    expect(turns.filter((userId) => broken.includes(userId))).toHaveLength(broken.length);
    expect(await valueOf('taskgraph_erasures_total')).toBe(1);
    expect(await valueOf('taskgraph_erasures_pending')).toBe(broken.length + 1);
    expect(await valueOf('taskgraph_erasure_failures_total')).toBe(broken.length);
    const { rows } = await pool.query('SELECT user_id AS id FROM erased_users WHERE done_at IS NOT NULL');
    expect(rows).toEqual([{ id: good }]);
  });

  it('lets who has little pass who has much', async () => {
    const [much, little] = [randomUUID(), randomUUID()];
    let left = 1_000;
    const { erasing, turns, told } = await work([much, little], (userId) =>
      userId === little || (left -= 1) === 0 ? 'nothing' : 'more',
    );
    erasing.start();
    while (told.length < 2) await new Promise(setImmediate);
    await erasing.close();
    expect(told).toEqual([little, much]);
    expect(turns).toHaveLength(1_001);
  });
});

describe('parts of exports that could not be handled', () => {
  it('go with their export, and with their account, and no others do', async () => {
    const db = rawClient(pool);
    const [ada, ben, one, two, three] = Array.from({ length: 5 }, () => randomUUID());
    const letters = [
      ['auth.data-exported.v1', { userId: ada, dataExportId: one }],
      ['task.data-exported.v1', { userId: ada, dataExportId: two }],
      ['media.data-export-requested.v1', { userId: ada, dataExportId: two }],
      ['auth.data-exported.v1', { userId: ben, dataExportId: three }],
      ['auth.account-deleted.v1', { userId: ada }],
    ] as const;
    for (const [type, data] of letters)
      await pool.query(
        "INSERT INTO dead_letters (group_name, event_id, envelope, error, attempts) VALUES ('media', $1, $2, 'broken', 5)",
        [randomUUID(), JSON.stringify({ type, data })],
      );
    const left = async () => {
      const { rows } = await pool.query<{ envelope: { type: string; data: unknown } }>(
        'SELECT envelope FROM dead_letters ORDER BY died_at',
      );
      return rows.map(({ envelope: { type, data } }) => [type, data]);
    };
    await inTransaction(db, (tx) => forgetDeadParts(tx, one ?? ''));
    expect(await left()).toEqual(letters.slice(1));
    await inTransaction(db, (tx) => forgetDeadPartsOf(tx, ada ?? ''));
    expect(await left()).toEqual(letters.slice(3));
  });
});

describe('sending what there is of somebody', () => {
  const db = () => rawClient(pool);
  const ask = async (userId = randomUUID() as string) => {
    const ids = { dataExportId: randomUUID() as string, userId };
    await inTransaction(db(), (tx) => noteExport(tx, ids));
    return ids;
  };
  const waiting = async () =>
    (await pool.query<{ id: string }>('SELECT export_id AS id FROM data_export_requests')).rows.map(({ id }) => id);

  it('takes as long as it takes, once for each export, and goes on behind one that fails', async () => {
    const [broken, good] = [await ask(), await ask()];
    await inTransaction(db(), (tx) => noteExport(tx, good));
    const sent: string[] = [];
    const options = {
      db: db(),
      log,
      async send(_tx: unknown, { dataExportId }: { dataExportId: string }) {
        sent.push(dataExportId);
        if (dataExportId === broken.dataExportId) throw new Error('broken');
      },
    };
    const [one, other] = [createExportSending(options), createExportSending(options)];
    for (const work of [one, other]) work.start();
    while ((await waiting()).includes(good.dataExportId));
    for (const work of [one, other]) await work.close();
    expect(sent.sort()).toEqual([broken, good].map(({ dataExportId }) => dataExportId).sort());
    expect(await waiting()).toEqual([broken.dataExportId]);
    await inTransaction(db(), (tx) => dropExport(tx, broken.dataExportId));
    expect(await waiting()).toEqual([]);
  });

  it('is not waited for by who deletes the account', async () => {
    const ids = await ask();
    let isSending: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (isSending = resolve));
    let goOn: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const work = createExportSending({
      db: db(),
      log,
      async send() {
        isSending();
        await gate;
      },
    });
    work.start();
    await begun;
    expect(await inTransaction(db(), (tx) => dropExportsOf(tx, ids.userId))).toBe(false);
    goOn();
    await work.close();
    expect(await inTransaction(db(), (tx) => dropExportsOf(tx, ids.userId))).toBe(true);
  });
});
