import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import {
  activeSpan,
  appendEvents,
  endWith,
  inTransaction,
  outOfSpan,
  withoutDeadline,
  type Log,
  type Tracing,
} from '@taskgraph/service-kit';
import pLimit from 'p-limit';
import type { MediaDb } from '../../db.js';
import { findKind, isCopied, needsRareDecoder, type CopiedType } from '../../media-kinds.js';
import { deleteUnused } from '../../storage/contents.js';
import { fullKey, objectKey } from '../../storage/object-keys.js';
import { StorageError, type ObjectStore } from '../../storage/object-store.js';
import type { Spool } from '../../storage/spool.js';
import type { MediaTelemetry } from '../../telemetry.js';
import { contentOf, type FailureReason, type MediaRow } from '../media/mappers.js';
import { createEndedItems } from './ended-items.js';
import { ImageProcessDied, type ImagePool } from './image-pool.js';
import { claimJob, countWaitingJobs, endJob, keepJob, releaseJob, type Job } from './jobs.js';
import { WITHOUT_VERSIONS, type ImageOutcome } from './process-image.js';
import { copyWithoutMetadata } from './copy-without-metadata.js';

/** Makes images ready, off the path of requests. */
export interface Processor {
  /** Looks for jobs from now on. */
  start(): void;
  /** There is a new job. */
  wake(): void;
  /** Waits until an item is processed no more, here or in another process, or the time is over. */
  ended(mediaId: string, timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** Takes no more jobs, and gives back those that it has. */
  stop(): Promise<void>;
}

export interface ProcessorParts {
  readonly db: MediaDb;
  readonly store: ObjectStore;
  readonly spool: Spool;
  readonly pool: ImagePool;
  readonly telemetry: MediaTelemetry;
  readonly log: Log;
  readonly tracing: Tracing | null;
  readonly concurrency: number;
  readonly maxPixels: number;
  readonly leaseMs: number;
}

/** Of an item whose own fault it may be: after that it is FAILED. */
const MAX_TRIES = 3;
const RETRY_MS = 1_000;
/** Jobs of processes that have died, and of other replicas' uploads, are found so soon. */
const POLL_MS = 1_000;
/** Jobs beside those that decode: their files come from the store, or go there, meanwhile, and no decoder waits for that. */
const JOBS_AHEAD = 1;
/** An item that another process makes ready is seen so soon. */
const LOOK_MS = 250;

export function createProcessor(parts: ProcessorParts): Processor {
  const { db, telemetry, log, tracing, concurrency, leaseMs } = parts;
  const running = new Map<Job, Promise<void>>();
  const inTurn = pLimit(concurrency);
  let isFilling = false;
  let fillsAgain = false;
  let filling: Promise<void> = Promise.resolve();
  let isStopped = false;
  const stopped = new AbortController();
  let poll: NodeJS.Timeout | undefined;

  const ended = createEndedItems({
    isRunning: (mediaId) => [...running.keys()].some((job) => job.mediaId === mediaId),
    // The deadline and the trace of the mutation that waits first are not those of the others.
    findProcessing: (mediaIds) => outOfSpan(() => withoutDeadline(() => findProcessing(db, mediaIds))),
    lookMs: LOOK_MS,
  });
  const hasStopped = () => isStopped;
  const giveBack = (job: Job) => releaseJob(db, job, { afterMs: 0, countsAsTry: false }).catch(() => undefined);

  function fill(): Promise<void> {
    // A caller that comes while jobs are looked for may have come too late for that look.
    if (isFilling) fillsAgain = true;
    else if (!isStopped) {
      isFilling = true;
      filling = claimAll().finally(() => {
        isFilling = false;
        if (!fillsAgain) return;
        fillsAgain = false;
        void fill();
      });
    }
    return filling;
  }

  async function claimAll(): Promise<void> {
    try {
      while (!hasStopped() && running.size < concurrency + JOBS_AHEAD) {
        const job = await claimJob(db, leaseMs);
        if (!job) break;
        if (hasStopped()) {
          await giveBack(job);
          break;
        }
        const done = run(job).finally(() => {
          running.delete(job);
          ended.tell(job.mediaId);
          void fill();
        });
        running.set(job, done);
      }
      telemetry.queue({ active: running.size, waiting: await countWaitingJobs(db) });
    } catch (error) {
      // The next look comes.
      if (!hasStopped()) log.warn({ err: error }, 'jobs of media cannot be looked for');
    }
  }

  /** In the trace of the request that has made the job, or in none. */
  function run(job: Job): Promise<void> {
    const { mediaId, attempts, requestId, traceparent } = job;
    if (!tracing || traceparent === null) return work(job);
    const attributes = {
      'taskgraph.media.id': mediaId,
      'taskgraph.delivery.attempt': attempts,
      ...(requestId !== null && { 'taskgraph.request.id': requestId }),
    };
    return endWith(tracing.start('process media', traceparent, { kind: 'consumer', attributes }), () => work(job));
  }

  async function work(job: Job): Promise<void> {
    const own = job.requestId === null ? log : log.child({ requestId: job.requestId });
    telemetry.jobStarted(job.waitedMs);
    const lease = setInterval(() => void keepJob(db, job, leaseMs).catch(() => undefined), leaseMs / 3);
    try {
      await processItem({ ...parts, log: own, inTurn }, job, stopped.signal);
    } catch (error) {
      if (hasStopped()) return;
      activeSpan()?.fail(error);
      own.warn({ err: error, mediaId: job.mediaId, attempts: job.attempts }, 'a media item could not be processed');
      await settleError({ ...parts, log: own }, job, error).catch((cause: unknown) =>
        own.warn({ err: cause, mediaId: job.mediaId }, 'a job of media is left to its lease'),
      );
    } finally {
      clearInterval(lease);
    }
  }

  return {
    start() {
      poll = setInterval(() => void fill(), POLL_MS).unref();
      void fill();
    },
    // A mutation's deadline is not the job's, nor is its trace that of all the jobs that are found.
    wake: () => void outOfSpan(() => withoutDeadline(fill)),
    ended: (mediaId, timeoutMs, signal) => ended.wait(mediaId, timeoutMs, signal),
    async stop() {
      isStopped = true;
      stopped.abort();
      clearInterval(poll);
      await filling;
      const jobs = [...running.keys()];
      // Its processes are gone with it, so each of them ends now.
      await parts.pool.close();
      await Promise.all(running.values());
      for (const job of jobs) await giveBack(job);
    },
  };
}

async function findProcessing(db: MediaDb, mediaIds: string[]): Promise<ReadonlySet<string>> {
  const where = { id: { in: mediaIds }, status: 'PROCESSING' as const };
  const rows = await db.mediaItem.findMany({ where, select: { id: true } });
  return new Set(rows.map(({ id }) => id));
}

interface ItemParts extends ProcessorParts {
  /** Runs what reads a file as soon as fewer are read than may be. */
  readonly inTurn: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

async function processItem(parts: ItemParts, job: Job, signal: AbortSignal): Promise<void> {
  const item = await parts.db.mediaItem.findUnique({ where: { id: job.mediaId } });
  if (!item) return;
  // Its processes have died of it, or with it, so often.
  if (job.attempts > MAX_TRIES) return fail(parts, job, item, 'TOO_COMPLEX');
  if (isCopied(item.mimeType)) {
    const hasFull = await makeCopy(parts, { ...item, mimeType: item.mimeType }, signal);
    return finish(parts, job, item, WITHOUT_VERSIONS, hasFull);
  }
  const outcome = await makeVersions(parts, item);
  if (outcome.kind === 'invalid') await fail(parts, job, item, outcome.reason);
  else await finish(parts, job, item, outcome);
}

async function makeCopy(
  { store, telemetry, inTurn }: ItemParts,
  item: Pick<MediaRow, 'id' | 'contentId'> & { readonly mimeType: CopiedType },
  signal: AbortSignal,
): Promise<boolean> {
  const { mimeType } = item;
  const contentId = contentOf(item);
  const copy = { from: objectKey(contentId, 'original'), to: fullKey(contentId, mimeType), mimeType };
  return inTurn(() => copyWithoutMetadata(store, copy, signal).finally(telemetry.startProcessing()));
}

/** Leaves nothing on the disk of this process: a subscriber that hears of the end finds it so. */
async function makeVersions(
  { store, spool, pool, maxPixels, telemetry, inTurn }: ItemParts,
  item: Pick<MediaRow, 'id' | 'contentId' | 'mimeType'>,
): Promise<ImageOutcome> {
  const { mimeType } = item;
  const contentId = contentOf(item);
  const folder = spool.newPath();
  try {
    await mkdir(folder);
    const original = await store.openRead(objectKey(contentId, 'original'));
    if (!original) return { kind: 'invalid', reason: 'CORRUPT' };
    const file = `${folder}/original`;
    await pipeline(original, createWriteStream(file));
    const outcome = await inTurn(() =>
      pool.process({ path: file, mimeType, folder, maxPixels }).finally(telemetry.startProcessing()),
    );
    const versions = outcome.kind === 'processed' ? outcome.versions : [];
    for (const { variant, format, path } of versions) await store.putFile(objectKey(contentId, variant, format), path);
    return outcome;
  } finally {
    await spool.remove(folder);
  }
}

/** Says that the versions are there. A worker that has lost the job meanwhile has written the same. */
async function finish(
  { db, store, telemetry, log }: ProcessorParts,
  job: Job,
  item: MediaRow,
  { width, height, placeholder, thumbnails, versions }: Extract<ImageOutcome, { kind: 'processed' }>,
  hasFull = versions.some(({ variant }) => variant === 'full'),
): Promise<void> {
  const isFinished = await inTransaction(db, async (tx) => {
    if (!(await endJob(tx, job))) return false;
    const { id, uploaderId } = item;
    const data = { width, height, placeholder, thumbnails: [...thumbnails], hasFull, failureReason: null };
    const { deletedAt } = await tx.mediaItem.update({ where: { id }, data: { ...data, status: 'READY' } });
    // What was ready before has got versions that it did not have; what is deleted by now is told of when it is restored.
    if (item.status !== 'READY' && !deletedAt)
      await appendEvents(
        tx,
        [{ type: 'media.processed.v1', subject: id, data: { mediaId: id, uploaderId } }],
        requestOf(job),
      );
    return true;
  });
  if (isFinished) telemetry.processed(log, item.id);
  else if ((await db.mediaItem.count({ where: { id: item.id } })) === 0) await deleteUnused(db, store, contentOf(item));
}

async function fail(parts: ProcessorParts, job: Job, item: MediaRow, reason: FailureReason): Promise<void> {
  // A document is one without a picture of its first page, too.
  if (findKind(item.mimeType) !== 'image' || needsRareDecoder(item.mimeType))
    return finish(parts, job, item, WITHOUT_VERSIONS);
  const { db, telemetry, log } = parts;
  const { id, uploaderId, status } = item;
  const hasFailed = await inTransaction(db, async (tx) => {
    if (!(await endJob(tx, job)) || status === 'READY') return false;
    await tx.mediaItem.update({ where: { id }, data: { status: 'FAILED', failureReason: reason } });
    const data = { mediaId: id, uploaderId, reason };
    await appendEvents(tx, [{ type: 'media.failed.v1', subject: id, data }], requestOf(job));
    return true;
  });
  if (hasFailed) telemetry.failed(log, id, reason);
}

const requestOf = ({ requestId }: Job) => ({ requestId: requestId ?? undefined });

/** What is the item's own fault is counted; what the store or the database cannot do now, is not. */
async function settleError(parts: ProcessorParts, job: Job, error: unknown): Promise<void> {
  const countsAsTry = error instanceof ImageProcessDied;
  if (countsAsTry && job.attempts >= MAX_TRIES) {
    const item = await parts.db.mediaItem.findUnique({ where: { id: job.mediaId } });
    if (item) await fail(parts, job, item, 'TOO_COMPLEX');
    return;
  }
  const afterMs = error instanceof StorageError ? RETRY_MS * 5 : RETRY_MS * job.attempts;
  await releaseJob(parts.db, job, { afterMs, countsAsTry });
}
