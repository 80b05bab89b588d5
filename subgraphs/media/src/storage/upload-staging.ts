import type { Readable } from 'node:stream';

/** How the bytes of an upload session are sent. */
export type UploadProtocol = 'TUS' | 'GCS_RESUMABLE';

/** A session as the place of its bytes knows it. */
export interface StagedUpload {
  readonly id: string;
  /** As announced. */
  readonly byteSize: number;
  /** What `begin` has returned. */
  readonly targetUrl: string | null;
}

/**
 * Where the bytes of upload sessions wait until they are all there. They outlive processes: a client goes on with a session at any
 * process that uses the same place. What it cannot do now is a `StorageError`.
 */
export interface UploadStaging {
  readonly protocol: UploadProtocol;
  /**
   * Makes room for a session.
   *
   * @param origin of the page that will send the bytes, when it is a page
   * @returns where the bytes go; null when this service takes them itself
   */
  begin(id: string, byteSize: number, origin: string | null): Promise<string | null>;
  /** How many bytes there are; of one that is published already, too. */
  receivedBytes(upload: StagedUpload): Promise<number>;
  /** Null when they are not all there. */
  openRead(upload: StagedUpload): Promise<Readable | null>;
  /** Makes the bytes the original of the item of the same id; once more changes nothing. */
  publish(upload: StagedUpload): Promise<void>;
  /** Forgets a session; nothing there is no error. */
  remove(upload: Pick<StagedUpload, 'id' | 'targetUrl'>): Promise<void>;
  /** Sessions that have left something which is no object, and was not written to since a time. */
  listIdle(before: Date): AsyncIterable<string>;
}
