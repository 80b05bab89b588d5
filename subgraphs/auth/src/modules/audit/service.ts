import { inTransaction, type RequestContext } from '@taskgraph/service-kit';
import { uuid7 } from '@taskgraph/contracts';
import type { AuthDb, AuthTx } from '../../db.js';
import type { AuditAction, AuditOutcome } from '../../generated/graphql.js';
import { hashEntry } from './chain.js';
import { namePeople, sealOrigin } from './people.js';

/** What is put on record. Nothing of it is a secret: no password, token or code, and no address that somebody has typed. */
export interface AuditFacts {
  readonly action: AuditAction;
  readonly outcome: AuditOutcome;
  /** Who; null where nobody is known. */
  readonly actorId: string | null;
  /** On what or whom. */
  readonly subject: string | null;
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

/** Where it comes from. */
export interface AuditOrigin extends Pick<RequestContext, 'clientInfo' | 'log'> {
  readonly requestId: string | null;
}

const MAX_USER_AGENT_CHARACTERS = 512;

/**
 * Puts on record what a transaction does, as a part of it: both are there, or neither is.
 *
 * Whoever records waits for those who have recorded before to commit, so that rows have one order, which is that of the chain: it is to
 * be the last step of a transaction.
 */
export async function recordAudit(tx: AuthTx, origin: AuditOrigin, facts: AuditFacts): Promise<void> {
  const people = await namePeople(tx, [facts.actorId, facts.subject]);
  const actor = people.get(facts.actorId ?? '');
  const subject = people.get(facts.subject ?? '');
  const { ipAddress } = origin.clientInfo;
  const userAgent = origin.clientInfo.userAgent?.slice(0, MAX_USER_AGENT_CHARACTERS) ?? null;
  // Where somebody was is theirs; of an attempt at an account by who knows who, it is the account's.
  const key = (actor ?? subject)?.key;
  const [head] = await tx.$queryRaw<Array<{ position: bigint; hash: Uint8Array }>>`
    SELECT position, hash FROM audit_head WHERE id = 1 FOR UPDATE`;
  if (!head) throw new Error('the audit log has no head: it was damaged by hand');
  const entry = {
    position: head.position + 1n,
    id: uuid7(),
    at: new Date(),
    action: facts.action,
    outcome: facts.outcome,
    // Whose account is gone is nobody.
    actorId: actor?.pseudonym ?? null,
    subject: subject?.pseudonym ?? facts.subject,
    ipAddress: key ? null : ipAddress,
    userAgent: key ? null : userAgent,
    sealedOrigin: key ? sealOrigin({ ipAddress, userAgent }, key) : null,
    requestId: origin.requestId,
    details: facts.details ?? {},
  };
  const previousHash = new Uint8Array(head.hash);
  const hash = hashEntry(entry, previousHash);
  await tx.auditEvent.create({ data: { ...entry, details: entry.details, previousHash, hash } });
  await tx.auditHead.update({ where: { id: 1 }, data: { position: entry.position, hash } });
  // What the log of the process says cannot be changed in the database.
  const { position, action, outcome } = entry;
  const sealed = Buffer.from(hash).toString('hex');
  origin.log.info({ audit: { position: String(position), action, outcome, hash: sealed } }, 'audit');
}

/** Puts on record what was refused, or only read: nothing else is changed with it. */
export async function recordAlone(db: AuthDb, origin: AuditOrigin, facts: AuditFacts): Promise<void> {
  await inTransaction(db, (tx) => recordAudit(tx, origin, facts));
}
