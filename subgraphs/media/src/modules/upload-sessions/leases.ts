import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { MediaDb } from '../../db.js';

/** The right to write to a session, or to end it, which one has at a time, of all processes. */
export interface Lease {
  readonly holder: string;
  release(): Promise<void>;
}

export interface LeaseOptions {
  readonly waitMs: number;
  readonly signal?: AbortSignal;
  /** Called when it could not be kept, because this process has stood still: somebody else may write by now. */
  readonly onLost?: () => void;
}

/** What a process that dies holds is free after that. */
const LEASE_MS = 6_000;
const LOOK_MS = 100;

/** Waits for the lease of a session. Null when the time is over, the signal is given, or there is no such session. */
export async function takeLease(
  db: MediaDb,
  sessionId: string,
  { waitMs, signal, onLost }: LeaseOptions,
): Promise<Lease | null> {
  const holder = randomUUID();
  const deadline = Date.now() + waitMs;
  for (;;) {
    const taken = await db.$executeRaw`
      UPDATE upload_sessions SET lease_holder = ${holder}::uuid, leased_until = now() + ${LEASE_MS} * interval '1 millisecond'
       WHERE id = ${sessionId}::uuid AND leased_until <= now()`;
    if (taken > 0) break;
    if (Date.now() >= deadline || signal?.aborted || (await db.uploadSession.count({ where: { id: sessionId } })) === 0)
      return null;
    await delay(LOOK_MS);
  }
  const keep = async () => {
    const kept = await db.$executeRaw`
      UPDATE upload_sessions SET leased_until = now() + ${LEASE_MS} * interval '1 millisecond'
       WHERE id = ${sessionId}::uuid AND lease_holder = ${holder}::uuid`;
    if (kept === 0) onLost?.();
  };
  // A database that does not answer now may do so before the lease is over.
  const keeping = setInterval(() => void keep().catch(() => undefined), LEASE_MS / 3).unref();
  return {
    holder,
    async release() {
      clearInterval(keeping);
      await db.$executeRaw`
        UPDATE upload_sessions SET lease_holder = NULL, leased_until = now()
         WHERE id = ${sessionId}::uuid AND lease_holder = ${holder}::uuid`;
    },
  };
}
