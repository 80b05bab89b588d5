import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { AppError } from '@taskgraph/service-kit';
import { StorageError, type ObjectStore } from '../../storage/object-store.js';
import { maxBytesOf, type MediaRules } from '../../media-kinds.js';
import { findRefusal, SNIFF_BYTES, sniffMimeType } from '../../media-types.js';

export type ReceivedFile =
  | { readonly kind: 'received'; readonly mimeType: string; readonly byteSize: number; readonly sha256: string }
  | { readonly kind: 'empty' }
  | { readonly kind: 'unsupported'; readonly mimeType: string; readonly why: string }
  | { readonly kind: 'too_large'; readonly maxBytes: number };

export interface ReceiveOptions {
  readonly key: string;
  readonly filename: string;
  /** Of any file; its type may have a lower limit. */
  readonly maxBytes: number;
  readonly rules: MediaRules;
}

/** A client that goes on sending after its file was refused is read this many times the limit, then cut off. */
const DRAIN_FACTOR = 4;

/**
 * Writes an upload into the store while it arrives, no faster than the store takes it, finding out its type and hash on the way.
 *
 * A file that is refused is not written any further, and never becomes an object; but it is read to its end: a client that is still
 * sending would not see an answer.
 *
 * @throws AppError BAD_USER_INPUT when the client goes away in the middle or sends without end
 * @throws StorageError
 */
export async function receiveFile(
  source: Readable,
  store: Pick<ObjectStore, 'putStream'>,
  { key, filename, maxBytes, rules }: ReceiveOptions,
): Promise<ReceivedFile> {
  const chunks = source.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  const hash = createHash('sha256');
  const seen: { byteSize: number; maxBytes: number; mimeType: string; failure: AppError | null } = {
    byteSize: 0,
    maxBytes,
    mimeType: '',
    failure: null,
  };

  function assertSize(): void {
    if (seen.byteSize > seen.maxBytes) throw new RefusedFile({ kind: 'too_large', maxBytes: seen.maxBytes });
  }

  async function assertTaken(head: Buffer): Promise<void> {
    const first = head.subarray(0, SNIFF_BYTES);
    const mimeType = await sniffMimeType(first, filename);
    const why = findRefusal(mimeType, first, { filename, rules });
    if (why !== null) throw new RefusedFile({ kind: 'unsupported', mimeType, why });
    seen.mimeType = mimeType;
    seen.maxBytes = maxBytesOf(seen.mimeType, maxBytes, rules);
    assertSize();
  }

  async function* whole(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of chunks) {
        seen.byteSize += chunk.length;
        assertSize();
        hash.update(chunk);
        yield chunk;
      }
    } catch (error) {
      if (error instanceof RefusedFile) throw error;
      seen.failure = error instanceof AppError ? error : interrupted('The upload was interrupted.', error);
      throw seen.failure;
    }
    if (seen.byteSize === 0) throw new RefusedFile({ kind: 'empty' });
  }

  async function* ofAllowedType(): AsyncGenerator<Buffer> {
    let head: Buffer | null = Buffer.alloc(0);
    for await (const chunk of whole()) {
      if (head === null) {
        yield chunk;
        continue;
      }
      head = Buffer.concat([head, chunk]);
      if (head.length < SNIFF_BYTES) continue;
      await assertTaken(head);
      yield head;
      head = null;
    }
    if (head === null) return;
    await assertTaken(head);
    yield head;
  }

  try {
    await store.putStream(key, ofAllowedType());
  } catch (error) {
    // Why the source has ended is why there is no object.
    const cause = error instanceof StorageError ? error.cause : error;
    if (!(cause instanceof RefusedFile)) throw seen.failure ?? error;
    await drain(source, seen.byteSize, maxBytes * DRAIN_FACTOR);
    return cause.outcome;
  }
  const { mimeType, byteSize } = seen;
  return { kind: 'received', mimeType, byteSize, sha256: hash.digest('hex') };
}

/** Ends the writing of a file that is not taken. */
class RefusedFile extends Error {
  constructor(readonly outcome: Exclude<ReceivedFile, { kind: 'received' }>) {
    super(`The file is refused: ${outcome.kind}.`);
  }
}

async function drain(source: Readable, read: number, maxBytes: number): Promise<void> {
  let byteSize = read;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      byteSize += chunk.length;
      if (byteSize > maxBytes) throw interrupted('The file does not end.');
    }
  } catch (error) {
    throw error instanceof AppError ? error : interrupted('The upload was interrupted.', error);
  }
}

function interrupted(message: string, cause?: unknown): AppError {
  return new AppError('BAD_USER_INPUT', message, { reason: 'UPLOAD_INTERRUPTED', cause });
}
