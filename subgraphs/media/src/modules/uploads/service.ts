import {
  appendEvents,
  AppError,
  badUserInput,
  canonicalText,
  fileMissing,
  alreadyGone,
  inTransaction,
  makeOnce,
  releaseKeyOf,
  type IdempotencyKey,
  type Once,
  isVisible,
  requireViewer,
  unavailable,
} from '@taskgraph/service-kit';
import type { FileUpload } from 'graphql-upload-minimal';
import type { MediaContext } from '../../context.js';
import type { MediaTx } from '../../db.js';
import { mediaPrefix, objectKey } from '../../storage/object-keys.js';
import { StorageError } from '../../storage/object-store.js';
import type { MediaRow } from '../media/mappers.js';
import { deleteRow } from '../media/service.js';
import { sanitizeFilename } from './filename.js';
import { ALLOWED_MIME_TYPES } from './media-types.js';
import type { UploadValue } from './mappers.js';
import { receiveFile, type ReceivedFile } from './receive-file.js';
import { processImage, type ProcessedImage } from './thumbnails.js';

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
  readonly reason: 'EMPTY' | 'CORRUPT' | 'TOO_MANY_PIXELS';
}

export type UploadProblem = UnsupportedMediaType | MediaTooLarge | InvalidImage;
export type UploadMediaOutcome = UploadMediaSuccess | UploadProblem;

export interface UploadMediaArgs {
  readonly file: UploadValue;
  readonly altText?: string | null | undefined;
  readonly key: IdempotencyKey | null;
}

type Received = Extract<ReceivedFile, { kind: 'received' }>;
type Processed = Extract<ProcessedImage, { kind: 'processed' }>;

const MAX_ALT_TEXT_CHARACTERS = 500;

/**
 * Stores an image with its thumbnails.
 *
 * The file waits in the spool until it is known to be good. Of one that is refused, or whose client goes away, neither
 * the store nor the database ever holds anything.
 *
 * @throws BAD_USER_INPUT when the alternative text is too long, or the client goes away in the middle
 * @throws UNAVAILABLE when the store or the database is
 */
export async function uploadMedia(
  context: MediaContext,
  { file, altText, key }: UploadMediaArgs,
): Promise<UploadMediaOutcome> {
  const { spool, limits, telemetry, log } = context;
  const description = parseAltText(altText ?? null);
  const upload = await openUpload(file);
  const path = spool.newPath();
  try {
    const received = await receiveFile(upload.createReadStream(), path, { maxBytes: limits.maxBytes });
    const problem = toReceiveProblem(received, limits.maxBytes);
    if (problem) return reportProblem(context, problem);
    const processed = await context.processing(() => {
      const stop = telemetry.startProcessing();
      return processImage(path, { maxPixels: limits.maxPixels }).finally(stop);
    });
    const invalid = toImageProblem(processed, limits.maxPixels);
    if (invalid) return reportProblem(context, invalid);
    // Nobody would hear of the item any more.
    if (context.signal.aborted)
      throw new AppError('BAD_USER_INPUT', 'The upload was interrupted.', { reason: 'UPLOAD_INTERRUPTED' });

    const stored = await context.storing(() =>
      store(context, path, received as Received, processed as Processed, {
        filename: sanitizeFilename(upload.filename),
        altText: description,
        key,
      }),
    );
    if (stored.kind === 'repeated') {
      telemetry.uploadRepeated(log, stored.id);
      return { __typename: 'UploadMediaSuccess', media: await findUploaded(context, stored.id) };
    }
    const { made: media } = stored;
    telemetry.uploaded(log, media.id, media.mimeType, media.byteSize);
    return { __typename: 'UploadMediaSuccess', media };
  } catch (error) {
    throw isStorageFailure(error) ? unavailable('media', error, 'STORAGE_UNAVAILABLE') : error;
  } finally {
    await spool.remove(path);
  }
}

/**
 * Writes the row first, as PROCESSING, then the files, then READY: after a crash the row tells what there is to clean up
 * (see `sweepInterrupted`). The row is locked while its files are written, so whoever sweeps sees that somebody is at work, and
 * the end of a process is the end of its locks. Each holds a connection: `storing` bounds how many.
 */
async function store(
  { db, store, viewer, tokenProblem, requestId }: MediaContext,
  path: string,
  { mimeType, byteSize, sha256 }: Received,
  { width, height, placeholder, thumbnails }: Processed,
  { filename, altText, key }: { filename: string; altText: string | null; key: IdempotencyKey | null },
): Promise<Once<MediaRow>> {
  const { userId: uploaderId } = requireViewer({ viewer, tokenProblem });
  const data = {
    uploaderId,
    filename,
    mimeType,
    byteSize,
    sha256,
    width,
    height,
    altText,
    placeholder,
    thumbnails: thumbnails.map(({ size, width, height, byteSize }) => ({ size, width, height, byteSize })),
  };
  const begun = await inTransaction(db, (tx) =>
    makeOnce(tx, { key, userId: uploaderId, wanted: { sha256, filename, altText } }, async () => {
      const { id } = await tx.mediaItem.create({ data, select: { id: true } });
      const uploaded = { mediaId: id, uploaderId, mimeType, byteSize };
      await appendEvents(tx, [{ type: 'media.uploaded.v1', subject: id, data: uploaded }], { requestId });
      return { id };
    }),
  );
  if (begun.kind === 'repeated') return begun;
  const { id } = begun.made;
  const work = async (tx: MediaTx) => {
    const locked = await tx.$queryRaw<unknown[]>`SELECT id FROM media_items WHERE id = ${id}::uuid FOR UPDATE`;
    if (locked.length === 0) throw unavailable('media', undefined, 'STORAGE_UNAVAILABLE');
    await store.putFile(objectKey(id, 'original'), path);
    await Promise.all(thumbnails.map(({ size, bytes }) => store.put(objectKey(id, size), bytes)));
    const media = await tx.mediaItem.update({ where: { id }, data: { status: 'READY' } });
    await appendEvents(tx, [{ type: 'media.processed.v1', subject: id, data: { mediaId: id, uploaderId } }], {
      requestId,
    });
    return media;
  };
  try {
    return { kind: 'made', made: await inTransaction(db, work, { timeoutMs: STORE_TIMEOUT_MS, tries: 1 }) };
  } catch (error) {
    // When the store cannot even delete, the row stays for the sweep.
    await store.deleteAll(mediaPrefix(id));
    await inTransaction(db, (tx) => abandon(tx, { id, uploaderId }, { requestId }));
    throw error;
  }
}

