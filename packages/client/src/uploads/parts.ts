import type { OnProgress } from './send-body.js';

/** How a file is sent that goes on where it stands. */
export interface SendInPartsOptions {
  readonly onProgress?: OnProgress | undefined;
  /** Ends the upload; what has arrived stays, and the next try goes on after it. */
  readonly signal?: AbortSignal | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds to wait before each try after a lost connection; it fails when there are no more. */
  readonly retryDelaysMs?: readonly number[];
  /** Bytes of one request; if absent, all that are left by tus, and 8 MiB to Cloud Storage, whose parts are multiples of 256 KiB. */
  readonly chunkBytes?: number;
}

export const RETRY_DELAYS_MS: readonly number[] = [0, 1_000, 3_000, 10_000, 30_000];
