import {
  accountGone,
  activeSpan,
  appendEvents,
  AppError,
  fileMissing,
  alreadyGone,
  inTransaction,
  makeOnce,
  releaseKeyOf,
  type IdempotencyKey,
  type Once,
  requireViewer,
  unavailable,
} from '@taskgraph/service-kit';
import { uuid7 } from '@taskgraph/contracts';
import type { FileUpload } from 'graphql-upload-minimal';
import type { MediaContext } from '../../context.js';
import type { MediaTx } from '../../db.js';
import { isForUploaderAlone, isProcessed, type MediaRules } from '../../media-kinds.js';
import { deleteUnused, findTwin } from '../../storage/contents.js';
import { mediaPrefix, objectKey } from '../../storage/object-keys.js';
import { StorageError, type ObjectStore } from '../../storage/object-store.js';
import { contentOf, type FailureReason, type MediaRow } from '../media/mappers.js';
import {
  countUsedBytes,
  deleteRow,
  lockUsage,
  parseAltText,
  readPartFilename,
  sanitizeFilename,
} from '../media/service.js';
import type { UploadValue } from './mappers.js';
import { receiveFile, type ReceivedFile } from './receive-file.js';

export interface UploadMediaSuccess {
  readonly __typename: 'UploadMediaSuccess';
  readonly media: MediaRow;
}

export interface UnsupportedMediaType {
  readonly __typename: 'UnsupportedMediaTypeProblem';
  readonly message: string;
  readonly mimeType: string;
  readonly allowed: readonly string[];
}

export interface MediaTooLarge {
  readonly __typename: 'MediaTooLargeProblem';
  readonly message: string;
  readonly maxBytes: number;
}

export interface InvalidImage {
  readonly __typename: 'InvalidImageProblem';
  readonly message: string;
  readonly reason: 'EMPTY' | 'MISMATCH' | FailureReason;
}

export interface QuotaExceeded {
  readonly __typename: 'QuotaExceededProblem';
  readonly message: string;
  readonly usedBytes: number;
  readonly quotaBytes: number;
}

export type UploadProblem = UnsupportedMediaType | MediaTooLarge | InvalidImage | QuotaExceeded;
export type UploadMediaOutcome = UploadMediaSuccess | UploadProblem;

export interface UploadMediaArgs {
  readonly file: UploadValue;
  readonly altText?: string | null | undefined;
  readonly key: IdempotencyKey | null;
}

type Received = Extract<ReceivedFile, { kind: 'received' }>;

/**
 * Stores an image, and waits a while for its versions to be made.
 *
 * The file becomes an object of the store before there is a row that names it, and its row and the job of processing it are one
 * transaction: what is acknowledged has its file, and is processed however often processes die. An object without a row is what an
 * upload has left that was cut off; nobody sees it, and the sweep removes it. Of an image that is refused nothing is kept.
 *
 * @throws BAD_USER_INPUT when the alternative text is too long, or the client goes away in the middle
 * @throws UNAVAILABLE when the store or the database is, or the disk has no room
 */
export async function uploadMedia(
  context: MediaContext,
  { file, altText, key }: UploadMediaArgs,
): Promise<UploadMediaOutcome> {
  const { store, room, limits, telemetry, log, processor, signal } = context;
  const description = parseAltText(altText ?? null);
  const usedBytes = await countUsedBytes(context.db, requireViewer(context).userId);
  // What has a key may be an upload that is kept already.
  if (key === null && usedBytes >= limits.quotaBytes)
    return reportProblem(context, toQuotaExceeded(usedBytes, limits.quotaBytes));
  const upload = await openUpload(file);
  const id = uuid7();
  let isKept = false;
  try {
    const { maxBytes, rules } = limits;
    const filename = sanitizeFilename(readPartFilename(upload.filename));
    // What a full disk would cut off is better not begun, and what is there already goes on.
    await room.assertRoomFor(0);
    const target = { key: objectKey(id, 'original'), filename, maxBytes, rules };
    const received = await receiveFile(upload.createReadStream(), store, target);
    if (received.kind !== 'received') return reportProblem(context, toReceiveProblem(received, rules));
    // Nobody would hear of the item any more.
    if (signal.aborted)
      throw new AppError('BAD_USER_INPUT', 'The upload was interrupted.', { reason: 'UPLOAD_INTERRUPTED' });
    const facts = { id, filename, altText: description, key };
    const begun = await begin(context, received, facts);
    if (begun.kind === 'repeated') telemetry.uploadRepeated(log, begun.id);
    else {
      isKept = !begun.made.isShared;
      processor.wake();
    }
    const mediaId = begun.kind === 'repeated' ? begun.id : id;
    const settled = await settleUpload(context, mediaId, { kind: begun.kind, waitMs: limits.processingWaitMs });
    if (settled.__typename === 'UploadMediaSuccess' && begun.kind === 'made')
      telemetry.uploaded(log, id, received.mimeType, received.byteSize);
    return settled;
  } catch (error) {
    if (error instanceof QuotaExceededError)
      return reportProblem(context, toQuotaExceeded(error.usedBytes, limits.quotaBytes));
    throw isStorageFailure(error) ? unavailable('media', error, 'STORAGE_UNAVAILABLE') : error;
  } finally {
    // What cannot be deleted now, the sweep deletes.
    if (!isKept) await store.deleteAll(mediaPrefix(id)).catch(() => undefined);
  }
}

