import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLog, createMetrics, inTransaction } from '@taskgraph/service-kit';
import { expectData, expectErrorCode, leaveOrigins, sumOfMetric } from '@taskgraph/testkit';
import { createAuthDb, type AuthDb } from '../src/db.js';
import { verifyAudit } from '../src/modules/audit/verify.js';
import { createPendingErasures } from '../src/modules/erasure/pending-erasures.js';
import { confirmErasure, repeatErasures } from '../src/modules/erasure/service.js';
import { LOGIN, PASSWORD, startAuthGraph, type AuthGraph } from './auth-graph.js';

const DELETE = `mutation($password: String!) { deleteMyAccount(password: $password) { __typename
  ... on DeleteMyAccountSuccess { userId } ... on InvalidCredentialsProblem { message } } }`;
const EVENTS = `query($filter: AuditEventFilter) { auditEvents(filter: $filter, first: 100) {
  edges { node { action outcome actor { id } subject ipAddress userAgent details } } } }`;

interface Row {
  readonly action: string;
  readonly actor: { readonly id: string } | null;
  readonly subject: string | null;
  readonly ipAddress: string | null;
  readonly details: string;
}

describe('deleting an account', () => {
  let graph: AuthGraph;
  let db: AuthDb;
  let admin: string;
  const log = createLog({ service: 'auth', level: 'silent' });
  beforeAll(async () => {
    graph = await startAuthGraph();
    db = createAuthDb(graph.pool);
    const { email, user } = await graph.register();
    await graph.pool.query("UPDATE users SET role = 'ADMIN' WHERE id = $1", [user.id]);
    admin = (await graph.login(email)).accessToken;
  });
  afterAll(async () => {
    await db.$disconnect();
    await graph[Symbol.asyncDispose]();
  });
  const audit = async (filter: Record<string, unknown> = {}): Promise<Row[]> =>
    expectData(await graph.run(EVENTS, { filter }, admin)).auditEvents.edges.map(({ node }: { node: Row }) => node);
  const confirm = (userId: string, service: 'task' | 'media') =>
    inTransaction(db, (tx) => confirmErasure(tx, userId, service, log));

  it('leaves an audit log that holds, has what they did, and cannot tell any more who it was', async () => {
    const { user, email, accessToken } = await graph.register();
    await graph.run(LOGIN, { input: { email, password: 'wrong horse' } });
    const before = await audit({ actorId: user.id });
    expect(before).toMatchObject([
      { action: 'REGISTER', actor: { id: user.id }, subject: user.id, ipAddress: '127.0.0.1' },
    ]);
    await graph.run(DELETE, { password: 'wrong horse' }, accessToken);
    const deleted = async () =>
      sumOfMetric(await (await fetch(`${graph.url}/metrics`)).text(), 'taskgraph_auth_accounts_deleted_total');
    const deletedBefore = await deleted();
    expectData(await graph.run(DELETE, { password: PASSWORD }, accessToken));
    expect(await deleted()).toBe(deletedBefore + 1);

    expect(await audit({ actorId: user.id })).toEqual([]);
    const rows = await audit();
    const theirs = rows.filter(({ subject }) => subject !== null && subject === rows[1]?.subject);
    expect(theirs.map(({ action }) => action)).toEqual(['ACCOUNT_ERASURE', 'ACCOUNT_ERASURE', 'LOGIN', 'REGISTER']);
    for (const row of theirs) expect(row).toMatchObject({ actor: null, ipAddress: null, userAgent: null });
    const { rows: kept } = await graph.pool.query('SELECT to_jsonb(a) AS row FROM audit_events a');
    const text = JSON.stringify(kept);
    for (const word of [user.id, email]) expect(text).not.toContain(word);
    expect(await verifyAudit(db)).toMatchObject({ fault: null });
  });

  it('takes where they were from events that could not be handled, of before and of later', async () => {
    const [{ user, accessToken }, { user: ben }] = [await graph.register(), await graph.register()];
    const people = [user.id, ben.id];
    const [gone, kept] = [
      [user.id, []],
      [ben.id, ['ipAddress', 'userAgent']],
    ];
    const before = await leaveOrigins(graph.pool, 'task.privileged-change.v1', people);
    expectData(await graph.run(DELETE, { password: PASSWORD }, accessToken));
    expect(await before()).toEqual([gone, kept]);
    const later = await leaveOrigins(graph.pool, 'media.privileged-read.v1', people, { outbox: false });
    await repeatErasures(db, 60_000);
    expect(await later()).toEqual([gone, kept]);
  });

  it('happens once, of two who ask for it at once', async () => {
    const { user, accessToken } = await graph.register();
    const results = await Promise.all([1, 2].map(() => graph.run(DELETE, { password: PASSWORD }, accessToken)));
    const done = results.filter(({ body }) => body.data?.['deleteMyAccount'] != null);
    expect(done.map(({ body }) => body.data?.['deleteMyAccount'])).toEqual([
      { __typename: 'DeleteMyAccountSuccess', userId: user.id },
    ]);
    for (const result of results.filter((result) => !done.includes(result))) expectErrorCode(result, 'UNAUTHENTICATED');
    expect(await db.erasure.count({ where: { userId: user.id } })).toBe(1);
  });

  it('pauses after too many passwords that were wrong', async () => {
    const { accessToken } = await graph.register();
    for (let count = 0; count < 5; count += 1) await graph.run(DELETE, { password: 'wrong horse' }, accessToken);
    expectErrorCode(await graph.run(DELETE, { password: PASSWORD }, accessToken), 'RATE_LIMITED');
  });

  it('is complete when the last service has confirmed it, once, and is told again as long as one has not', async () => {
    const { user, accessToken } = await graph.register();
    expectData(await graph.run(DELETE, { password: PASSWORD }, accessToken));
    const told = async () =>
      (await graph.pool.query("SELECT FROM outbox WHERE type = 'auth.account-deleted.v1' AND subject = $1", [user.id]))
        .rows.length;
    expect(await told()).toBe(1);
    await repeatErasures(db, 60_000);
    expect(await told()).toBe(1);
    const metrics = createMetrics('auth');
    const watching = createPendingErasures({ db, metrics, log });
    const valueOf = async (name: string) => sumOfMetric(await metrics.registry.metrics(), name);
    watching.start();
    while (!((await valueOf('taskgraph_auth_erasures_pending')) > 0)) await new Promise(setImmediate);
    await watching.close();
    expect(await valueOf('taskgraph_auth_erasure_oldest_age_seconds')).toBeGreaterThan(0);
    await confirm(user.id, 'media');
    await confirm(user.id, 'media');
    expect((await repeatErasures(db, 0)).pending).toBeGreaterThan(0);
    expect(await told()).toBe(2);
    await confirm(user.id, 'task');
    await confirm(user.id, 'task');
    await repeatErasures(db, 0);
    expect(await told()).toBe(2);
    const { erasureId } = JSON.parse(
      (await audit({ action: 'ACCOUNT_ERASURE' })).find(({ details }) => details.includes('completed'))?.details ??
        '{}',
    ) as { erasureId: string };
    expect(await db.erasure.findUnique({ where: { id: erasureId } })).toMatchObject({
      userId: null,
      awaiting: [],
      completedAt: expect.any(Date),
    });
  });
});
