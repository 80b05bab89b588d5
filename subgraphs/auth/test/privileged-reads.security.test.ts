import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createLog, inTransaction } from '@taskgraph/service-kit';
import { createAuthDb } from '../src/db.js';
import { recordPrivilegedRead } from '../src/modules/audit/privileged-reads.js';
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
});
