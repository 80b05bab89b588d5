import { describe, expect, it } from '@jest/globals';
import {
  CHAIN_START,
  createChainCheck,
  hashEntry,
  type AuditEntry,
  type ChainedEntry,
  type ChainHead,
} from './chain.js';

function chainOf(count: number): ChainedEntry[] {
  const rows: ChainedEntry[] = [];
  let head: ChainHead = CHAIN_START;
  for (let index = 1; index <= count; index += 1) {
    const entry: AuditEntry = {
      position: BigInt(index),
      id: `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`,
      at: new Date(1_800_000_000_000 + index),
      action: 'LOGIN',
      outcome: index % 2 ? 'SUCCESS' : 'FAILURE',
      actorId: null,
      subject: `user ${index}`,
      ipAddress: '192.0.2.7',
      userAgent: null,
      requestId: 'request-1',
      details: { b: 1, a: [{ d: 'x', c: null }] },
    };
    const row = { ...entry, previousHash: head.hash, hash: hashEntry(entry, head.hash) };
    rows.push(row);
    head = row;
  }
  return rows;
}

/** Where the first fault is found, null when there is none. */
function faultOf(rows: readonly ChainedEntry[], head: ChainHead | null): bigint | null {
  const check = createChainCheck();
  for (const row of rows) {
    const fault = check.next(row);
    if (fault) return fault.position;
  }
  return check.end(head)?.position ?? null;
}

describe('the chain of the audit log', () => {
  const rows = chainOf(5);
  const head = rows[4]!;

  it('holds as it was written, also when it is empty', () => {
    expect(faultOf(rows, head)).toBeNull();
    expect(faultOf([], CHAIN_START)).toBeNull();
  });

  it('does not depend on the order in which the database keeps members', () => {
    const other = rows.map((row) => ({ ...row, details: { a: [{ c: null, d: 'x' }], b: 1 } }));
    expect(faultOf(other, head)).toBeNull();
  });

  it.each<[string, Partial<ChainedEntry>]>([
    ['action', { action: 'LOGOUT' }],
    ['outcome', { outcome: 'SUCCES' }],
    ['actor', { actorId: '00000000-0000-7000-8000-000000000001' }],
    ['subject', { subject: null }],
    ['address', { ipAddress: '192.0.2.8' }],
    ['program', { userAgent: 'curl' }],
    ['sealed address', { sealedOrigin: new Uint8Array([1]) }],
    ['request', { requestId: null }],
    ['time', { at: new Date(0) }],
    ['details', { details: { b: 1, a: [{ d: 'y', c: null }] } }],
  ])('shows a row of which the %s was changed', (_what, change) => {
    expect(
      faultOf(
        rows.map((row, index) => (index === 2 ? { ...row, ...change } : row)),
        head,
      ),
    ).toBe(3n);
  });

  it('shows a row that was changed together with its hash, at the next', () => {
    const changed = { ...rows[2]!, action: 'LOGOUT' };
    const forged = { ...changed, hash: hashEntry(changed, changed.previousHash) };
    expect(
      faultOf(
        rows.map((row, index) => (index === 2 ? forged : row)),
        head,
      ),
    ).toBe(4n);
  });

  it('shows rows that were removed, in the middle, at the beginning and at the end', () => {
    expect(faultOf(rows.toSpliced(2, 1), head)).toBe(3n);
    expect(faultOf(rows.slice(1), head)).toBe(1n);
    expect(faultOf(rows.slice(0, 4), head)).toBe(5n);
    expect(faultOf([], head)).toBe(1n);
    expect(faultOf(rows, null)).toBe(5n);
  });

  it('shows rows that were put into another order', () => {
    const [one, two, three, four, five] = rows as [
      ChainedEntry,
      ChainedEntry,
      ChainedEntry,
      ChainedEntry,
      ChainedEntry,
    ];
    const swapped = [one, { ...three, position: 2n }, { ...two, position: 3n }, four, five];
    expect(faultOf(swapped, head)).toBe(2n);
  });
});
