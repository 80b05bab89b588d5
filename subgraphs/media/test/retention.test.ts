import { randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { days, purge } from '@taskgraph/service-kit';
import { createMediaDb } from '../src/db.js';
import { RETENTION_RULES } from '../src/retention.js';
import { startMediaGraph } from './media-graph.js';

it('purges who was erased so long ago that no event names them any more', async () => {
  await using graph = await startMediaGraph();
  const db = createMediaDb(graph.pool);
  const now = Date.now();
  const before = (ms: number) => new Date(now - days(40) + ms);
  const users = [before(-1), before(0), null].map((doneAt) => ({ userId: randomUUID(), doneAt }));
  // However long ago it was told: what is not done is not over.
  await db.erasedUser.createMany({ data: users.map((user) => ({ ...user, toldAt: before(-days(400)) })) });
  const outcome = await purge({ db, rules: RETENTION_RULES, now: () => now });
  expect(outcome).toEqual({ counts: { erased_users: 1 }, faults: new Map(), hasMore: false });
  const left = await db.erasedUser.findMany({ select: { userId: true, doneAt: true }, orderBy: { userId: 'asc' } });
  expect(left).toEqual(users.slice(1).sort((one, other) => (one.userId < other.userId ? -1 : 1)));
  await db.$disconnect();
});
