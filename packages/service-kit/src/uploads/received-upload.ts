import { Readable } from 'node:stream';
import { Upload, type FileUpload } from 'graphql-upload-minimal';
import { AppError } from '../app-error.js';
import type { KeptFile } from './upload-spool.js';

/** What the head of a part tells of its file. */
export interface FileFacts {
  readonly filename: string;
  readonly mimetype: string;
  readonly encoding: string;
}

/** graphql-upload-minimal's class has these, and its types do not. */
interface Settling {
  resolve(file: FileUpload): void;
  reject(error: AppError): void;
}

class UploadValue extends Upload {
  /** The multipart specification wants null in the place of a file. */
  toJSON(): null {
    return null;
  }
}

/** A file that a request announces in its `map`: what stands in the variables, and what becomes of it. */
export class ReceivedUpload {
  readonly value: Upload = new UploadValue();
  #isSettled = false;

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Its part arrives, and is read while it does: by one reader. */
  arrive(facts: FileFacts, content: AsyncIterable<Uint8Array>): void {
    let isRead = false;
    this.#resolve(facts, () => {
      if (isRead)
        throw new AppError('BAD_USER_INPUT', 'One file was asked for twice.', { reason: 'UPLOAD_READ_TWICE' });
      isRead = true;
      return Readable.from(content, { objectMode: false });
    });
  }

  /** Its part has arrived, and is read as often as is wanted. */
  keep(facts: FileFacts, file: KeptFile): void {
    this.#resolve(facts, () => file.createReadStream());
  }

  fail(error: AppError): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    (this.value as unknown as Settling).reject(error);
  }

  #resolve(facts: FileFacts, createReadStream: () => Readable): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    const file = { ...facts, fieldName: '', createReadStream } as unknown as FileUpload;
    (this.value as unknown as Settling).resolve(file);
  }
}

/** The request announces a file that it does not hold. */
export function fileMissing(): AppError {
  return new AppError('BAD_USER_INPUT', 'The request holds no file for this variable.', { reason: 'FILE_MISSING' });
}

/** The name of a file cannot be read. */
export function nameNotUtf8(): AppError {
  return new AppError('BAD_USER_INPUT', 'The name of the file is not in UTF-8.', { reason: 'INVALID_FILENAME' });
}

export function fileTooLarge(maxBytes: number): AppError {
  return new AppError('BAD_USER_INPUT', `A file has at most ${maxBytes} bytes.`, {
    reason: 'UPLOAD_TOO_LARGE',
    extensions: { maxBytes },
  });
}

export function uploadInterrupted(cause?: unknown): AppError {
  return new AppError('BAD_USER_INPUT', 'The upload was interrupted.', { reason: 'UPLOAD_INTERRUPTED', cause });
}
