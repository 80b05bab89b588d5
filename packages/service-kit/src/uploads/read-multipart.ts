import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import busboy from 'busboy';
import type { AppError } from '../app-error.js';
import { guarded } from './guarded-callbacks.js';
import { watchMangledText } from './mangled-text.js';
import {
  fileMissing,
  fileTooLarge,
  nameNotUtf8,
  ReceivedUpload,
  uploadInterrupted,
  type FileFacts,
} from './received-upload.js';
import {
  mayBeReadTwice,
  notUtf8,
  parseMap,
  parseOperations,
  putAt,
  UnreadableMultipart,
  tooManyFiles,
  type UploadMap,
} from './upload-map.js';
import type { KeptFile, UploadSpool } from './upload-spool.js';

export interface MultipartLimits {
  readonly maxFiles: number;
  /** Of one file. */
  readonly maxFileBytes: number;
  /** Of one of the fields `operations` and `map`. */
  readonly maxFieldBytes: number;
}

interface MultipartRequest {
  /** What the field `operations` holds, with an `Upload` in each place that the field `map` names. @throws UnreadableMultipart */
  readonly operations: Promise<object>;
  /** Frees what is kept of its files; one that is still read ends with an error. */
  release(): void;
}

/** The name of a file is sent on in the head of a part, which may have 16 KB. */
const MAX_FILENAME_CHARACTERS = 4_096;

interface EarlyPart {
  readonly facts: FileFacts;
  readonly kept: Promise<KeptFile>;
}

/**
 * Reads a request as the GraphQL multipart request specification describes it, with its parts in any order.
 *
 * `operations` is there as soon as both fields are. A file streams to its reader when it is the last that is awaited and is
 * read once, as nearly all are. Every other one waits in the spool: a reader that takes files in another order than they
 * come, or not at all, would keep those behind from coming.
 *
 * What is wrong with a file is met by the reader of that file, as an AppError; a file that the request does not hold is one of those.
 */
