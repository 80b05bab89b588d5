import { setTimeout as delay } from 'node:timers/promises';
import { uuid7 } from '@taskgraph/contracts';
import {
  AppError,
  badUserInput,
  inTransaction,
  isUuid,
  isVisible,
  notFound,
  requireViewer,
  unavailable,
} from '@taskgraph/service-kit';
import type { MediaContext } from '../../context.js';
import type { MediaDb, MediaTx } from '../../db.js';
import { maxBytesOf, type MediaRules } from '../../media-kinds.js';
import { mediaPrefix } from '../../storage/object-keys.js';
import type { UploadStaging } from '../../storage/upload-staging.js';
import { countUsedBytes, lockUsage, parseAltText, sanitizeFilename } from '../media/service.js';
import {
  createItem,
  isStorageFailure,
  reportProblem,
  settleUpload,
  toQuotaExceeded,
  toReceiveProblem,
  type InvalidImage,
  type MediaTooLarge,
  type QuotaExceeded,
  type UnsupportedMediaType,
  type UploadMediaSuccess,
} from '../uploads/service.js';
import type { Inspected } from './inspection.js';
import { takeLease } from './leases.js';
import { toStaged, type UploadSessionRow } from './mappers.js';

export interface CreateUploadArgs {
  readonly filename: string;
  readonly byteSize: number;
  readonly sha256?: string | null | undefined;
  readonly altText?: string | null | undefined;
  readonly origin?: string | null | undefined;
}

export type CreateUploadOutcome =
  { readonly __typename: 'CreateUploadSuccess'; readonly upload: UploadSessionRow } | MediaTooLarge | QuotaExceeded;

export interface UploadIncomplete {
  readonly __typename: 'UploadIncompleteProblem';
  readonly message: string;
  readonly receivedBytes: number;
  readonly byteSize: number;
}

export type CompleteUploadOutcome =
  UploadMediaSuccess | UploadIncomplete | UnsupportedMediaType | MediaTooLarge | InvalidImage;

/** How long before its deadline a mutation stops waiting, so that its answer is in time. */
const ANSWER_MS = 500;
/** Another process that completes the same upload is done by then, or has died. */
const LEASE_WAIT_MS = 8_000;

/**
 * Begins an upload whose bytes come to the place of files directly. What was announced is reserved in the quota until the session is over.
 *
 * @throws BAD_USER_INPUT
 * @throws RATE_LIMITED when too many are open already
 * @throws UNAVAILABLE when the place of files is, or has no room
 */
export async function createUpload(context: MediaContext, args: CreateUploadArgs): Promise<CreateUploadOutcome> {
  const { db, limits, staging, telemetry, log } = context;
  const { userId } = requireViewer(context);
  const { filename, altText, byteSize, sha256, origin } = parseUpload(args, context.mayUpload);
  const { sessionMaxBytes } = limits;
  if (byteSize > sessionMaxBytes) return reportProblem(context, tooLarge(sessionMaxBytes, limits.rules));
  const id = uuid7();
  let isKept = false;
  let targetUrl: string | null = null;
  try {
    // Nothing is begun elsewhere for somebody who may not; of several at once, the transaction decides.
    await assertRoom(context, db, userId, byteSize);
    targetUrl = await staging.begin(id, byteSize, origin);
    const expiresAt = new Date(Date.now() + limits.sessionLifetimeMs);
    const upload = await inTransaction(db, async (tx) => {
      await lockUsage(tx, userId);
      await assertRoom(context, tx, userId, byteSize);
      return tx.uploadSession.create({
        data: { id, userId, filename, altText, byteSize, sha256, targetUrl, expiresAt },
      });
    });
    isKept = true;
    telemetry.sessionEnded(log, id, 'created');
    return { __typename: 'CreateUploadSuccess', upload };
  } catch (error) {
    if (error instanceof NoRoom) return reportProblem(context, toQuotaExceeded(error.usedBytes, limits.quotaBytes));
    throw isStorageFailure(error) ? unavailable('media', error, 'STORAGE_UNAVAILABLE') : error;
  } finally {
    // What cannot be removed now, the sweep removes.
    if (!isKept) await staging.remove({ id, targetUrl }).catch(() => undefined);
  }
}

