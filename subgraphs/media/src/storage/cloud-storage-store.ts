import { rm, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { File, GetFilesOptions } from '@google-cloud/storage';
import { openCloudBucket, type CloudStorageOptions } from './cloud-bucket.js';
import { assertKey, assertPrefix, inStore, type ByteRange, type ObjectStore } from './object-store.js';

/** What is larger is sent in several requests, so that a failure costs one of them. */
const ONE_REQUEST_MAX_BYTES = 8 * 1024 * 1024;
const MAX_DELETIONS_AT_ONCE = 10;

/**
 * Keeps objects in a bucket of Google Cloud Storage, which it does not make. Credentials are the client library's defaults: Workload
 * Identity, or the key file that GOOGLE_APPLICATION_CREDENTIALS names.
 *
 * The service shows an object once it is whole, to all readers, and has it in several places when it acknowledges it. Everything
 * is tried again where the connection fails: a key is only ever written with the same bytes.
 */
export function openCloudStorageStore(options: CloudStorageOptions): ObjectStore {
  const bucket = openCloudBucket(options);

  function fileOf(key: string): File {
    assertKey(key);
    return bucket.file(key);
  }

  return {
    async putFile(key, localPath) {
      const destination = fileOf(key);
      await inStore(async () => {
        const { size } = await stat(localPath);
        await bucket.upload(localPath, { destination, resumable: size > ONE_REQUEST_MAX_BYTES, validation: 'crc32c' });
        await rm(localPath, { force: true });
      });
    },
    async put(key, bytes) {
      const file = fileOf(key);
      const resumable = bytes.length > ONE_REQUEST_MAX_BYTES;
      await inStore(() => file.save(Buffer.from(bytes), { resumable, validation: 'crc32c' }));
    },
    async putStream(key, source) {
      const file = fileOf(key);
      await inStore(() =>
        pipeline(
          Readable.from(source),
          file.createWriteStream({ chunkSize: ONE_REQUEST_MAX_BYTES, validation: 'crc32c' }),
        ),
      );
    },
    async openRead(key, range) {
      const file = fileOf(key);
      return inStore(() => openRead(file, range));
    },
    async stat(key) {
      const file = fileOf(key);
      return inStore(() =>
        orMissing(async () => {
          const [{ size }] = await file.getMetadata();
          return { byteSize: Number(size) };
        }),
      );
    },
    async signUrl(key, { expiresAt, contentType, contentDisposition }) {
      const file = fileOf(key);
      return inStore(async () => {
        const [url] = await file.getSignedUrl({
          version: 'v4',
          action: 'read',
          expires: expiresAt,
          responseType: contentType,
          responseDisposition: contentDisposition,
        });
        return url;
      });
    },
    async deleteAll(prefix) {
      assertPrefix(prefix);
      await inStore(async () => {
        const [files] = await bucket.getFiles({ prefix });
        for (let index = 0; index < files.length; index += MAX_DELETIONS_AT_ONCE)
          await Promise.all(
            files.slice(index, index + MAX_DELETIONS_AT_ONCE).map((file) => file.delete({ ignoreNotFound: true })),
          );
      });
    },
    async *list() {
      let query: GetFilesOptions | null = { autoPaginate: false };
      while (query) {
        const page: GetFilesOptions = query;
        const [files, next] = await inStore(() => bucket.getFiles(page));
        for (const { name: key, metadata } of files) yield { key, writtenAt: new Date(metadata.timeCreated ?? 0) };
        query = next ?? null;
      }
    },
    // A session of an upload that was not ended is no object, and forgotten by itself.
    sweepUnfinished: async () => 0,
    check: () =>
      inStore(async () => {
        await bucket.getFiles({ maxResults: 1, autoPaginate: false });
      }),
  };
}

/** The library makes its request when the stream is first read, and tells of an object that is not there as an error of the stream. */
function openRead(file: File, range: ByteRange | undefined): Promise<Readable | null> {
  // Of a part there is no checksum. What is stored compressed would be, by itself, unpacked: nothing is.
  const stream = file.createReadStream({ validation: range ? false : 'crc32c', decompress: false, ...range });
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => {
      if (isMissing(error)) resolve(null);
      else reject(error);
    };
    stream.once('error', onError);
    stream.once('response', ({ statusCode }: { statusCode: number }) => {
      if (statusCode >= 300) return;
      stream.off('error', onError);
      resolve(stream);
    });
    stream.read(0);
  });
}

async function orMissing<Result>(work: () => Promise<Result>): Promise<Result | null> {
  try {
    return await work();
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** A bucket that is missing has the same status, and is a failure. */
function isMissing(error: unknown): boolean {
  const { code, message = '' } = error as { code?: unknown; message?: string };
  return Number(code) === 404 && !/bucket does not exist/i.test(message);
}
