import type { MediaDb, MediaDbClient } from '../../db.js';

/** An item that is being processed by the worker that has claimed it. */
export interface Job {
  readonly mediaId: string;
  /** Which try this is, from 1; a worker whose try it no longer is has lost the job. */
  readonly attempts: number;
  readonly waitedMs: number;
  /** Of the request that has made it; null where none has, or nothing is traced. */
  readonly requestId: string | null;
  readonly traceparent: string | null;
}

/** Jobs are rows: what a process that dies was at is taken by another when its lease has run out. */
export async function claimJob(db: MediaDb, leaseMs: number): Promise<Job | null> {
  const [job] = await db.$queryRaw<Job[]>`
    UPDATE media_jobs SET attempts = attempts + 1, run_at = now() + ${leaseMs} * interval '1 millisecond'
     WHERE media_id = (
       SELECT media_id FROM media_jobs WHERE run_at <= now() ORDER BY run_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING media_id AS "mediaId", attempts, request_id AS "requestId", traceparent,
      (extract(epoch FROM now() - created_at) * 1000)::float8 AS "waitedMs"`;
  return job ?? null;
}

/** Keeps a job for another lease. False when somebody else has it by now, or it is gone. */
export async function keepJob(db: MediaDb, { mediaId, attempts }: Job, leaseMs: number): Promise<boolean> {
  const kept = await db.$executeRaw`
    UPDATE media_jobs SET run_at = now() + ${leaseMs} * interval '1 millisecond'
     WHERE media_id = ${mediaId}::uuid AND attempts = ${attempts}`;
  return kept > 0;
}

/** Lets a job be tried again after a while; a try that was no fault of the item is given back. */
export async function releaseJob(
  db: MediaDb,
  { mediaId, attempts }: Job,
  { afterMs, countsAsTry }: { readonly afterMs: number; readonly countsAsTry: boolean },
): Promise<void> {
  await db.$executeRaw`
    UPDATE media_jobs SET run_at = now() + ${afterMs} * interval '1 millisecond', attempts = attempts - ${countsAsTry ? 0 : 1}
     WHERE media_id = ${mediaId}::uuid AND attempts = ${attempts}`;
}

/** Ends a job, in the transaction of its effects. False when it is somebody else's by now: there must be none then. */
export async function endJob(tx: MediaDbClient, { mediaId, attempts }: Job): Promise<boolean> {
  const ended = await tx.$executeRaw`
    DELETE FROM media_jobs WHERE media_id = ${mediaId}::uuid AND attempts = ${attempts}`;
  return ended > 0;
}

/** Those that nobody is at, of all processes together. */
export function countWaitingJobs(db: MediaDb): Promise<number> {
  return db.mediaJob.count({ where: { runAt: { lte: new Date() } } });
}