function parseUpload(
  { filename, altText, byteSize, sha256, origin }: CreateUploadArgs,
  mayUpload: (origin: string) => boolean,
) {
  if (!isVisible(filename)) throw badUserInput('A media item has a name.', 'INVALID_FILENAME');
  if (!Number.isSafeInteger(byteSize) || byteSize < 1)
    throw badUserInput('A file has a whole number of bytes, and one at least.', 'INVALID_BYTE_SIZE');
  if (sha256 != null && !/^[0-9a-f]{64}$/i.test(sha256))
    throw badUserInput('SHA-256 is written as 64 hexadecimal digits.', 'INVALID_SHA256');
  if (origin != null && !mayUpload(origin))
    throw badUserInput('Pages of this origin may not upload: it is not in CORS_ORIGINS.', 'INVALID_ORIGIN');
  return {
    filename: sanitizeFilename(filename),
    altText: parseAltText(altText ?? null),
    byteSize,
    sha256: sha256?.toLowerCase() ?? null,
    origin: origin ?? null,
  };
}

/** The quota has no room for a file. */
class NoRoom extends Error {
  constructor(readonly usedBytes: number) {
    super('The quota is exceeded.');
  }
}

async function assertRoom(
  { limits }: Pick<MediaContext, 'limits'>,
  db: MediaDb | MediaTx,
  userId: string,
  byteSize: number,
): Promise<void> {
  const usedBytes = await countUsedBytes(db, userId);
  if (usedBytes + byteSize > limits.quotaBytes) throw new NoRoom(usedBytes);
  const open = await db.uploadSession.count({ where: { userId, expiresAt: { gt: new Date() } } });
  if (open >= limits.sessionsPerUser)
    throw new AppError(
      'RATE_LIMITED',
      `At most ${limits.sessionsPerUser} uploads are open at a time. Complete one first.`,
      {
        reason: 'TOO_MANY_UPLOADS',
      },
    );
}

/**
 * Makes a media item, of the session's id, of an upload that has come whole: its bytes become an object before there is a row, and its row, its
 * job and the end of the session are one transaction. To complete it again answers the same item.
 *
 * @throws NOT_FOUND when the viewer has no such upload, or it has expired
 * @throws UNAVAILABLE while it is being read, or the place of files is away
 */
export async function completeUpload(context: MediaContext, given: string): Promise<CompleteUploadOutcome> {
  const { db, limits, staging, telemetry, log } = context;
  const { userId } = requireViewer(context);
  const id = isUuid(given) ? given.toLowerCase() : null;
  const session = id && (await db.uploadSession.findFirst({ where: { id, userId } }));
  if (!session) return answerCompleted(context, id, userId);
  if (session.expiresAt <= new Date()) throw expired();
  const staged = toStaged(session);
  try {
    const receivedBytes = await staging.receivedBytes(staged);
    if (receivedBytes < staged.byteSize) return toIncomplete(receivedBytes, staged.byteSize);
    const refusal = receivedBytes > staged.byteSize ? mismatch() : null;
    const found = refusal ? null : await inspectInTime(context, session);
    const problem = refusal ?? (found && refuse(session, found, limits));
    const lease = await takeLease(db, session.id, { waitMs: waitMs(context, LEASE_WAIT_MS), signal: context.signal });
    if (!lease) return await answerCompleted(context, session.id, userId);
    try {
      if (problem || !found) {
        await staging.remove(staged);
        await db.uploadSession.deleteMany({ where: { id: session.id, leaseHolder: lease.holder } });
        telemetry.sessionEnded(log, session.id, 'refused');
        return reportProblem(context, problem ?? mismatch());
      }
      await staging.publish(staged);
      const isShared = await inTransaction(db, (tx) => finish(tx, context, session, found, lease.holder));
      // What cannot be deleted now, the sweep deletes.
      if (isShared) await context.store.deleteAll(mediaPrefix(session.id)).catch(() => undefined);
    } finally {
      await lease.release();
    }
    telemetry.sessionEnded(log, session.id, 'ok');
    telemetry.uploaded(log, session.id, found.mimeType, staged.byteSize);
    context.processor.wake();
    return await settleUpload(context, session.id, { kind: 'made', waitMs: waitMs(context, limits.processingWaitMs) });
  } catch (error) {
    throw isStorageFailure(error) ? unavailable('media', error, 'STORAGE_UNAVAILABLE') : error;
  }
}

/** There is no session of that id: it may have been completed. */
async function answerCompleted(
  context: MediaContext,
  id: string | null,
  uploaderId: string,
): Promise<CompleteUploadOutcome> {
  const { db, limits } = context;
  const there = id !== null && (await db.mediaItem.count({ where: { id, uploaderId, deletedAt: null } })) > 0;
  if (there) return settleUpload(context, id, { kind: 'repeated', waitMs: waitMs(context, limits.processingWaitMs) });
  if (id !== null && (await db.uploadSession.count({ where: { id, userId: uploaderId } })) > 0)
    throw new AppError('CONFLICT', 'The upload is being written to, or completed, by another request.', {
      reason: 'UPLOAD_BUSY',
    });
  throw notFound('Upload');
}

