import type { AuthDb } from '../../db.js';
import { createChainCheck, type ChainFault, type ChainHead } from './chain.js';

export interface AuditVerdict {
  /** The last row that the chain holds up to. */
  readonly last: ChainHead;
  readonly fault: ChainFault | null;
}

const BATCH = 1_000;

/** Follows the audit log from its first row to its head, as it was when the head was read. */
export async function verifyAudit(db: AuthDb): Promise<AuditVerdict> {
  const head = await db.auditHead.findUnique({ where: { id: 1 } });
  const check = createChainCheck();
  for (;;) {
    const rows = await db.auditEvent.findMany({
      where: { position: { gt: check.last.position, ...(head && { lte: head.position }) } },
      orderBy: { position: 'asc' },
      take: BATCH,
    });
    for (const row of rows) {
      const fault = check.next(row);
      if (fault) return { last: check.last, fault };
    }
    if (rows.length < BATCH) return { last: check.last, fault: check.end(head) };
  }
}
