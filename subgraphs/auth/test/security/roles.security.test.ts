import { createLog } from '@taskgraph/service-kit';
import { expectData, expectErrorCode } from '@taskgraph/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createAuthDb, type AuthDb } from '../../src/db.js';
import { verifyAudit } from '../../src/modules/audit/verify.js';
import { changeRole, recordNotedChanges } from '../../src/modules/roles/service.js';
import { originOf } from '../../src/run-command.js';
import { PASSWORD, REFRESH, startAuthGraph, type AuthGraph } from '../auth-graph.js';
import { eventsOf, plainPasswords } from '../second-factor.js';

const EVENTS = '{ auditEvents(first: 1) { edges { node { id } } } }';

describe('the role of an administrator', () => {
  let graph: AuthGraph;
  let db: AuthDb;
  const origin = originOf('a command', createLog({ service: 'test', level: 'silent' }));
  beforeAll(async () => {
    graph = await startAuthGraph({ REVOCATION_POLL_MS: '50' }, undefined, { passwords: plainPasswords });
    db = createAuthDb(graph.pool);
  });
  afterAll(async () => {
    await db.$disconnect();
    await graph[Symbol.asyncDispose]();
  });
  const rolesOf = async (userId: string) =>
    (await eventsOf(graph, userId)).filter(({ what }) => what.startsWith('ROLE_CHANGE'));

  it('is given and taken once, however often it is asked for, and is on record as often', async () => {
    const { user, email } = await graph.register();
    expect(await changeRole(db, origin, 'nobody@example.com', 'ADMIN')).toBeNull();
    expect(await changeRole(db, origin, email, 'USER')).toBe(false);
    for (const role of ['ADMIN', 'USER'] as const) {
      const outcomes = await Promise.all([1, 2, 3].map(() => changeRole(db, origin, email, role)));
      expect(outcomes.sort()).toEqual([false, false, true]);
    }
    expect(await rolesOf(user.id)).toEqual([
      { what: 'ROLE_CHANGE SUCCESS', details: { role: 'ADMIN', by: 'command' } },
      { what: 'ROLE_CHANGE SUCCESS', details: { role: 'USER', by: 'command', sessions: [expect.any(String)] } },
    ]);
    // Nothing is left to be put on record a second time.
    expect(await recordNotedChanges(db, origin)).toBe(0);
  });

  it('is lost within five seconds by who has it no more, with the sessions that had it', async () => {
    const { email } = await graph.register();
    await changeRole(db, origin, email, 'ADMIN');
    const { accessToken, refreshToken } = await graph.login(email);
    expectData(await graph.run(EVENTS, {}, accessToken));
    const began = Date.now();
    await changeRole(db, origin, email, 'USER');
    for (;;) {
      const { body } = await graph.run(EVENTS, {}, accessToken);
      if (body.errors?.[0]?.extensions?.code === 'UNAUTHENTICATED') break;
    }
    expect(Date.now() - began).toBeLessThan(5_000);
    expect(expectData(await graph.run(REFRESH, { refreshToken })).refreshSession.__typename).toBe(
      'InvalidRefreshTokenProblem',
    );
    expectErrorCode(await graph.run(EVENTS, {}, (await graph.login(email)).accessToken), 'FORBIDDEN');
  });

  it('is on record too where somebody changes it in the database, once', async () => {
    const { user } = await graph.register();
    await graph.pool.query("UPDATE users SET role = 'ADMIN' WHERE id = $1", [user.id]);
    await graph.pool.query("UPDATE users SET role = 'ADMIN', display_name = 'Ada' WHERE id = $1", [user.id]);
    await graph.pool.query("UPDATE users SET role = 'USER' WHERE id = $1", [user.id]);
    await Promise.all([1, 2].map(() => recordNotedChanges(db, origin)));
    const facts = { by: 'database', at: expect.any(String) };
    expect(await rolesOf(user.id)).toEqual([
      { what: 'ROLE_CHANGE SUCCESS', details: { role: 'ADMIN', ...facts } },
      { what: 'ROLE_CHANGE SUCCESS', details: { role: 'USER', ...facts, sessions: [expect.any(String)] } },
    ]);
    expect((await verifyAudit(db)).fault).toBeNull();
  });

  it('is lost with the sessions that had it where somebody takes it in the database, and not where it is given again', async () => {
    const [taken, again] = [await graph.register(), await graph.register()];
    for (const { email } of [taken, again]) await changeRole(db, origin, email, 'ADMIN');
    const [first, second] = [await graph.login(taken.email), await graph.login(again.email)];
    for (const { user } of [taken, again])
      await graph.pool.query("UPDATE users SET role = 'USER' WHERE id = $1", [user.id]);
    await graph.pool.query("UPDATE users SET role = 'ADMIN' WHERE id = $1", [again.user.id]);
    await recordNotedChanges(db, origin);
    while ((await graph.run(EVENTS, {}, first.accessToken)).body.errors?.[0]?.extensions?.code !== 'UNAUTHENTICATED');
    expectData(await graph.run(EVENTS, {}, second.accessToken));
  });

  it('is on record where it is changed in the database just before the account is deleted', async () => {
    const { user, accessToken } = await graph.register();
    const { pseudonym } = await db.auditPerson.findUniqueOrThrow({ where: { userId: user.id } });
    await graph.pool.query("UPDATE users SET role = 'ADMIN' WHERE id = $1", [user.id]);
    const query = 'mutation($password: String!) { deleteMyAccount(password: $password) { __typename } }';
    expectData(await graph.run(query, { password: PASSWORD }, accessToken));
    expect(await db.auditEvent.findMany({ where: { action: 'ROLE_CHANGE', subject: pseudonym } })).toMatchObject([
      { details: { role: 'ADMIN', by: 'database' } },
    ]);
    expect((await verifyAudit(db)).fault).toBeNull();
  });
});
