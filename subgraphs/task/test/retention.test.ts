import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { days, purge } from '@taskgraph/service-kit';
import { createTaskDb } from '../src/db.js';
import { retentionRules } from '../src/retention.js';
import { startTaskGraph } from './task-graph.js';

it.each([
  [90, 90],
  [1, 40],
])('purges what its time is over of, with known media kept for %i days: for %i', async (setting, keptDays) => {
  await using graph = await startTaskGraph();
  const db = createTaskDb(graph.pool);
  const now = Date.now();
  const before = (count: number, ms: number) => new Date(now - days(count) + ms);
  const [old, young] = [randomUUID(), randomUUID()];
  await db.knownMedia.createMany({
    data: [
      { mediaId: old, state: 'READY', toldAt: before(keptDays, -1) },
      { mediaId: young, state: 'DELETED', toldAt: before(keptDays, 0) },
    ],
  });
  const users = [before(40, -1), before(40, 0), null].map((doneAt) => ({ userId: randomUUID(), doneAt }));
  // However long ago it was told: what is not done is not over.
  await db.erasedUser.createMany({ data: users.map((user) => ({ ...user, toldAt: before(400, 0) })) });
  const rules = retentionRules({ KNOWN_MEDIA_RETENTION_DAYS: setting });
  const outcome = await purge({ db, rules, now: () => now });
  expect(outcome).toEqual({ counts: { known_media: 1, erased_users: 1 }, faults: new Map(), hasMore: false });
  expect(await db.knownMedia.findMany({ select: { mediaId: true } })).toEqual([{ mediaId: young }]);
  const left = await db.erasedUser.findMany({ select: { userId: true, doneAt: true }, orderBy: { userId: 'asc' } });
  expect(left).toEqual(users.slice(1).sort((one, other) => (one.userId < other.userId ? -1 : 1)));
  await db.$disconnect();
});
