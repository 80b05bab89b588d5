import type { Bucket } from '@google-cloud/storage';
import { CheckError } from '../check-error.js';
import type { RegistryStore } from './registry-store.js';

const ADDRESS = /^gs:\/\/([a-z0-9][a-z0-9._-]*)(?:\/(.*?))?\/?$/;

/**
 * Keeps a registry in a bucket of Google Cloud Storage, which it does not make. Credentials are the client library's defaults; the library is
 * installed by the users who need it.
 *
 * @param address `gs://bucket/folder`
 * @param emulatorHost the URL of an emulator, which is asked without credentials; null of the service itself
 * @throws CheckError where the address is none, or the library is not installed
 */
export async function createBucketStore(address: string, emulatorHost: string | null): Promise<RegistryStore> {
  const [, name, folder = ''] = ADDRESS.exec(address) ?? [];
  if (name === undefined) throw new CheckError(`${address} is no bucket: write it as gs://bucket/folder.`);
  const bucket = await openBucket(name, emulatorHost);
  const prefix = folder === '' ? '' : `${folder}/`;
  const fileOf = (inner: string) => bucket.file(`${prefix}${inner}`);

  async function read(inner: string): Promise<string | null> {
    try {
      const [bytes] = await fileOf(inner).download();
      return bytes.toString('utf8');
    } catch (error) {
      if (statusOf(error) === 404) return null;
      throw toCheckError(error);
    }
  }

  async function save(inner: string, text: string, isNew: boolean): Promise<void> {
    // A gateway that follows it asks each time whether it has changed.
    const metadata = { contentType: 'text/plain; charset=utf-8', cacheControl: 'no-cache' };
    const preconditionOpts = isNew ? { ifGenerationMatch: 0 } : {};
    await fileOf(inner).save(text, { resumable: false, metadata, preconditionOpts });
  }

  return {
    location: address,
    read,
    async create(inner, text) {
      try {
        await save(inner, text, true);
        return true;
      } catch (error) {
        if (statusOf(error) !== 412) throw toCheckError(error);
        // It may be there because the answer to the first try was lost.
        return (await read(inner)) === text;
      }
    },
    async replace(inner, text) {
      await save(inner, text, false).catch((error: unknown) => {
        throw toCheckError(error);
      });
    },
    async list(inner) {
      try {
        const [files] = await bucket.getFiles({ prefix: `${prefix}${inner}/` });
        return files.map((file) => file.name.slice(prefix.length + inner.length + 1)).sort();
      } catch (error) {
        throw toCheckError(error);
      }
    },
  };
}

async function openBucket(name: string, emulatorHost: string | null): Promise<Bucket> {
  const library = await import('@google-cloud/storage').catch((cause: unknown) => {
    throw new CheckError(`gs:// needs the package @google-cloud/storage: ${(cause as Error).message}`);
  });
  if (emulatorHost === null) return new library.Storage().bucket(name);
  const { origin } = new URL(emulatorHost);
  const storage = new library.Storage({ apiEndpoint: origin, projectId: 'emulator' });
  storage.baseUrl = `${origin}/storage/v1`;
  return storage.bucket(name);
}

function statusOf(error: unknown): unknown {
  return (error as { code?: unknown }).code;
}

function toCheckError(error: unknown): CheckError {
  return new CheckError(`Cloud Storage: ${(error as Error).message}`);
}
