import type { IncomingMessage, ServerResponse } from 'node:http';
import { assertReadable, isOfType } from '../json-body.js';
import { dropBody } from './drop-body.js';
import { readMultipart, type MultipartLimits } from './read-multipart.js';
import type { UploadSpool } from './upload-spool.js';

/** Reads the body of a request, where it is of the type that is read; null where it is of another. */
export type ReadBody = (request: IncomingMessage, response: ServerResponse) => Promise<object> | null;

export interface MultipartRequestsOptions extends Partial<MultipartLimits> {
  readonly maxFiles: number;
  /** For files that cannot be read while they arrive. */
  readonly spool: UploadSpool;
}

const MAX_FIELD_BYTES = 1_000_000;

/**
 * Reads GraphQL multipart requests up to where their operation is known; files stream when the resolver asks for them.
 *
 * The function returned rejects with what `UnreadableMultipart` or `UnreadableBody` tells.
 */
export function multipartRequests({ spool, ...given }: MultipartRequestsOptions): ReadBody {
  const limits = { maxFileBytes: Infinity, maxFieldBytes: MAX_FIELD_BYTES, ...given };
  return (request, response) => {
    if (!isOfType(request, 'multipart/form-data')) return null;
    assertReadable(request);
    const multipart = readMultipart(request, limits, spool);
    response.once('finish', () => dropBody(request));
    response.once('close', () => multipart.release());
    return multipart.operations;
  };
}
