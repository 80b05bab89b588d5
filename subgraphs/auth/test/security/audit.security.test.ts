import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectData, expectErrorCode } from '@taskgraph/testkit';
import { createAuthDb } from '../../src/db.js';
import { verifyAudit } from '../../src/modules/audit/verify.js';
import { LOGIN, PASSWORD, REFRESH, REGISTER, startAuthGraph, type AuthGraph } from '../auth-graph.js';

const EVENTS = `query($filter: AuditEventFilter, $first: Int, $after: String) { auditEvents(filter: $filter, first: $first, after: $after) {
  edges { node { id action outcome actor { id } subject ipAddress userAgent requestId at details } } pageInfo { hasNextPage endCursor } } }`;

interface Row {
  readonly action: string;
  readonly outcome: string;
  readonly subject: string | null;
}

describe('the audit log', () => {
  let graph: AuthGraph;
  let admin: string;
  const fault = async () => (await verifyAudit(createAuthDb(graph.pool))).fault;

  async function eventsOf(filter: Record<string, unknown>, page: Record<string, unknown> = {}) {
    const { auditEvents } = expectData(await graph.run(EVENTS, { filter, ...page }, admin));
    return { rows: auditEvents.edges.map(({ node }: { node: Row }) => node) as Row[], pageInfo: auditEvents.pageInfo };
  }

  beforeAll(async () => {
    graph = await startAuthGraph({ REFRESH_LEEWAY_SECONDS: '0' });
    const { email, user } = await graph.register();
    await graph.pool.query("UPDATE users SET role = 'ADMIN' WHERE id = $1", [user.id]);
    admin = (await graph.login(email)).accessToken;
  });
  afterAll(async () => {
    await graph[Symbol.asyncDispose]();
  });

  it('has what somebody did, with where and what came of it, and none of his secrets', async () => {
    const { user, email, accessToken, refreshToken } = await graph.register();
    await graph.run(LOGIN, { input: { email, password: 'wrong horse' } });
    await graph.login(email);
    await graph.run(REGISTER, { input: { email, password: PASSWORD, displayName: 'Again' } });
    const change = 'mutation($i: ChangePasswordInput!) { changePassword(input: $i) { __typename } }';
    await graph.run(change, { i: { currentPassword: 'wrong horse', newPassword: 'a' } }, accessToken);
    await graph.run(change, { i: { currentPassword: PASSWORD, newPassword: 'nine purple herons waltz' } }, accessToken);
    await graph.run('mutation { logout { revokedSessions } }', {}, accessToken);

    const other = await graph.register();
    await graph.run(REFRESH, { refreshToken: other.refreshToken });
    await graph.run(REFRESH, { refreshToken: other.refreshToken });

    const { rows } = await eventsOf({}, { first: 100 });
    const of = (id: string) =>
      rows.filter(({ subject }) => subject === id).map(({ action, outcome }) => `${action} ${outcome}`);
    expect(of(user.id).reverse()).toEqual([
      'REGISTER SUCCESS',
      'LOGIN FAILURE',
      'LOGIN SUCCESS',
      'PASSWORD_CHANGE SUCCESS',
      'LOGOUT SUCCESS',
    ]);
    expect(of(other.user.id)).toContain('REFRESH_TOKEN_REUSE FAILURE');
    expect(rows.find(({ action }) => action === 'LOGIN')).toMatchObject({
      ipAddress: '127.0.0.1',
      userAgent: 'node',
      requestId: expect.any(String),
    });
    const kept = JSON.stringify((await graph.pool.query('SELECT to_jsonb(a) AS row FROM audit_events a')).rows);
    for (const secret of [PASSWORD, 'wrong horse', 'nine purple herons waltz', email, accessToken, refreshToken])
      expect(kept).not.toContain(secret);
    expect(await fault()).toBeNull();
  });

  it.each([
    ['EMAIL_CHANGE', 'changeEmail(input: { email: "other@example.com", password: "a wrong one" })'],
    [
      'PASSWORD_CHANGE',
      'changePassword(input: { currentPassword: "a wrong one", newPassword: "nine purple herons waltz" })',
    ],
    ['SECOND_FACTOR_DISABLED', 'disableTotp(password: "a wrong one")'],
  ])('has each wrong guess of who has got hold of a session, and that it was stopped: %s', async (action, mutation) => {
    const { user, accessToken } = await graph.register();
    const guess = () => graph.run(`mutation { ${mutation} { __typename } }`, {}, accessToken);
    for (let tries = 0; tries < 5; tries += 1) expectData(await guess());
    expectErrorCode(await guess(), 'RATE_LIMITED');
    const { rows } = await eventsOf({}, { first: 100 });
    const told = rows.flatMap((row) => (row.subject === user.id ? [`${row.action} ${row.outcome}`] : []));
    expect(told.reverse()).toEqual([
      'REGISTER SUCCESS',
      ...Array<string>(5).fill(`${action} FAILURE`),
      'LOCKOUT FAILURE',
    ]);
  });

  it('is read by administrators in pages, with filters, and that is on record as well', async () => {
    const first = await eventsOf({ action: 'REGISTER' }, { first: 1 });
    expect(first).toMatchObject({ rows: [{ action: 'REGISTER' }], pageInfo: { hasNextPage: true } });
    const second = await eventsOf({ action: 'REGISTER' }, { first: 1, after: first.pageInfo.endCursor });
    expect(second.rows).not.toEqual(first.rows);
    expect((await eventsOf({ from: '2999-01-01T00:00:00Z' })).rows).toEqual([]);
    expect((await eventsOf({ actorId: 'garbage' })).rows).toEqual([]);
    expect((await eventsOf({ action: 'PRIVILEGED_READ' })).rows.length).toBeGreaterThan(0);
    expectErrorCode(await graph.run(EVENTS, { after: 'garbage' }, admin), 'BAD_USER_INPUT');
    const { accessToken } = await graph.register();
    expectErrorCode(await graph.run(EVENTS, {}, accessToken), 'FORBIDDEN');
    expectErrorCode(await graph.run(EVENTS), 'UNAUTHENTICATED');
  });

  it('is one chain, however many write at once', async () => {
    await Promise.all(Array.from({ length: 30 }, () => graph.run(LOGIN, { input: { email: 'x@y.z', password: 'w' } })));
    expect(await fault()).toBeNull();
  });

  it('is changed by nobody, and tells of who circumvents that', async () => {
    for (const sql of [
      "UPDATE audit_events SET action = 'LOGOUT'",
      'DELETE FROM audit_events',
      'TRUNCATE audit_events',
      'DELETE FROM audit_head',
    ])
      await expect(graph.pool.query(sql)).rejects.toThrow('append-only');
    await graph.pool.query('ALTER TABLE audit_events DISABLE TRIGGER ALL');
    await graph.pool.query("UPDATE audit_events SET subject = 'nobody' WHERE position = 3");
    expect(await fault()).toMatchObject({ position: 3n });
    await graph.pool.query('DELETE FROM audit_events WHERE position = 2');
    expect(await fault()).toMatchObject({ position: 2n });
    await graph.pool.query('ALTER TABLE audit_events ENABLE TRIGGER ALL');
  });
});
