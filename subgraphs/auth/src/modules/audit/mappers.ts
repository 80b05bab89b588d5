import type { AuditEvent } from '../../generated/prisma/client.js';

/** The row behind an `AuditEvent`, with the ids of people whose accounts are there, and where they were. */
export type AuditEventRow = Omit<AuditEvent, 'sealedOrigin'>;
