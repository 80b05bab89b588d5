import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  dropBody,
  readFormWithFile,
  UnreadableBody,
  assertReadable,
  isOfType,
  UnreadableMultipart,
} from '@taskgraph/service-kit';
import type { Arrival } from '../transports/http/answer.js';
import type { Origins } from '@taskgraph/service-kit';
import type { Places } from './compile-query.js';
import type { JsonSchema } from './json-schema.js';
import { Problem } from './problem.js';

/** Reads a form with a file, up to the file. @throws Problem */
export type ReadForm = (
  request: IncomingMessage,
  response: ServerResponse,
  schema: JsonSchema | undefined,
) => Promise<{ readonly places: Places; readonly place: Pick<Arrival, 'multipart' | 'bytes'> }>;

export interface ReadFormOptions {
  readonly origins: Origins;
  readonly maxFileBytes: number;
  /** Headers that no foreign page can send without asking first. */
  readonly preflightHeaders: readonly string[];
}

const FORM_TYPE = 'multipart/form-data';
const TAKES = { headers: { accept: FORM_TYPE } };
const FIELD = 'file';
const MAX_FIELD_BYTES = 10_000;

export function createReadForm({ origins, maxFileBytes, preflightHeaders }: ReadFormOptions): ReadForm {
  /** A form is all that a page can send to another site without asking first, with the cookies of its visitor. */
  function assertOwn(request: IncomingMessage): void {
    const { headers } = request;
    if (headers.authorization !== undefined || preflightHeaders.some((name) => headers[name])) return;
    const origin = origins.of(request);
    if (origin === 'own' || origin === 'listed') return;
    throw new Problem(
      403,
      'FORBIDDEN',
      'This upload could have been sent by a foreign page: send an access token, or the header apollo-require-preflight: true.',
      { members: { reason: 'CSRF' } },
    );
  }

  return async (request, response, schema) => {
    const known = new Set(Object.keys(schema?.properties ?? {}).filter((name) => name !== FIELD));
    if (!isOfType(request, FORM_TYPE))
      throw new Problem(415, 'BAD_REQUEST', 'Send the file as multipart/form-data.', TAKES);
    assertOwn(request);
    response.once('finish', () => dropBody(request));
    try {
      assertReadable(request);
      const limits = { maxFileBytes, maxFieldBytes: MAX_FIELD_BYTES, maxFields: known.size };
      const { fields, file } = await readFormWithFile(request, FIELD, limits);
      const unknown = [...fields.keys()].filter((name) => !known.has(name));
      if (unknown.length > 0)
        throw new Problem(400, 'BAD_USER_INPUT', 'The form has fields that are not known here.', {
          errors: unknown.map((name) => ({ in: 'body', at: `/${name.slice(0, 100)}`, detail: 'is not known here' })),
        });
      const { 'content-length': declared } = request.headers;
      return {
        places: [...fields, [FIELD, file]],
        place: { multipart: true, ...(declared !== undefined && { bytes: Number(declared) }) },
      };
    } catch (error) {
      if (error instanceof UnreadableMultipart || error instanceof UnreadableBody)
        throw new Problem(error.status, 'BAD_REQUEST', error.message, error.status === 415 ? TAKES : {});
      throw error;
    }
  };
}
