import { createHash } from 'node:crypto';

/** What a row of the audit log says, beside the hashes. */
export interface AuditEntry {
  readonly position: bigint;
  readonly id: string;
  readonly at: Date;
  readonly action: string;
  readonly outcome: string;
  readonly actorId: string | null;
  readonly subject: string | null;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  /** Absent in rows that say where they come from in the open. */
  readonly sealedOrigin?: Uint8Array | null;
  readonly requestId: string | null;
  readonly details: unknown;
}

export interface ChainedEntry extends AuditEntry {
  readonly previousHash: Uint8Array;
  readonly hash: Uint8Array;
}

/** Where the chain stands. */
export interface ChainHead {
  readonly position: bigint;
  readonly hash: Uint8Array;
}

export const CHAIN_START: ChainHead = { position: 0n, hash: new Uint8Array(32) };

/** SHA-256 of all that a row says and of the hash before it, written in one form only. */
export function hashEntry(entry: AuditEntry, previousHash: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = JSON.stringify([
    String(entry.position),
    entry.id,
    entry.at.toISOString(),
    entry.action,
    entry.outcome,
    entry.actorId,
    entry.subject,
    entry.ipAddress,
    entry.userAgent,
    entry.requestId,
    inOrder(entry.details),
    Buffer.from(previousHash).toString('hex'),
    ...(entry.sealedOrigin ? [Buffer.from(entry.sealedOrigin).toString('hex')] : []),
  ]);
  return new Uint8Array(createHash('sha256').update(text).digest());
}

/** PostgreSQL keeps members of an object in an order of its own. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, member]) => [name, inOrder(member)]);
}

/** What is wrong with a chain, at the first place where something is. */
export interface ChainFault {
  readonly position: bigint;
  readonly what: string;
}

/** Follows rows in the order of their positions; keeps none of them. */
export function createChainCheck(): {
  /** @returns what is wrong with this row, null when it continues the chain */
  next(entry: ChainedEntry): ChainFault | null;
  /** @returns what is wrong with the end of the chain, which the head has to agree with */
  end(head: ChainHead | null): ChainFault | null;
  readonly last: ChainHead;
} {
  let last = CHAIN_START;
  return {
    next(entry) {
      const { position } = entry;
      if (position !== last.position + 1n)
        return { position: last.position + 1n, what: `the row is missing; the next is ${position}` };
      if (!isEqual(entry.previousHash, last.hash))
        return { position, what: 'the row does not follow the one before it' };
      if (!isEqual(entry.hash, hashEntry(entry, last.hash))) return { position, what: 'the row was changed' };
      last = { position, hash: entry.hash };
      return null;
    },
    end(head) {
      if (!head) return { position: last.position, what: 'the head of the log is missing' };
      if (head.position === last.position && isEqual(head.hash, last.hash)) return null;
      return { position: last.position + 1n, what: `rows are missing at the end: the head is at ${head.position}` };
    },
    get last() {
      return last;
    },
  };
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.from(one).equals(other);
}
