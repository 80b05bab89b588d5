import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { purge } from '@taskgraph/service-kit';
import { expectData } from '@taskgraph/testkit';
import fc from 'fast-check';
import { createAuthDb, type AuthDb } from '../src/db.js';
import { retentionRules } from '../src/retention.js';
import { REFRESH, startAuthGraph, type AuthGraph } from './auth-graph.js';

const DAY_MS = 24 * 60 * 60_000;
const KEEP_DAYS = 30;

describe('rows whose time is over', () => {
  let graph: AuthGraph;
  let db: AuthDb;
  let userId: string;
  const now = Date.now();
  const rules = retentionRules({ SESSION_RETENTION_DAYS: KEEP_DAYS });
  const purgeNow = () => purge({ db, rules, now: () => now });
  const daysAgo = (days: number) => new Date(now - days * DAY_MS);

  beforeAll(async () => {
    graph = await startAuthGraph({ REFRESH_LEEWAY_SECONDS: '0' });
    db = createAuthDb(graph.pool);
    userId = (await graph.register()).user.id;
  });
  beforeEach(async () => {
    await db.session.deleteMany({});
    await db.accountToken.deleteMany({});
  });
  afterAll(async () => {
    await db.$disconnect();
    await graph[Symbol.asyncDispose]();
  });

  /** Days ago, before and behind the border, and on both sides of it by a millisecond. */
  const age = fc.oneof(
    fc.double({ min: -60, max: 90, noNaN: true }),
    fc.constantFrom(KEEP_DAYS + 1 / DAY_MS, KEEP_DAYS - 1 / DAY_MS, KEEP_DAYS, 0),
  );

  it('are sessions that ended so long ago, with their tokens, and no others', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ expired: age, revoked: fc.option(age) }), { maxLength: 12 }),
        async (given) => {
          await db.session.deleteMany({});
          const made = await db.session.createManyAndReturn({
            data: given.map(({ expired, revoked }) => ({
              userId,
              expiresAt: daysAgo(expired),
              revokedAt: revoked === null ? null : daysAgo(revoked),
            })),
          });
          await db.refreshToken.createMany({
            data: made.flatMap(({ id }) =>
              [new Date(0), null].map((spentAt) => ({ sessionId: id, tokenHash: randomBytes(32), spentAt })),
            ),
          });
          await purgeNow();
          const expected = made.filter(({ expiresAt, revokedAt }) => {
            const ended = Math.min(expiresAt.getTime(), revokedAt?.getTime() ?? Infinity);
            return ended >= now - KEEP_DAYS * DAY_MS;
          });
          const left = await db.session.findMany({ select: { id: true } });
          expect(left.map(({ id }) => id).sort()).toEqual(expected.map(({ id }) => id).sort());
          expect(await db.refreshToken.count()).toBe(2 * expected.length);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('are taken once, by however many who do so at once, in more than one statement', async () => {
    await db.accountToken.createMany({
      data: Array.from({ length: 2_500 }, (_, index) => ({
        userId,
        purpose: 'verify-email',
        tokenHash: randomBytes(32),
        email: 'x@y.z',
        expiresAt: daysAgo(index % 5 === 0 ? 0 : 3),
      })),
    });
    const outcomes = await Promise.all([purgeNow(), purgeNow(), purgeNow()]);
    await purgeNow();
    expect(outcomes.reduce((sum, { counts }) => sum + (counts['account_tokens'] ?? 0), 0)).toBe(2_000);
    expect(await db.accountToken.count()).toBe(500);
  });

  it('are sessions with more tokens than one statement takes, and none is told as ended that nobody can use', async () => {
    const [old, live] = await db.session.createManyAndReturn({
      data: [40, -1].map((days) => ({ userId, expiresAt: daysAgo(days) })),
    });
    await db.revokedSession.deleteMany({});
    await db.refreshToken.createMany({
      data: Array.from({ length: 2_500 }, () => ({ sessionId: old?.id ?? '', tokenHash: randomBytes(32) })),
    });
    const sizes: number[] = [];
    const counting = {
      $queryRawUnsafe: db.$queryRawUnsafe.bind(db),
      async $executeRawUnsafe(statement: string, ...values: unknown[]) {
        const before = (await db.refreshToken.count()) + (await db.session.count());
        const count = await db.$executeRawUnsafe(statement, ...values);
        sizes.push(before - (await db.refreshToken.count()) - (await db.session.count()));
        return count;
      },
    };
    const { counts } = await purge({ db: counting, rules, now: () => now });
    expect(counts).toMatchObject({ refresh_tokens: 2_500, sessions: 1 });
    // Whatever goes with a row of its own accord, too.
    expect(Math.max(...sizes)).toBe(1_000);
    expect(await db.revokedSession.count()).toBe(0);
    await db.session.deleteMany({ where: { id: live?.id ?? '' } });
    expect(await db.revokedSession.findMany({ select: { sessionId: true } })).toEqual([{ sessionId: live?.id }]);
  });

  it('are not the spent tokens of a session that lives: who presents one ends it, however old it is', async () => {
    const { refreshToken } = await graph.register();
    const { refreshSession } = expectData(await graph.run(REFRESH, { refreshToken }));
    await db.refreshToken.updateMany({
      where: { spentAt: { not: null } },
      data: { spentAt: daysAgo(365), createdAt: daysAgo(365) },
    });
    await purgeNow();
    for (const token of [refreshToken, refreshSession.refreshToken]) {
      const { refreshSession: answer } = expectData(await graph.run(REFRESH, { refreshToken: token }));
      expect(answer.__typename).toBe('InvalidRefreshTokenProblem');
    }
    expect(await db.session.count({ where: { revokedAt: null } })).toBe(0);
  });
});
