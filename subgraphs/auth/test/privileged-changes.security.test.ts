import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createLog, inTransaction } from '@taskgraph/service-kit';
import { createAuthDb } from '../src/db.js';
import { auditHandlers } from '../src/modules/audit/events.js';
import { listAuditOf } from '../src/modules/audit/loaders.js';
import { verifyAudit } from '../src/modules/audit/verify.js';
import { startAuthGraph } from './auth-graph.js';

describe('what administrators change in other services', () => {
  it.each([
    ['task', { taskId: randomUUID() }, 'media-attached'],
    ['media', { mediaId: randomUUID() }, 'restored'],
  ] as const)('is on record of whose %s it was, who finds it in their export', async (what, ids, change) => {
    await using graph = await startAuthGraph();
    const db = createAuthDb(graph.pool);
    const log = createLog({ service: 'auth', level: 'silent' });
    const [admin, ada] = [(await graph.register()).user.id, (await graph.register()).user.id];
    const event = {
      ...{ id: randomUUID(), type: `${what}.privileged-change.v1`, source: what, subject: admin, sequence: '1' },
      ...{ time: new Date().toISOString(), requestId: 'request-1' },
      data: { actorId: admin, ownerId: ada, ...ids, change, ipAddress: '192.0.2.7', userAgent: 'browser' },
    };
    const handle = auditHandlers[`${what}.privileged-change.v1`];
    await inTransaction(db, async (tx) => {
      if (!handle) throw new Error('nobody listens');
      await handle(tx, event as never, log);
    });
    const names = new Map((await db.auditPerson.findMany()).map((person) => [person.userId, person.pseudonym]));
    const rows = await db.auditEvent.findMany({ where: { action: 'PRIVILEGED_CHANGE' } });
    const details = { what, id: Object.values(ids)[0], change, at: event.time };
    expect(rows).toMatchObject([
      { actorId: names.get(admin), subject: names.get(ada), outcome: 'SUCCESS', requestId: 'request-1', details },
    ]);
    const text = JSON.stringify(rows, (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    for (const secret of [admin, ada, '192.0.2.7']) expect(text).not.toContain(secret);

    const exportOf = (userId: string) =>
      inTransaction(db, async (tx) => {
        const found = [];
        for await (const page of listAuditOf(tx, userId)) found.push(...page);
        return found.filter(({ action }) => action === 'PRIVILEGED_CHANGE');
      });
    expect(await exportOf(ada)).toMatchObject([{ by: 'ANOTHER', subject: ada, ipAddress: null, details }]);
    expect(await exportOf(admin)).toMatchObject([
      { by: 'YOU', subject: null, ipAddress: '192.0.2.7', userAgent: 'browser', details },
    ]);
    expect((await verifyAudit(db)).fault).toBeNull();
    await db.$disconnect();
  });
});