/** The session goes with the transaction that makes its item, so there is one of both at any time. */
async function finish(
  tx: MediaTx,
  { store, requestId }: MediaContext,
  { id, userId, filename, altText, byteSize }: UploadSessionRow,
  { mimeType, sha256 }: Inspected,
  leaseHolder: string,
): Promise<boolean> {
  await lockUsage(tx, userId);
  const { count } = await tx.uploadSession.deleteMany({ where: { id, leaseHolder } });
  if (count === 0)
    throw new AppError('CONFLICT', 'The upload was taken over by another request.', { reason: 'UPLOAD_BUSY' });
  const item = { id, uploaderId: userId, filename, altText, byteSize: Number(byteSize), mimeType, sha256 };
  return createItem(tx, store, item, { requestId });
}

function refuse(
  session: UploadSessionRow,
  { mimeType, sha256, refusal }: Inspected,
  { rules, sessionMaxBytes }: MediaContext['limits'],
): UnsupportedMediaType | MediaTooLarge | InvalidImage | null {
  if (session.sha256 !== null && session.sha256 !== sha256) return mismatch();
  if (refusal !== null) return toReceiveProblem({ kind: 'unsupported', mimeType, why: refusal }, rules);
  const maxBytes = maxBytesOf(mimeType, sessionMaxBytes, rules);
  return Number(session.byteSize) > maxBytes ? tooLarge(maxBytes, rules) : null;
}

function tooLarge(maxBytes: number, rules: MediaRules): MediaTooLarge {
  return toReceiveProblem({ kind: 'too_large', maxBytes }, rules) as MediaTooLarge;
}

/** Reads on when nobody waits any more, so that a client that asks again has it. */
async function inspectInTime(context: MediaContext, session: UploadSessionRow): Promise<Inspected> {
  const giveUp = new AbortController();
  const late = delay(waitMs(context, Number.MAX_SAFE_INTEGER), null, { signal: giveUp.signal }).catch(() => null);
  try {
    const found = await Promise.race([context.inspections.of(session), late]);
    if (found) return found;
    throw unavailable('media', undefined, 'VERIFYING');
  } finally {
    giveUp.abort();
  }
}

/** How long something may be waited for, so that the mutation answers in time. */
function waitMs({ deadline = Infinity }: MediaContext, atMost: number): number {
  return Math.max(0, Math.min(atMost, deadline - Date.now() - ANSWER_MS, 2 ** 31 - 1));
}

function toIncomplete(receivedBytes: number, byteSize: number): UploadIncomplete {
  const message = `${receivedBytes} of ${byteSize} bytes have come.`;
  return { __typename: 'UploadIncompleteProblem', message, receivedBytes, byteSize };
}

function mismatch(): InvalidImage {
  const message = 'The bytes are not those that were announced.';
  return { __typename: 'InvalidImageProblem', message, reason: 'MISMATCH' };
}

function expired(): AppError {
  return new AppError('NOT_FOUND', 'The upload has expired. Begin another.', { reason: 'UPLOAD_EXPIRED' });
}

export interface SessionParts {
  readonly db: MediaDb;
  readonly staging: Pick<UploadStaging, 'remove' | 'listIdle'>;
}

const AT_ONCE = 200;

/** Forgets uploads whose time is over, and what others that died have left. Tells how many there were. */
export async function sweepSessions({ db, staging }: SessionParts, before: Date): Promise<number> {
  let count = 0;
  for (;;) {
    const over = await db.uploadSession.findMany({
      where: { expiresAt: { lt: new Date() }, leasedUntil: { lt: new Date() } },
      select: { id: true, targetUrl: true },
      take: AT_ONCE,
    });
    for (const session of over) {
      // The row last: what cannot be removed now is found again.
      await staging.remove(session);
      count += (await db.uploadSession.deleteMany({ where: { id: session.id } })).count;
    }
    if (over.length < AT_ONCE) break;
  }
  for await (const id of staging.listIdle(before)) {
    if ((await db.uploadSession.count({ where: { id } })) > 0) continue;
    await staging.remove({ id, targetUrl: null });
    count += 1;
  }
  return count;
}
