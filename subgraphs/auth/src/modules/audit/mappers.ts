import type { AuditEvent } from '../../generated/prisma/client.js';

/** The row behind an `AuditEvent`. */
export type AuditEventRow = AuditEvent;
