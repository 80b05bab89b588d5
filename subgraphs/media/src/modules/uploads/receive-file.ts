import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { AppError } from '@taskgraph/service-kit';
import { isAllowedMimeType, SNIFF_BYTES, sniffMimeType } from './media-types.js';

export type ReceivedFile =
  | { readonly kind: 'received'; readonly mimeType: string; readonly byteSize: number; readonly sha256: string }
  | { readonly kind: 'empty' }
  | { readonly kind: 'unsupported'; readonly mimeType: string }
  | { readonly kind: 'too_large' };

/** A client that goes on sending after its file was refused is read this many times the limit, then cut off. */
const DRAIN_FACTOR = 4;

/**
 * Writes an upload to a local file while it arrives, finding out its type and hash on the way.
 *
 * A file that is refused is not written any further, but read to its end: a client that is still sending would not see
 * an answer.
 *
 * @throws AppError BAD_USER_INPUT when the client goes away in the middle or sends without end
 */
export async function receiveFile(
  source: Readable,
  path: string,
  { maxBytes }: { maxBytes: number },
): Promise<ReceivedFile> {
  const file = await open(path, 'wx');
  try {
    const hash = createHash('sha256');
    let head: Buffer = Buffer.alloc(0);
    let mimeType: string | null = null;
    let refusal: ReceivedFile | null = null;
    let byteSize = 0;

    for await (const chunk of source as AsyncIterable<Buffer>) {
      byteSize += chunk.length;
      if (refusal) {
        if (byteSize > maxBytes * DRAIN_FACTOR) throw interrupted('The file does not end.');
        continue;
      }
      if (byteSize > maxBytes) {
        refusal = { kind: 'too_large' };
        continue;
      }
      if (mimeType === null) {
        head = Buffer.concat([head, chunk]);
        if (head.length >= SNIFF_BYTES) {
          mimeType = await sniffMimeType(head.subarray(0, SNIFF_BYTES));
          if (!isAllowedMimeType(mimeType)) {
            refusal = { kind: 'unsupported', mimeType };
            continue;
          }
        }
      }
      hash.update(chunk);
      // Not `write`, which on a disk that is nearly full writes a part of it and calls that success.
      await file.writeFile(chunk);
    }

    if (refusal) return refusal;
    if (byteSize === 0) return { kind: 'empty' };
    mimeType ??= await sniffMimeType(head);
    if (!isAllowedMimeType(mimeType)) return { kind: 'unsupported', mimeType };
    return { kind: 'received', mimeType, byteSize, sha256: hash.digest('hex') };
  } catch (error) {
    if (error instanceof AppError || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw interrupted('The upload was interrupted.', error);
  } finally {
    await file.close();
  }
}

function interrupted(message: string, cause?: unknown): AppError {
  return new AppError('BAD_USER_INPUT', message, { reason: 'UPLOAD_INTERRUPTED', cause });
}
