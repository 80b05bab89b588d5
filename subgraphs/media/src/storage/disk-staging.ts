import { constants } from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isUuid, makeFolder } from '@taskgraph/service-kit';
import { createDiskRoom, type DiskRoom } from './disk-room.js';
import { objectKey } from './object-keys.js';
import { inStore, type ObjectStore } from './object-store.js';
import type { UploadStaging } from './upload-staging.js';

/** Staging whose bytes this service takes itself. */
export interface DiskStaging extends UploadStaging {
  readonly protocol: 'TUS';
  /**
   * Appends bytes while they come, no faster than the disk takes them. What has been written when the source ends, well or not, is on the disk when this returns.
   *
   * @param offset how many bytes there are
   * @returns how many bytes there are now
   * @throws what the source ends with; StorageError where the disk has no room for more: what has been written stays, to be gone on with
   */
  append(id: string, offset: number, source: AsyncIterable<Uint8Array>): Promise<number>;
}

/** A copy for others is as long as the file, and thumbnails are less; what the file is, is not known before it has come. */
const FACTOR_WITH_COPIES = 2;
/** After so many bytes it is looked again whether the disk has room for as many. */
const LOOK_BYTES = 16 * 1024 * 1024;

/** Whether the bytes of uploads come to this service, and not to where they are kept. */
export function takesParts(staging: UploadStaging): staging is DiskStaging {
  return staging.protocol === 'TUS';
}

export interface DiskStagingOptions {
  readonly minFreeBytes: number;
  /** Of the disk that the folder is on. */
  readonly room?: DiskRoom;
}

/**
 * Keeps the bytes of each session in a file below a folder, which it makes: beside the objects, so that a rename publishes them. The length of the
 * file is how much has come. A session begins where its file, and what processing will write of it, leave so many bytes free, and goes on as long
 * as they are. What others have announced counts when it comes: it costs nobody anything to announce, and would keep everybody else out.
 *
 * @throws when the folder cannot be made
 */
export async function openDiskStaging(
  root: string,
  store: ObjectStore,
  { minFreeBytes, room = createDiskRoom(root, minFreeBytes) }: DiskStagingOptions,
): Promise<DiskStaging> {
  await makeFolder(root);

  function pathOf(id: string): string {
    if (!isUuid(id)) throw new Error(`not a session: ${id}`);
    return path.join(root, id);
  }

  async function sizeOf(id: string): Promise<number | null> {
    try {
      return (await stat(pathOf(id))).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  return {
    protocol: 'TUS',
    async begin(id, byteSize) {
      await room.assertRoomFor(byteSize * FACTOR_WITH_COPIES);
      await inStore(async () => {
        const handle = await open(pathOf(id), 'wx');
        await handle.close();
      });
      return null;
    },
    async append(id, offset, source) {
      // The folder is not made again where it is gone: bytes that were acknowledged are gone with it.
      const handle = await inStore(() => open(pathOf(id), constants.O_WRONLY));
      let position = offset;
      let lookAt = offset;
      try {
        try {
          for await (const chunk of source) {
            if (position + chunk.length > lookAt) {
              await room.assertRoomFor(LOOK_BYTES);
              lookAt = position + LOOK_BYTES;
            }
            await inStore(() => writeAll(handle, chunk, position));
            position += chunk.length;
          }
        } finally {
          // A client that is told an offset does not send again what is before it.
          await inStore(() => handle.datasync());
        }
      } finally {
        await handle.close();
      }
      return position;
    },
    receivedBytes: ({ id }) =>
      inStore(async () => (await sizeOf(id)) ?? (await store.stat(objectKey(id, 'original')))?.byteSize ?? 0),
    openRead: ({ id, byteSize }) =>
      inStore(async () => {
        const size = await sizeOf(id);
        if (size === null) return store.openRead(objectKey(id, 'original'));
        return size === byteSize ? (await open(pathOf(id), 'r')).createReadStream() : null;
      }),
    publish: ({ id }) =>
      inStore(async () => {
        if ((await sizeOf(id)) !== null) await store.putFile(objectKey(id, 'original'), pathOf(id));
      }),
    remove: ({ id }) => inStore(() => rm(pathOf(id), { force: true })),
    async *listIdle(before) {
      for (const name of await inStore(() => readdir(root))) {
        if (!isUuid(name)) continue;
        const found = await stat(path.join(root, name)).catch(() => null);
        if (found && found.mtime < before) yield name;
      }
    },
  };
}

async function writeAll(handle: Awaited<ReturnType<typeof open>>, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length;) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done, position + done);
    done += bytesWritten;
  }
}