function begin(
  { db, store, viewer, tokenProblem, requestId, limits }: MediaContext,
  { mimeType, byteSize, sha256 }: Received,
  { key, ...facts }: { id: string; filename: string; altText: string | null; key: IdempotencyKey | null },
): Promise<Once<{ readonly id: string; readonly isShared: boolean }>> {
  const { userId: uploaderId } = requireViewer({ viewer, tokenProblem });
  const { id, filename, altText } = facts;
  return inTransaction(db, (tx) =>
    makeOnce(tx, { key, userId: uploaderId, wanted: { sha256, filename, altText } }, async () => {
      // Several at once would each find room for itself alone.
      await lockUsage(tx, uploaderId);
      const usedBytes = await countUsedBytes(tx, uploaderId);
      if (usedBytes + byteSize > limits.quotaBytes) throw new QuotaExceededError(usedBytes);
      const item = { ...facts, uploaderId, mimeType, byteSize, sha256 };
      return { id, isShared: await createItem(tx, store, item, { requestId }) };
    }),
  );
}

export interface NewItem extends Omit<Received, 'kind'> {
  readonly id: string;
  readonly uploaderId: string;
  readonly filename: string;
  readonly altText: string | null;
}

/**
 * Writes the row of an item whose file is there, and tells of it. It is ready where nothing is made of it, and has a job otherwise. One with the same bytes as
 * another of its uploader shares the other's files, and is as ready; the caller, who has locked the uploader's usage, then deletes its own.
 *
 * @returns whether it shares files
 */
export async function createItem(
  tx: MediaTx,
  store: Pick<ObjectStore, 'stat'>,
  item: NewItem,
  request: { readonly requestId?: string | undefined },
): Promise<boolean> {
  const { id, uploaderId, mimeType, byteSize } = item;
  const twin = await findTwin(tx, store, item);
  // One from before there was a version for others has a job of its own for that.
  const isWhole = twin?.status === 'READY' && (twin.hasFull || !isForUploaderAlone(mimeType));
  const waits = !isWhole && isProcessed(mimeType);
  await tx.mediaItem.create({
    data: {
      ...item,
      ...(twin && toShared(twin)),
      ...(waits
        ? { job: { create: { requestId: request.requestId ?? null, traceparent: activeSpan()?.traceparent ?? null } } }
        : { status: 'READY' }),
    },
  });
  const uploaded = {
    type: 'media.uploaded.v1',
    subject: id,
    data: { mediaId: id, uploaderId, mimeType, byteSize },
  } as const;
  const processed = { type: 'media.processed.v1', subject: id, data: { mediaId: id, uploaderId } } as const;
  await appendEvents(tx, waits ? [uploaded] : [uploaded, processed], request);
  return twin !== null;
}

/** What has been made of the bytes. */
function toShared(twin: MediaRow) {
  const { width, height, placeholder, thumbnails, hasFull } = twin;
  return { contentId: contentOf(twin), width, height, placeholder, thumbnails: thumbnails ?? [], hasFull };
}

/**
 * Waits a while for an item to be ready. Of one that turns out to be no image nothing is kept.
 *
 * @throws AppError UNAUTHENTICATED when it has gone with the account of its uploader, and another when it has gone otherwise
 */
