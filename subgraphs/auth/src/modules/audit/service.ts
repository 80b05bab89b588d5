import { inTransaction, MAX_USER_AGENT_CHARACTERS, toProgramName } from '@taskgraph/service-kit';
import { uuid7 } from '@taskgraph/contracts';
import type { AuthDb, AuthTx } from '../../db.js';
import type { AuditAction, AuditOutcome } from '../../generated/graphql.js';
import type { AuditPerson } from '../../generated/prisma/client.js';
import { hashEntry } from './chain.js';
import type { AuditOrigin } from '../../audit-origin.js';
import { namePeople, sealOrigin } from './people.js';

export type { AuditOrigin } from '../../audit-origin.js';
export { namePeople } from './people.js';

/** What is put on record. Nothing of it is a secret: no password, token or code, and no address that somebody has typed. */
export interface AuditFacts {
  readonly action: AuditAction;
  readonly outcome: AuditOutcome;
  /** By whom: the id of an account; null where nobody is known. */
  readonly actorId: string | null;
  /** On whom: the id of an account. */
  readonly subject: string | null;
  /** On what, where that is nobody: it is stored as it is. */
  readonly object?: string | null;
  readonly details?: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

/**
 * Puts on record what a transaction does, as a part of it: both are there, or neither is. People who are named and have no account any more
 * are nobody, and so is where they were: what was under way when an account was deleted leaves nothing of its owner.
 *
 * A transaction that records waits for those that have recorded before to commit, so that rows have one order, which is that of the chain:
 * it is to be the last step of a transaction.
 *
 * @param known people who were looked up before, where the account is gone by now
 */
export async function recordAudit(
  tx: AuthTx,
  origin: AuditOrigin,
  facts: AuditFacts | readonly AuditFacts[],
  known?: ReadonlyMap<string, AuditPerson>,
): Promise<void> {
  const all = [facts].flat();
  const people =
    known ??
    (await namePeople(
      tx,
      all.flatMap(({ actorId, subject }) => [actorId, subject]),
    ));
  const rows = all.map((each) => toRow(people, origin, each));
  const [head] = await tx.$queryRaw<Array<{ position: bigint; hash: Uint8Array }>>`
    SELECT position, hash FROM audit_head WHERE id = 1 FOR UPDATE`;
  if (!head) throw new Error('the audit log has no head: it was damaged by hand');
  let { position } = head;
  let hash: Uint8Array<ArrayBuffer> = new Uint8Array(head.hash);
  const chained = rows.map((row) => {
    const entry = { ...row, position: (position += 1n), id: uuid7(), at: new Date() };
    const previousHash = hash;
    hash = hashEntry(entry, previousHash);
    return { ...entry, previousHash, hash };
  });
  await tx.auditEvent.createMany({ data: chained });
  await tx.auditHead.update({ where: { id: 1 }, data: { position, hash } });
  // What the log of the process says cannot be changed in the database.
  for (const { position, action, outcome, hash } of chained)
    origin.log.info(
      { audit: { position: String(position), action, outcome, hash: Buffer.from(hash).toString('hex') } },
      'audit',
    );
}

function toRow(people: ReadonlyMap<string, AuditPerson>, origin: AuditOrigin, facts: AuditFacts) {
  const actor = people.get(facts.actorId ?? '');
  const subject = people.get(facts.subject ?? '');
  const { ipAddress, userAgent: given } = origin.clientInfo;
  const userAgent = given === null ? null : toProgramName(given, MAX_USER_AGENT_CHARACTERS);
  // Where somebody was is theirs; of an attempt at an account by an unknown client, it is the account's.
  const owner = facts.actorId ?? facts.subject;
  const key = (facts.actorId === null ? subject : actor)?.key;
  return {
    action: facts.action,
    outcome: facts.outcome,
    actorId: actor?.pseudonym ?? null,
    subject: facts.subject === null ? (facts.object ?? null) : (subject?.pseudonym ?? null),
    ipAddress: owner === null ? ipAddress : null,
    userAgent: owner === null ? userAgent : null,
    sealedOrigin: key ? sealOrigin({ ipAddress, userAgent }, key) : null,
    requestId: origin.requestId,
    details: facts.details ?? {},
  };
}

/** Puts on record what was refused, or only read: nothing else is changed with it. */
export async function recordAlone(
  db: AuthDb,
  origin: AuditOrigin,
  facts: AuditFacts | readonly AuditFacts[],
): Promise<void> {
  await inTransaction(db, (tx) => recordAudit(tx, origin, facts));
}