/** Removes the row of an item that was never whole, so that the same file can be sent again with the same key. */
async function abandon(
  tx: MediaTx,
  item: Pick<MediaRow, 'id' | 'uploaderId'>,
  request: { readonly requestId?: string | undefined },
): Promise<boolean> {
  await releaseKeyOf(tx, item.id);
  return deleteRow(tx, item, request);
}

async function findUploaded({ db }: MediaContext, id: string): Promise<MediaRow> {
  const media = await db.mediaItem.findUnique({ where: { id } });
  if (!media) throw alreadyGone('A media item');
  return media;
}

/** The store fails, or the disk of the spool is full, gone or not writable. */
function isStorageFailure(error: unknown): boolean {
  return error instanceof StorageError || (typeof error === 'object' && error !== null && 'syscall' in error);
}

/** What takes longer to write the files of one item is given up. */
const STORE_TIMEOUT_MS = 10 * 60_000;
/** Between an item's row and its lock there is a moment, which is not worth a sweep. */
const UNLOCKED_MOMENT_MS = 5_000;

/**
 * Removes what uploads left that were cut off by a crash between their row and their last file: an item that is being processed, and
 * whose row nobody has locked. Tells how many it has removed, and whether there are some that are too young to tell.
 */
export async function sweepInterrupted({
  db,
  store,
}: Pick<MediaContext, 'db' | 'store'>): Promise<{ readonly count: number; readonly isUnfinished: boolean }> {
  const before = new Date(Date.now() - UNLOCKED_MOMENT_MS);
  const unready = await db.mediaItem.findMany({
    where: { status: 'PROCESSING' },
    select: { id: true, uploaderId: true, updatedAt: true },
  });
  const suspects = unready.filter(({ updatedAt }) => updatedAt < before);
  let count = 0;
  for (const item of suspects) {
    const isAbandoned = await inTransaction(db, async (tx) => {
      const locked = await tx.$queryRaw<unknown[]>`
        SELECT id FROM media_items WHERE id = ${item.id}::uuid AND status = 'PROCESSING' FOR UPDATE SKIP LOCKED`;
      if (locked.length === 0) return false;
      // Files of a row that stays are deleted by the next sweep again.
      await store.deleteAll(mediaPrefix(item.id));
      return abandon(tx, item, {});
    });
    if (isAbandoned) count += 1;
  }
  return { count, isUnfinished: suspects.length < unready.length };
}

async function openUpload(file: UploadValue): Promise<FileUpload> {
  try {
    return await file;
  } catch (cause) {
    // What is not a file at all, such as a null where the schema has one, is none that was sent.
    throw cause instanceof AppError ? cause : fileMissing();
  }
}

function parseAltText(text: string | null): string | null {
  const altText = canonicalText(text ?? '');
  if (altText.length > MAX_ALT_TEXT_CHARACTERS) {
    throw badUserInput(`An alternative text has at most ${MAX_ALT_TEXT_CHARACTERS} characters.`, 'INVALID_ALT_TEXT');
  }
  return isVisible(altText) ? altText : null;
}

function toReceiveProblem(received: ReceivedFile, maxBytes: number): UploadProblem | null {
  switch (received.kind) {
    case 'received':
      return null;
    case 'empty':
      return { __typename: 'InvalidImageProblem', message: 'The file is empty.', reason: 'EMPTY' };
    case 'unsupported': {
      const { mimeType } = received;
      const allowed = ALLOWED_MIME_TYPES;
      return {
        __typename: 'UnsupportedMediaTypeProblem',
        message: `Files of type ${mimeType} are not taken.`,
        mimeType,
        allowed,
      };
    }
    case 'too_large':
      return { __typename: 'MediaTooLargeProblem', message: `A file has at most ${maxBytes} bytes.`, maxBytes };
  }
}

function toImageProblem(processed: ProcessedImage, maxPixels: number): InvalidImage | null {
  switch (processed.kind) {
    case 'processed':
      return null;
    case 'corrupt':
      return { __typename: 'InvalidImageProblem', message: 'The image is damaged or incomplete.', reason: 'CORRUPT' };
    case 'too_many_pixels': {
      const { width, height } = processed;
      const message = `The image has ${width} × ${height} pixels; at most ${maxPixels} are taken.`;
      return { __typename: 'InvalidImageProblem', message, reason: 'TOO_MANY_PIXELS' };
    }
  }
}

function reportProblem({ telemetry, log }: MediaContext, problem: UploadProblem): UploadProblem {
  telemetry.rejected(log, problem.__typename === 'InvalidImageProblem' ? problem.reason : problem.__typename);
  return problem;
}
