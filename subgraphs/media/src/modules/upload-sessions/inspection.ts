import { createHash } from 'node:crypto';
import type { MediaDb } from '../../db.js';
import type { MediaRules } from '../../media-kinds.js';
import { findRefusal, SNIFF_BYTES, sniffMimeType } from '../../media-types.js';
import { StorageError } from '../../storage/object-store.js';
import type { UploadStaging } from '../../storage/upload-staging.js';
import { toStaged, type UploadSessionRow } from './mappers.js';

/** What the bytes of an upload are. */
export interface Inspected {
  readonly mimeType: string;
  readonly sha256: string;
  /** Why it is not taken by its type; null when it is. */
  readonly refusal: string | null;
}

/** Reads uploads that have come whole, each once: also when nobody waits for it any more. */
export interface Inspections {
  /** @throws StorageError */
  of(session: UploadSessionRow): Promise<Inspected>;
}

export function createInspections({
  db,
  staging,
  rules,
}: {
  readonly db: MediaDb;
  readonly staging: Pick<UploadStaging, 'openRead'>;
  readonly rules: MediaRules;
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
    const { filename } = session;
    const first = head.subarray(0, SNIFF_BYTES);
    const mimeType = await sniffMimeType(first, filename);
    const refusal = findRefusal(mimeType, first, { filename, rules });
    const found = { mimeType, sha256: hash.digest('hex'), refusal };
    // A caller that asks again, at any process, has it at once.
    await db.uploadSession.updateMany({
      where: { id: session.id },
      data: { foundType: found.mimeType, foundSha256: found.sha256, foundRefusal: found.refusal },
    });
    return found;
  }

  return {
    of(session) {
      const { id, foundType, foundSha256, foundRefusal } = session;
      if (foundType !== null && foundSha256 !== null)
        return Promise.resolve({ mimeType: foundType, sha256: foundSha256, refusal: foundRefusal });
      let inspecting = underWay.get(id);
      if (!inspecting) {
        inspecting = inspect(session).finally(() => underWay.delete(id));
        underWay.set(id, inspecting);
      }
      return inspecting;
    },
  };
}
