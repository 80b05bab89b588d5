import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createLog, inTransaction } from '@taskgraph/service-kit';
import { expectData } from '@taskgraph/testkit';
import { createAuthDb } from '../src/db.js';
import { recordPrivilegedRead } from '../src/modules/audit/privileged-reads.js';
import { recordAlone } from '../src/modules/audit/service.js';
import { verifyAudit } from '../src/modules/audit/verify.js';
import { startAuthGraph } from './auth-graph.js';

describe('what administrators read in other services', () => {
  it('is on record, of each user apart, so that the log can forget who that was', async () => {
    await using graph = await startAuthGraph();
    const db = createAuthDb(graph.pool);
    const log = createLog({ service: 'auth', level: 'silent' });
    const [admin, ada] = [(await graph.register()).user.id, (await graph.register()).user.id];
    const [taskId, gone] = [randomUUID(), randomUUID()];
    const subjects = [
      { kind: 'task', id: taskId },
      { kind: 'tasks-of-user', id: ada },
      { kind: 'tasks-of-user', id: gone },
    ] as const;
    const event = {
      ...{ id: randomUUID(), type: 'task.privileged-read.v1', source: 'task', subject: admin, sequence: '1' },
      ...{ time: new Date().toISOString(), requestId: 'request-1' },
      data: { actorId: admin, subjects: [...subjects], ipAddress: '192.0.2.7', userAgent: 'browser' },
    } as const;
    await inTransaction(db, (tx) => recordPrivilegedRead(tx, event as never, log));
    const names = new Map((await db.auditPerson.findMany()).map((person) => [person.userId, person.pseudonym]));
    const rows = await db.auditEvent.findMany({ where: { action: 'PRIVILEGED_READ' }, orderBy: { position: 'asc' } });
    expect(rows.map(({ subject, requestId, actorId }) => [subject, requestId, actorId])).toEqual(
      [names.get(ada), null, taskId].map((subject) => [subject, 'request-1', names.get(admin)]),
    );
    const text = JSON.stringify(rows, (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    for (const id of [admin, ada, gone, '192.0.2.7']) expect(text).not.toContain(id);
    expect((await verifyAudit(db)).fault).toBeNull();
    await db.$disconnect();
  });

  it('has their addresses of mail, on record before they are answered; not what everybody sees, nor their own', async () => {
    await using graph = await startAuthGraph();
    const db = createAuthDb(graph.pool);
    const [ada, ben, other] = [await graph.register(), await graph.register(), await graph.register()];
    await graph.pool.query("UPDATE users SET role = 'ADMIN' WHERE id = $1", [other.user.id]);
    const admin = { ...other, accessToken: (await graph.login(other.email)).accessToken };
    const names = new Map((await db.auditPerson.findMany()).map((person) => [person.userId, person.pseudonym]));
    const found = async () => {
      const rows = await db.auditEvent.findMany({
        where: { action: 'PRIVILEGED_READ' },
        orderBy: { position: 'asc' },
      });
      return rows.map(({ actorId, subject, details }) => [actorId, subject, details]);
    };
    const users = `query($r: [_Any!]!) { _entities(representations: $r) { ... on User { displayName FIELDS } } }`;
    const r = [ada, ben, admin].map(({ user: { id } }) => ({ __typename: 'User', id }));
    const ask = async (fields: string, token: string) =>
      expectData(await graph.run(users.replace('FIELDS', fields), { r }, token))._entities;
    await ask('', admin.accessToken);
    await ask('email emailVerified', ada.accessToken);
    expectData(await graph.run('{ me { email emailVerified } }', {}, admin.accessToken));
    expect(await found()).toEqual([]);

    const emails = [ada, ben, admin].map(({ email }) => ({ email }));
    expect(await ask('email emailVerified', admin.accessToken)).toMatchObject(emails);
    const who = names.get(admin.user.id);
    expect(await found()).toEqual([ada, ben].map(({ user: { id } }) => [who, names.get(id), { what: 'user' }]));
    expect((await verifyAudit(db)).fault).toBeNull();
    await db.$disconnect();
  });

  it('names nobody whose account has gone meanwhile, and not where they were', async () => {
    await using graph = await startAuthGraph();
    const db = createAuthDb(graph.pool);
    const log = createLog({ service: 'auth', level: 'silent' });
    const clientInfo = { ipAddress: '192.0.2.7', userAgent: 'a browser of theirs', clientName: null };
    const origin = { clientInfo, requestId: 'request-1', log };
    const there = (await graph.register()).user.id;
    const gone = randomUUID();
    const facts = { action: 'LOGIN', outcome: 'FAILURE' } as const;
    const before = await db.auditEvent.count();
    await recordAlone(db, origin, [
      { ...facts, actorId: null, subject: gone },
      { ...facts, actorId: gone, subject: gone },
      { ...facts, actorId: gone, subject: there },
      { ...facts, actorId: gone, subject: null, object: 'audit log' },
    ]);
    const rows = await db.auditEvent.findMany({ orderBy: { position: 'asc' }, skip: before });
    const { pseudonym } = await db.auditPerson.findUniqueOrThrow({ where: { userId: there } });
    expect(rows.map(({ subject }) => subject)).toEqual([null, null, pseudonym, 'audit log']);
    for (const row of rows)
      expect(row).toMatchObject({ actorId: null, ipAddress: null, userAgent: null, sealedOrigin: null });
    expect((await verifyAudit(db)).fault).toBeNull();
    await db.$disconnect();
  });
});
