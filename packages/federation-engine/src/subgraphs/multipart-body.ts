import { randomUUID } from 'node:crypto';
import { Upload, type FileUpload } from 'graphql-upload-minimal';

/** A file somewhere in the variables of a request. */
export interface PlacedUpload {
  /** As the specification writes it: `variables.input.file`, `variables.files.0`. */
  readonly path: string;
  readonly upload: Upload;
}

/** A request body that streams its files. */
export interface MultipartBody {
  readonly contentType: string;
  readonly stream: AsyncIterable<Uint8Array | string>;
}

/** Finds the files in variables, of those with the given names; empty for all but uploads. */
export function findUploads(
  variables: Readonly<Record<string, unknown>>,
  names: readonly string[] = Object.keys(variables),
): PlacedUpload[] {
  const found: PlacedUpload[] = [];
  const walk = (value: unknown, path: string) => {
    if (typeof value !== 'object' || value === null) return;
    if (value instanceof Upload) found.push({ path, upload: value });
    else for (const [name, inner] of Object.entries(value)) walk(inner, `${path}.${name}`);
  };
  for (const name of names) if (Object.hasOwn(variables, name)) walk(variables[name], `variables.${name}`);
  return found;
}

/**
 * Encodes a request with files for a subgraph (GraphQL multipart request specification): its JSON, which has null for each
 * file, and the files behind. A file that its client is still sending
 * passes through chunk by chunk: the subgraph's reading pace is that of the client's sending.
 *
 * The stream throws a Fault when a file is not there, is too large or does not arrive whole.
 */
export function encodeMultipart(operations: string, uploads: readonly PlacedUpload[]): MultipartBody {
  const boundary = `form-${randomUUID()}`;
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
      yield* file.createReadStream();
      yield '\r\n';
      index += 1;
    }
    yield `--${boundary}--\r\n`;
  }
  return { contentType: `multipart/form-data; boundary=${boundary}`, stream: encode() };
}

function partHead(boundary: string, index: number, { filename, mimetype }: FileUpload): string {
  // HTML, "multipart/form-data encoding algorithm": what would end the quoted string or the line is percent-encoded; other
  // control characters are no part of a header's value either (RFC 9110, section 5.5). A backslash would quote what follows.
  const name = filename
    .replace(/["\u0000-\u001f\u007f]/g, (character) => encodeURIComponent(character))
    .replaceAll('\\', '\\\\');
  const type = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(mimetype) ? mimetype : 'application/octet-stream';
  return `--${boundary}\r\ncontent-disposition: form-data; name="${index}"; filename="${name}"\r\ncontent-type: ${type}\r\n\r\n`;
}
