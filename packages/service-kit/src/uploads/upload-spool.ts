import { randomUUID } from 'node:crypto';
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { AppError } from '../app-error.js';

interface UploadSpoolOptions {
  /** Made when it is missing; the system's for such files when absent. */
  readonly folder?: string | undefined;
  /** Of all files together that are kept at one time. */
  readonly maxBytes: number;
}

/** Files of requests that their readers cannot take while they arrive: on the disk, so that memory does not grow with them. */
export interface UploadSpool {
  /**
   * Keeps a file until it is discarded.
   *
   * @throws AppError UNAVAILABLE when there is no room for it, or the disk cannot be used; what `source` throws
   */
  keep(source: AsyncIterable<Uint8Array>): Promise<KeptFile>;
  readonly bytes: () => number;
}

export interface KeptFile {
  /** From its beginning, each time. Ends with an error when the file is discarded before. */
  createReadStream(): Readable;
  discard(): Promise<void>;
}

const CHUNK_BYTES = 64 * 1024;
const RETRY_AFTER_SECONDS = 5;

/**
 * Creates a spool. Its files have no name from their first byte on (POSIX keeps a file that is unlinked for the process that has it open), so
 * nothing is left behind, however the process ends.
 */
export function createUploadSpool({ folder = tmpdir(), maxBytes }: UploadSpoolOptions): UploadSpool {
  let total = 0;

  async function openNameless(): Promise<FileHandle> {
    const file = path.join(folder, `taskgraph-upload-${randomUUID()}`);
    await mkdir(folder, { recursive: true });
    const handle = await open(file, 'wx+', 0o600);
    await rm(file);
    return handle;
  }

  return {
    bytes: () => total,
    async keep(source) {
      let handle: FileHandle | null = null;
      let bytes = 0;
      const discard = async () => {
        const closing = handle;
        handle = null;
        total -= bytes;
        bytes = 0;
        await closing?.close();
      };
      try {
        for await (const chunk of source) {
          if (total + chunk.length > maxBytes) throw full();
          total += chunk.length;
          bytes += chunk.length;
          handle ??= await openNameless();
          // Not `write`, which on a disk that is nearly full writes a part of it and calls that success.
          await handle.writeFile(chunk);
        }
      } catch (error) {
        await discard();
        throw isDiskFailure(error) ? broken(error) : error;
      }
      const kept = handle;
      return { createReadStream: () => (kept ? readFrom(kept) : Readable.from([])), discard };
    },
  };
}

/** Reads by position, so any number of readers may share a handle; one that is closed meanwhile fails, and reads no other file. */
function readFrom(handle: FileHandle): Readable {
  let position = 0;
  return new Readable({
    highWaterMark: CHUNK_BYTES,
    read() {
      handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, position).then(
        ({ bytesRead, buffer }) => {
          position += bytesRead;
          this.push(bytesRead === 0 ? null : buffer.subarray(0, bytesRead));
        },
        (error: Error) => this.destroy(error),
      );
    },
  });
}

function isDiskFailure(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'syscall' in error;
}

function full(): AppError {
  return new AppError('UNAVAILABLE', 'There are too many uploads now. Try again shortly.', {
    reason: 'OVERLOADED',
    extensions: { retryAfter: RETRY_AFTER_SECONDS },
  });
}

function broken(cause: unknown): AppError {
  return new AppError('UNAVAILABLE', 'Files cannot be taken now. Try again shortly.', {
    reason: 'STORAGE_UNAVAILABLE',
    cause,
  });
}
