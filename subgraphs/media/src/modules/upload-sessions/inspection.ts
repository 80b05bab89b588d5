import { createHash } from 'node:crypto';
import type { MediaDb } from '../../db.js';
import { SNIFF_BYTES, sniffMimeType } from '../../media-types.js';
import { StorageError } from '../../storage/object-store.js';
import type { UploadStaging } from '../../storage/upload-staging.js';

import { toStaged, type UploadSessionRow } from './mappers.js';

/** What the bytes of an upload are. */
export interface Inspected {
  readonly mimeType: string;
  readonly sha256: string;
}

/** Reads uploads that have come whole, each once: also when nobody waits for it any more. */
export interface Inspections {
  /** @throws StorageError */
  of(session: UploadSessionRow): Promise<Inspected>;
}

export function createInspections({
  db,
  staging,
}: {
  readonly db: MediaDb;
  readonly staging: Pick<UploadStaging, 'openRead'>;
}): Inspections {
  const underWay = new Map<string, Promise<Inspected>>();

  async function inspect(session: UploadSessionRow): Promise<Inspected> {
    const bytes = await staging.openRead(toStaged(session));
    if (!bytes) throw new StorageError(new Error(`the upload ${session.id} is not there`));
    const hash = createHash('sha256');
    let head = Buffer.alloc(0);
    try {
      for await (const chunk of bytes as AsyncIterable<Buffer>) {
        hash.update(chunk);
        if (head.length < SNIFF_BYTES) head = Buffer.concat([head, chunk]);
      }
    } catch (error) {
      throw new StorageError(error);
    }
    const found = { mimeType: await sniffMimeType(head.subarray(0, SNIFF_BYTES)), sha256: hash.digest('hex') };
    // Whoever asks again, at any process, has it at once.
    await db.uploadSession.updateMany({
      where: { id: session.id },
      data: { foundType: found.mimeType, foundSha256: found.sha256 },
    });
    return found;
  }

  return {
    of(session) {
      const { id, foundType, foundSha256 } = session;
      if (foundType !== null && foundSha256 !== null)
        return Promise.resolve({ mimeType: foundType, sha256: foundSha256 });
      let inspecting = underWay.get(id);
      if (!inspecting) {
        inspecting = inspect(session).finally(() => underWay.delete(id));
        underWay.set(id, inspecting);
      }
      return inspecting;
    },
  };
}
