import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { CopiedType } from '../../media-kinds.js';
import { StorageError, type ObjectStore } from '../../storage/object-store.js';
import { NotUnderstood, withBlanks, type Blank, type ByteSource } from './blanks.js';
import { findOggMetadata } from './ogg-metadata.js';
import { findFlacMetadata, findMp3Metadata, findWaveMetadata } from './sound-metadata.js';
import { findVideoMetadata } from './video-metadata.js';
import { findWebmMetadata } from './webm-metadata.js';

const FINDERS: Readonly<Record<CopiedType, (source: ByteSource) => Promise<Blank[]>>> = {
  'video/mp4': findVideoMetadata,
  'video/quicktime': findVideoMetadata,
  'audio/mp4': findVideoMetadata,
  'audio/x-m4a': findVideoMetadata,
  'audio/mpeg': findMp3Metadata,
  'audio/aac': findMp3Metadata,
  'audio/flac': findFlacMetadata,
  'audio/wav': findWaveMetadata,
  'video/webm': findWebmMetadata,
  'audio/ogg': findOggMetadata,
};

/**
 * Copies a film or a sound, as a stream, without what it says beside itself. False where there is no copy to be had: the object is lost, or
 * nobody can say what of it is picture and sound.
 *
 * @throws StorageError, and when the signal is aborted
 */
export async function copyWithoutMetadata(
  store: ObjectStore,
  { from, to, mimeType }: { readonly from: string; readonly to: string; readonly mimeType: CopiedType },
  signal: AbortSignal,
): Promise<boolean> {
  const object = await store.stat(from);
  if (!object) return false;
  const { byteSize } = object;
  const blanks = await FINDERS[mimeType]({
    byteSize,
    read: (start, length) => readPart(store, from, { byteSize, start, length, signal }),
  }).catch((error: unknown) => {
    if (error instanceof NotUnderstood) return null;
    throw error;
  });
  const original = blanks && (await store.openRead(from));
  if (!original) return false;
  // Before somebody reads it, nobody else hears of it; the reader does, then.
  original.on('error', () => undefined);
  addAbortSignal(signal, original);
  try {
    await store.putStream(to, withWholeLength(withBlanks(original, blanks), byteSize));
  } finally {
    original.destroy();
  }
  return true;
}

async function readPart(
  store: ObjectStore,
  key: string,
  { byteSize, start, length, signal }: { byteSize: number; start: number; length: number; signal: AbortSignal },
): Promise<Buffer> {
  signal.throwIfAborted();
  const end = Math.min(byteSize, start + length);
  if (end <= start) return Buffer.alloc(0);
  const part = await store.openRead(key, { start, end: end - 1 });
  const bytes = part && (await buffer(addAbortSignal(signal, part)));
  if (bytes?.length !== end - start) throw new StorageError(new Error(`${key} is shorter than it was`));
  return bytes;
}

/** What is cut off on its way is no copy. */
async function* withWholeLength(source: AsyncIterable<Uint8Array>, byteSize: number): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const chunk of source) {
    length += chunk.length;
    yield chunk;
  }
  if (length !== byteSize) throw new StorageError(new Error(`${length} of ${byteSize} bytes were read`));
}