export function readMultipart(request: IncomingMessage, limits: MultipartLimits, spool: UploadSpool): MultipartRequest {
  const { maxFiles, maxFileBytes } = limits;
  const early = new Map<string, EarlyPart | null>();
  const kept: Array<Promise<KeptFile>> = [];
  /** Names of the map whose parts have not come. */
  const awaited = new Set<string>();
  let uploads: Map<string, ReceivedUpload> | null = null;
  let operations: object | undefined;
  let map: UploadMap | undefined;
  let failure: AppError | null = null;
  let settle: (operations: object) => void = () => undefined;
  let refuse: (error: unknown) => void = () => undefined;
  const read = new Promise<object>((resolve, reject) => {
    settle = resolve;
    refuse = reject;
  });
  const created = createParser(request, limits, refuse);
  if (!created) return { operations: read, release: () => undefined };
  const parser: busboy.Busboy = created;
  const texts = watchMangledText(request);

  function end(error: unknown): void {
    if (failure) return;
    texts.stop();
    failure = uploadInterrupted(error);
    refuse(error);
    for (const upload of uploads?.values() ?? []) upload.fail(failure);
    request.unpipe(parser);
    // Its open file ends with an error, of which its reader makes what the client is told.
    parser.destroy();
    request.resume();
  }

  /** Of a request that is given up nothing more is looked at. */
  const whileOpen = <Args extends unknown[]>(handle: (...args: Args) => void) =>
    guarded((...args: Args) => {
      if (!failure) handle(...args);
    }, end);

  function keep(content: AsyncIterable<Uint8Array>): Promise<KeptFile> {
    const file = spool.keep(content);
    file.catch(() => undefined);
    kept.push(file);
    return file;
  }

  function deliver(upload: ReceivedUpload, facts: FileFacts, file: Promise<KeptFile>): void {
    file.then(
      (whole) => upload.keep(facts, whole),
      (error: unknown) => upload.fail(error as AppError),
    );
  }

  function place(): void {
    if (!operations || !map) return;
    uploads = new Map([...map.keys()].map((name) => [name, new ReceivedUpload()]));
    for (const [name, places] of map)
      for (const at of places) putAt(operations, at, (uploads.get(name) as ReceivedUpload).value);
    for (const name of map.keys()) if (!early.has(name)) awaited.add(name);
    for (const [name, part] of early) {
      const upload = uploads.get(name);
      if (!upload) void part?.kept.then((file) => file.discard()).catch(() => undefined);
      else if (part) deliver(upload, part.facts, part.kept);
      else upload.fail(fileMissing());
    }
    settle(operations);
  }

  function onField(name: string | undefined, value: string, { valueTruncated }: { valueTruncated: boolean }): void {
    if (name === 'operations' || name === 'map') {
      if (valueTruncated)
        throw new UnreadableMultipart(`The field "${name}" has at most ${limits.maxFieldBytes} bytes.`, 413);
      if ((name === 'map' ? map : operations) !== undefined)
        throw new UnreadableMultipart(`The field "${name}" is there twice.`);
      if (texts.isMangled(value)) throw notUtf8(`The field "${name}"`);
      if (name === 'map') map = parseMap(value, maxFiles);
      else operations = parseOperations(value);
      place();
    } else if (name !== undefined) {
      awaited.delete(name);
      noFile(name);
    }
  }

  /** A part that should be a file is none: it has no name of a file, as a form sends it where nothing was chosen. */
  function noFile(name: string): void {
    if (uploads) uploads.get(name)?.fail(fileMissing());
    else if (!early.has(name)) early.set(name, null);
  }

  function onFile(name: string | undefined, stream: Readable, info: busboy.FileInfo): void {
    if (name !== undefined) awaited.delete(name);
    const { filename = '', mimeType: mimetype, encoding } = info as Partial<busboy.FileInfo>;
    const upload = name === undefined ? undefined : uploads?.get(name);
    const isMangled = texts.isMangled(filename);
    const isUnwanted = name === undefined || (uploads ? !upload || upload.isSettled : early.has(name));
    if (isUnwanted || filename === '' || filename.length > MAX_FILENAME_CHARACTERS) {
      if (!isUnwanted) noFile(name);
      stream.resume();
      return;
    }
    if (isMangled) {
      stream.resume();
      if (!upload) throw notUtf8('The name of a file');
      upload.fail(nameNotUtf8());
      return;
    }
    // Nothing of text is awaited behind the last file, whose bytes need no second look.
    if (uploads && awaited.size === 0) texts.stop();
    const facts = { filename, mimetype: mimetype ?? '', encoding: encoding ?? '' };
    const content = readFile(stream, maxFileBytes);
    if (!uploads || !upload) early.set(name, { facts, kept: keep(content) });
    // With none awaited behind it, nobody waits for this one to be read.
    else if (awaited.size === 0 && !mayBeReadTwice(operations as object, map?.get(name) ?? []))
      upload.arrive(facts, content);
    else deliver(upload, facts, keep(content));
  }

  parser.on('field', whileOpen(onField));
  parser.on('file', (name, stream, info) => {
    // Also when the request is given up already: an error of a stream that nobody listens to ends the process.
    stream.on('error', () => undefined);
    if (failure) stream.resume();
    whileOpen(onFile)(name, stream, info);
  });
  parser.on('filesLimit', () => end(tooManyFiles(maxFiles)));
  parser.on('fieldsLimit', () => end(new UnreadableMultipart('The request has too many fields.', 413)));
  // Not once: the parser emits a second error when it is destroyed because of the first.
  parser.on('error', (error: Error) =>
    end(new UnreadableMultipart(`The multipart request cannot be read: ${error.message}.`)),
  );
  parser.on(
    'close',
    whileOpen(() => {
      if (!uploads) throw new UnreadableMultipart(`The field "${operations ? 'map' : 'operations'}" is missing.`);
      for (const name of awaited) uploads.get(name)?.fail(fileMissing());
    }),
  );
  request.on('error', () => undefined);
  request.on('close', () => {
    if (!request.complete) end(notWhole());
  });
  request.pipe(parser);

  return {
    operations: read,
    release() {
      end(notWhole());
      for (const file of kept)
        file.then(
          (whole) => whole.discard(),
          () => undefined,
        );
    },
  };
}

function createParser(
  { headers }: IncomingMessage,
  { maxFiles, maxFileBytes, maxFieldBytes }: MultipartLimits,
  refuse: (error: unknown) => void,
): busboy.Busboy | null {
  try {
    return busboy({
      headers,
      defParamCharset: 'utf8',
      // A name such as `a/` would be left with nothing; the service that stores the file decides what it is called.
      preservePath: true,
      limits: {
        // The parser cuts what has as many bytes as the limit.
        fieldSize: maxFieldBytes + 1,
        fileSize: maxFileBytes + 1,
        files: maxFiles,
        fields: maxFiles + 2,
      },
    });
  } catch (error) {
    refuse(new UnreadableMultipart(`The multipart request cannot be read: ${(error as Error).message}.`));
    return null;
  }
}

function notWhole(): UnreadableMultipart {
  return new UnreadableMultipart('The request ended before it was whole.');
}

/** The content of a part, whose end is known to be the file's. @throws AppError */
async function* readFile(stream: Readable, maxBytes: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    // A reader that stops must not stop the parser: the rest is drained below.
    for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw fileTooLarge(maxBytes);
      yield chunk;
    }
  } catch (error) {
    throw bytes > maxBytes ? error : uploadInterrupted(error);
  } finally {
    stream.resume();
  }
}
