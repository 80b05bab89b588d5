import { createHash } from 'node:crypto';
import { ID_LENGTH, type NormalOperation } from './normal-operation.js';

/** A client that does not name itself is counted all the same. */
export const UNKNOWN = 'unknown';
/** Clients that there was no room to name. */
export const OTHERS = '(others)';

/** How often a client has sent an operation since the last time that it was told. */
export interface UsageCount {
  readonly client: string;
  readonly version: string | null;
  readonly operation: NormalOperation & { readonly text: string };
  readonly count: number;
}

/** What is known of a client and an operation, as `schema -- usage` reads it. */
export interface UsageRecord {
  readonly client: string;
  readonly version?: string;
  readonly operationName?: string;
  readonly operation: string;
  readonly count: number;
  /** Days, as 2026-12-31. */
  readonly firstSeen: string;
  readonly lastSeen: string;
}

/** What was not kept as it came. */
export interface Lost {
  /** Counted under no name, for want of room. */
  readonly unnamed: number;
  /** Not counted. */
  readonly dropped: number;
}

/** Keeps what was counted, for this process or for all. */
export interface UsageStore {
  /** Adds what was counted. @throws where it cannot be kept now */
  add(counts: readonly UsageCount[], now: Date): Promise<Lost>;
  close(): Promise<void>;
}

export interface UsageBounds {
  readonly maxRecords: number;
  /** A record that was not seen again for so long is forgotten. */
  readonly retentionMs: number;
}

/** Identifies what a client sends; begins with the id of the operation. */
export function recordId({ client, version, operation }: Omit<UsageCount, 'count'>): string {
  if (client === OTHERS) return othersId(operation.id);
  const hash = createHash('sha256')
    .update(`${client}\n${version ?? ''}`)
    .digest('base64url');
  return `${operation.id}:${hash.slice(0, ID_LENGTH)}`;
}

/** Identifies what clients without a name of their own send of the operation that a record is about. */
export function othersId(id: string): string {
  return `${id.slice(0, ID_LENGTH)}:${OTHERS}`;
}

/** What of a record never changes. */
type UsageFacts = Omit<UsageRecord, 'count' | 'lastSeen'>;

export function toFacts({ client, version, operation }: Omit<UsageCount, 'count'>, now: Date): UsageFacts {
  return {
    client,
    ...(version !== null && { version }),
    ...(operation.name !== null && { operationName: operation.name }),
    operation: operation.text,
    firstSeen: dayOf(now),
  };
}

export function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}
