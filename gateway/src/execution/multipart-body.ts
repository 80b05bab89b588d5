import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { AppError } from '@taskgraph/service-kit';
import { Upload, type FileUpload } from 'graphql-upload-minimal';

/** A file somewhere in the variables of a request. */
interface PlacedUpload {
  /** As the specification writes it: `variables.input.file`, `variables.files.0`. */
  readonly path: string;
  readonly upload: Upload;
}

/** A request body that streams its files. */
export interface MultipartBody {
  readonly contentType: string;
  readonly stream: AsyncIterable<Uint8Array | string>;
}

/** Finds the files in the variables of a request; empty for all but uploads. */
export function findUploads(variables: unknown): PlacedUpload[] {
  const found: PlacedUpload[] = [];
  const walk = (value: unknown, path: string) => {
    if (typeof value !== 'object' || value === null) return;
    if (value instanceof Upload) found.push({ path, upload: value });
    else for (const [name, inner] of Object.entries(value)) walk(inner, `${path}.${name}`);
  };
  walk(variables, 'variables');
  return found;
}

/**
 * Encodes a request with files for a subgraph (GraphQL multipart request specification). Files pass through chunk by chunk:
 * the subgraph's reading pace is that of the client's sending.
 *
 * The stream throws when a file is over `maxBytes`, or when the client goes away.
 */
export function encodeMultipart(
  request: { query: string; variables: unknown; operationName?: string | undefined },
  uploads: readonly PlacedUpload[],
  maxBytes: number,
): MultipartBody {
  const boundary = `taskgraph-${randomUUID()}`;
  const operations = JSON.stringify(request, (_name, value: unknown) => (value instanceof Upload ? null : value));
  const byUpload = new Map<Upload, string[]>();
  for (const { path, upload } of uploads) byUpload.set(upload, [...(byUpload.get(upload) ?? []), path]);
  const map = JSON.stringify(Object.fromEntries([...byUpload.values()].map((paths, index) => [String(index), paths])));

  async function* encode(): AsyncGenerator<Uint8Array | string> {
    yield `--${boundary}\r\ncontent-disposition: form-data; name="operations"\r\n\r\n${operations}\r\n`;
    yield `--${boundary}\r\ncontent-disposition: form-data; name="map"\r\n\r\n${map}\r\n`;
    let index = 0;
    for (const upload of byUpload.keys()) {
      const file = await upload.promise;
      yield partHead(boundary, index, file);
      yield* readFile(file, maxBytes);
      yield '\r\n';
      index += 1;
    }
    yield `--${boundary}--\r\n`;
  }
  return { contentType: `multipart/form-data; boundary=${boundary}`, stream: encode() };
}

function partHead(boundary: string, index: number, { filename, mimetype }: FileUpload): string {
  // HTML, "multipart/form-data encoding algorithm": what would end the quoted string or the line is percent-encoded; other
  // control characters are no part of a header's value either (RFC 9110, section 5.5).
  const name = filename.replace(/["\u0000-\u001f\u007f]/g, (character) => encodeURIComponent(character));
  const type = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(mimetype) ? mimetype : 'application/octet-stream';
  return `--${boundary}\r\ncontent-disposition: form-data; name="${index}"; filename="${name}"\r\ncontent-type: ${type}\r\n\r\n`;
}

async function* readFile(file: FileUpload, maxBytes: number): AsyncGenerator<Uint8Array> {
  const source: Readable & { truncated?: boolean } = file.createReadStream();
  let finished = false;
  try {
    // A subgraph that stops reading must not stop the parser of the client's request: the rest is drained below.
    for await (const chunk of source.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
    finished = true;
  } finally {
    if (!finished) source.resume();
  }
  if (source.truncated) {
    throw new AppError('BAD_USER_INPUT', `A file has at most ${maxBytes} bytes.`, {
      reason: 'UPLOAD_TOO_LARGE',
      extensions: { maxBytes },
    });
  }
}