export async function settleUpload(
  context: MediaContext,
  mediaId: string,
  { kind, waitMs }: { readonly kind: Once<unknown>['kind']; readonly waitMs: number },
): Promise<UploadMediaSuccess | InvalidImage> {
  const { db, store, limits, processor, signal } = context;
  await processor.ended(mediaId, waitMs, signal);
  const media = await findUploaded(context, mediaId, kind);
  if (media.status !== 'FAILED') return { __typename: 'UploadMediaSuccess', media };
  const problem = toInvalidImage(media.failureReason as FailureReason, limits.maxPixels);
  await inTransaction(db, (tx) => abandon(tx, media, context));
  await deleteUnused(db, store, contentOf(media));
  return reportProblem(context, problem);
}

/** Ends a transaction that would go beyond a quota, and the claim of its key with it. */
class QuotaExceededError extends Error {
  constructor(readonly usedBytes: number) {
    super('The quota is exceeded.');
  }
}

/** Removes the row of an item that was never shown, so that the same file can be sent again with the same key. */
async function abandon(
  tx: MediaTx,
  item: Pick<MediaRow, 'id' | 'uploaderId'>,
  request: { readonly requestId?: string | undefined },
): Promise<boolean> {
  await releaseKeyOf(tx, item.id);
  return deleteRow(tx, item, request);
}

async function findUploaded(
  { db, viewer, tokenProblem }: MediaContext,
  id: string,
  kind: Once<unknown>['kind'],
): Promise<MediaRow> {
  const media = await db.mediaItem.findUnique({ where: { id } });
  if (media) return media;
  // What was uploaded just now goes with the account of its uploader, which is noted before anything of it is erased.
  if ((await db.erasedUser.count({ where: { userId: requireViewer({ viewer, tokenProblem }).userId } })) > 0)
    throw accountGone();
  throw kind === 'made' ? unavailable('media', undefined, 'STORAGE_UNAVAILABLE') : alreadyGone('A media item');
}

/** The store fails, or the disk of the spool is full, gone or not writable. */
export function isStorageFailure(error: unknown): boolean {
  return error instanceof StorageError || (typeof error === 'object' && error !== null && 'syscall' in error);
}

async function openUpload(file: UploadValue): Promise<FileUpload> {
  try {
    return await file;
  } catch (cause) {
    // What is not a file at all, such as a null where the schema has one, is none that was sent.
    throw cause instanceof AppError ? cause : fileMissing();
  }
}

export function toReceiveProblem(
  refused: Exclude<ReceivedFile, Received>,
  { allowed }: MediaRules,
): UnsupportedMediaType | MediaTooLarge | InvalidImage {
  switch (refused.kind) {
    case 'empty':
      return { __typename: 'InvalidImageProblem', message: 'The file is empty.', reason: 'EMPTY' };
    case 'unsupported': {
      const { mimeType, why: message } = refused;
      return {
        __typename: 'UnsupportedMediaTypeProblem',
        message,
        mimeType,
        allowed,
      };
    }
    case 'too_large': {
      const { maxBytes } = refused;
      return { __typename: 'MediaTooLargeProblem', message: `Such a file has at most ${maxBytes} bytes.`, maxBytes };
    }
  }
}

export function toQuotaExceeded(usedBytes: number, quotaBytes: number): QuotaExceeded {
  const message = `You keep ${usedBytes} of the ${quotaBytes} bytes that you may keep.`;
  return { __typename: 'QuotaExceededProblem', message, usedBytes, quotaBytes };
}

function toInvalidImage(reason: FailureReason, maxPixels: number): InvalidImage {
  const messages: Record<FailureReason, string> = {
    CORRUPT: 'The image is damaged or incomplete.',
    TOO_MANY_PIXELS: `The image has more pixels, all frames together, than the ${maxPixels} that are taken.`,
    TOO_COMPLEX: 'The image takes too much memory or time to be decoded.',
  };
  return { __typename: 'InvalidImageProblem', message: messages[reason], reason };
}

export function reportProblem<Problem extends UploadProblem>(
  { telemetry, log }: MediaContext,
  problem: Problem,
): Problem {
  telemetry.rejected(log, problem.__typename === 'InvalidImageProblem' ? problem.reason : problem.__typename);
  return problem;
}
