import type { Readable } from 'node:stream';

/** Bytes from `start` to `end`, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Where files live. Keys are paths of lower-case letters, digits, `-`, `.` and `/`. */
export interface ObjectStore {
  /** Takes a finished local file over; the object is there whole or not at all. The local file is gone afterwards. */
  putFile(key: string, localPath: string): Promise<void>;
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** Null when there is no such object. The reader ends or destroys the stream. */
  openRead(key: string, range?: ByteRange): Promise<Readable | null>;
  /** Null when there is no such object. */
  stat(key: string): Promise<{ readonly byteSize: number } | null>;
  /** Deletes everything under a prefix that ends with `/`; nothing there is no error. */
  deleteAll(prefix: string): Promise<void>;
  /** Throws when objects cannot be written or read. */
  check(): Promise<void>;
}
