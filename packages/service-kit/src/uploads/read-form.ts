import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import busboy from 'busboy';
import type { Upload } from 'graphql-upload-minimal';
import { AppError } from '../app-error.js';
import { guarded } from './guarded-callbacks.js';
import { fileMissing, fileTooLarge, ReceivedUpload, uploadInterrupted } from './received-upload.js';
import { watchMangledText } from './mangled-text.js';
import { notUtf8, UnreadableMultipart } from './upload-map.js';

interface FormLimits {
  /** Of the file. */
  readonly maxFileBytes: number;
  /** Of one field of text. */
  readonly maxFieldBytes: number;
  readonly maxFields: number;
}

/** A form with one file, which stands behind its fields of text. */
interface FormWithFile {
  readonly fields: ReadonlyMap<string, string>;
  /** Streams to its reader. Ends with an AppError where another part follows it, for nobody would see that. */
  readonly file: Upload;
}

const MAX_FILENAME_CHARACTERS = 4_096;

/**
 * Reads a form (`multipart/form-data`) up to its file, which streams from then on. A form without the file is refused.
 *
 * @throws UnreadableMultipart, or AppError where the request is cut off before its file
 */
export function readFormWithFile(request: IncomingMessage, name: string, limits: FormLimits): Promise<FormWithFile> {
  return new Promise((resolve, reject) => {
    const fields = new Map<string, string>();
    const upload = new ReceivedUpload();
    let isOpen = true;
    let fault: AppError | null = null;
    let endFile: () => void = () => undefined;
    const ended = new Promise<void>((end) => (endFile = end));
    const parser = createParser(request, limits, reject);
    if (!parser) return;
    const texts = watchMangledText(request);

    const refuse = (error: Error): void => {
      if (isOpen) reject(error);
      isOpen = false;
      texts.stop();
      fault ??= error instanceof AppError ? error : new AppError('BAD_USER_INPUT', error.message, { cause: error });
      upload.fail(fault);
      endFile();
      request.unpipe(parser);
      parser.destroy();
      request.resume();
    };
    const open = (): void => {
      isOpen = false;
      texts.stop();
      resolve({ fields, file: upload.value });
    };

    const onField = (field: string | undefined, value: string, { valueTruncated }: busboy.FieldInfo): void => {
      if (!isOpen) refuse(behind(field));
      else if (field === undefined) refuse(new UnreadableMultipart('A part of the form has no name.'));
      else if (valueTruncated)
        refuse(new UnreadableMultipart(`A field has at most ${limits.maxFieldBytes} bytes.`, 413));
      else if (texts.isMangled(field) || texts.isMangled(value)) refuse(notUtf8('A field of the form'));
      else if (field === name) refuse(new UnreadableMultipart(`The field "${name}" is no file.`));
      else if (fields.has(field)) refuse(new UnreadableMultipart(`The field "${field}" is there twice.`));
      else fields.set(field, value);
    };
    const onFile = (field: string | undefined, stream: Readable, info: busboy.FileInfo): void => {
      // The types of the parser promise what a part need not say.
      const { filename = '', mimeType = '', encoding = '' } = info as Partial<busboy.FileInfo>;
      const isMangled = isOpen && texts.isMangled(filename);
      if (!isOpen || isMangled || field !== name || filename === '' || filename.length > MAX_FILENAME_CHARACTERS) {
        stream.resume();
        refuse(
          !isOpen
            ? behind(field)
            : isMangled
              ? notUtf8('The name of the file')
              : new UnreadableMultipart(
                  field === name
                    ? `The field "${name}" is no file with a name.`
                    : 'The form has a file that is not known here.',
                ),
        );
        return;
      }
      const content = readFile(stream, limits.maxFileBytes, async () => {
        await ended;
        if (fault) throw fault;
      });
      upload.arrive({ filename, mimetype: mimeType, encoding }, content);
      open();
    };

    parser.on('field', guarded(onField, refuse));
    parser.on('file', (field, stream, info) => {
      // Also when the form is given up already: an error of a stream that nobody listens to ends the process.
      stream.on('error', () => undefined);
      guarded(onFile, refuse)(field, stream, info);
    });
    parser.on('filesLimit', () => refuse(behind('file')));
    parser.on('fieldsLimit', () => refuse(new UnreadableMultipart('The form has too many fields.', 413)));
    parser.on('error', (error: Error) => refuse(new UnreadableMultipart(`The form cannot be read: ${error.message}.`)));
    parser.on('close', () => {
      upload.fail(fileMissing());
      endFile();
      if (isOpen) reject(new UnreadableMultipart(`The form has no file "${name}".`));
    });
    request.on('error', () => undefined);
    request.on('close', () => {
      if (!request.complete) refuse(uploadInterrupted());
    });
    request.pipe(parser);
  });
}

function behind(field = ''): AppError {
  return new AppError('BAD_USER_INPUT', 'Nothing may stand behind the file in the form.', {
    reason: 'FIELD_BEHIND_FILE',
    extensions: { field: field.slice(0, 100) },
  });
}

function createParser(
  { headers }: IncomingMessage,
  { maxFileBytes, maxFieldBytes, maxFields }: FormLimits,
  refuse: (error: Error) => void,
): busboy.Busboy | null {
  try {
    return busboy({
      headers,
      defParamCharset: 'utf8',
      preservePath: true,
      // The parser cuts what has as many bytes as the limit.
      limits: { fieldSize: maxFieldBytes + 1, fileSize: maxFileBytes + 1, files: 2, fields: maxFields + 1 },
    });
  } catch (error) {
    refuse(new UnreadableMultipart(`The form cannot be read: ${(error as Error).message}.`));
    return null;
  }
}

/** The content of the file, whose end is known to be that of the form. @throws AppError */
async function* readFile(stream: Readable, maxBytes: number, whole: () => Promise<void>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    // A reader that stops must not stop the parser: the rest is drained below.
    for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw fileTooLarge(maxBytes);
      yield chunk;
    }
    await whole();
  } catch (error) {
    throw error instanceof AppError ? error : uploadInterrupted(error);
  } finally {
    stream.resume();
  }
}
