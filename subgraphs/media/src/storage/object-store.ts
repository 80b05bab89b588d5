import type { Readable } from 'node:stream';

/** Bytes from `start` to `end`, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface SignUrlOptions {
  readonly expiresAt: Date;
  /** Of the answer. */
  readonly contentType: string;
  readonly contentDisposition: string;
}

export interface StoredObject {
  readonly key: string;
  readonly writtenAt: Date;
}

/**
 * Where files live. Keys are paths of lower-case letters, digits, `-`, `.` and `/`.
 *
 * An object is there whole or not at all, for every process that uses the store, and what is acknowledged outlives a loss of power. What
 * a store cannot do now is a `StorageError`.
 */
export interface ObjectStore {
  /** Takes a finished local file over, which is gone afterwards. */
  putFile(key: string, localPath: string): Promise<void>;
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Reads no faster than it writes. When the source ends with an error there is no object, and the error is the cause of what is thrown. */
  putStream(key: string, source: AsyncIterable<Uint8Array>): Promise<void>;
  /** Null when there is no such object. The reader ends or destroys the stream. */
  openRead(key: string, range?: ByteRange): Promise<Readable | null>;
  /** Null when there is no such object. */
  stat(key: string): Promise<{ readonly byteSize: number } | null>;
  /**
   * A URL that hands one object to its holder, without this service, until a time: nothing takes it back. Null where the store knows no such
   * thing, or there is nothing to sign it with.
   */
  signUrl(key: string, options: SignUrlOptions): Promise<string | null>;
  /** Deletes everything under a prefix that ends with `/`; nothing there is no error. */
  deleteAll(prefix: string): Promise<void>;
  /** Every object, in any order. */
  list(): AsyncIterable<StoredObject>;
  /** Removes what writers that died have left before a time, and is no object. Tells how many there were. */
  sweepUnfinished(before: Date): Promise<number>;
  /** @throws StorageError when objects cannot be written or read */
  check(): Promise<void>;
}

/** The store is full, gone, or does not let us in. */
export class StorageError extends Error {
  constructor(cause: unknown) {
    super(`The store of files fails: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'StorageError';
  }
}

const KEY_PATTERN = /^[a-z0-9][a-z0-9.-]*(\/[a-z0-9][a-z0-9.-]*)*$/;
const PREFIX_PATTERN = /^([a-z0-9][a-z0-9.-]*\/)+$/;

/** @throws on a key that could lead out of the store: a defect of the caller */
export function assertKey(key: string): void {
  if (!KEY_PATTERN.test(key)) throw new Error(`not a key: ${key}`);
}

/** @throws on what is no prefix of whole folders, such as the one of everything: a defect of the caller */
export function assertPrefix(prefix: string): void {
  if (!PREFIX_PATTERN.test(prefix)) throw new Error(`not a prefix: ${prefix}`);
}

/** Runs what uses a store, and tells its failures from those of others. */
export async function inStore<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof StorageError ? error : new StorageError(error);
  }
}
