import type { DomainEvent } from '@taskgraph/contracts';
import type { Log } from '@taskgraph/service-kit';
import type { AuthTx } from '../../db.js';
import { recordAudit } from './service.js';

type PrivilegedChange = DomainEvent<'task.privileged-change.v1' | 'media.privileged-change.v1'>;

/** Puts on record what an administrator has changed in another service. It was done to the owner, who finds it in their export. */
export async function recordPrivilegedChange(
  tx: AuthTx,
  event: PrivilegedChange,
  { what, id }: { readonly what: 'task' | 'media'; readonly id: string },
  log: Log,
): Promise<void> {
  const { actorId, ownerId, change, ipAddress = null, userAgent = null } = event.data;
  const origin = { clientInfo: { ipAddress, userAgent, clientName: null }, requestId: event.requestId ?? null, log };
  await recordAudit(tx, origin, {
    action: 'PRIVILEGED_CHANGE',
    outcome: 'SUCCESS',
    actorId,
    subject: ownerId,
    details: { what, id, change, at: event.time },
  });
}
