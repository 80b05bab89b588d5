import { DataStore, ERRORS, Upload, type Lock, type Locker } from '@tus/server';
import type { Readable } from 'node:stream';
import type { MediaDb } from '../../db.js';
import type { DiskStaging } from '../../storage/disk-staging.js';
import { takeLease, type Lease } from './leases.js';
import { toStaged } from './mappers.js';

export interface TusStoreParts {
  readonly db: MediaDb;
  readonly staging: DiskStaging;
  readonly lifetimeMs: number;
  /** Called with what has been written, while it is. */
  readonly onBytes: (byteSize: number) => void;
  /** Called once for each request, with whose bytes they were. */
  readonly onWritten: (userId: string, byteSize: number) => void;
  readonly onTerminated: (sessionId: string) => void;
}

/** What `@tus/server` keeps uploads in: the rows of sessions, and the files of the staging. */
export class TusStore extends DataStore {
  override extensions = ['termination', 'expiration'];

  constructor(private readonly parts: TusStoreParts) {
    super();
  }

  override getExpiration(): number {
    return this.parts.lifetimeMs;
  }

  override async getUpload(id: string): Promise<Upload> {
    const { db, staging, lifetimeMs } = this.parts;
    const session = await db.uploadSession.findUnique({ where: { id } });
    if (!session) throw new TusRefusal(ERRORS.FILE_NOT_FOUND);
    const staged = toStaged(session);
    return new Upload({
      id,
      size: staged.byteSize,
      offset: await staging.receivedBytes(staged),
      // The server adds the lifetime to it again, which may be another by now.
      creation_date: new Date(session.expiresAt.getTime() - lifetimeMs).toISOString(),
    });
  }

  override async write(stream: Readable, id: string, offset: number): Promise<number> {
    const { db, staging, onBytes, onWritten } = this.parts;
    const session = await db.uploadSession.findUnique({ where: { id } });
    if (!session) throw new TusRefusal(ERRORS.FILE_NOT_FOUND);
    let written = 0;
    const count = (byteSize: number) => {
      written += byteSize;
      onBytes(byteSize);
    };
    return staging.append(id, offset, counted(stream, count)).finally(() => onWritten(session.userId, written));
  }

  override async remove(id: string): Promise<void> {
    const { db, staging, onTerminated } = this.parts;
    await staging.remove({ id, targetUrl: null });
    const { count } = await db.uploadSession.deleteMany({ where: { id } });
    if (count > 0) onTerminated(id);
  }
}

async function* counted(source: AsyncIterable<Uint8Array>, onBytes: (byteSize: number) => void) {
  for await (const chunk of source) {
    yield chunk;
    onBytes(chunk.length);
  }
}

/** Longer than a lease: what a process that was killed has held is free by then. */
const LOCK_WAIT_MS = 10_000;

/** Answered as the server's own errors are. */
class TusRefusal extends Error {
  readonly status_code: number;
  readonly body: string;

  constructor({ status_code: status, body }: { readonly status_code: number; readonly body: string }) {
    super(body.trim());
    this.status_code = status;
    this.body = body;
  }
}

const LOCKED = { status_code: 423, body: 'The upload is being written to by another request\n' };

/**
 * Lets one request write to a session at a time, of all processes. One that has it in this process is asked to end for another: its client has
 * most often lost the connection, and does not know.
 */
export function createTusLocker(db: MediaDb): Locker {
  const holding = new Map<string, () => void>();
  return {
    newLock(id): Lock {
      let lease: Lease | null = null;
      let cancel: (() => void) | undefined;
      return {
        async lock(signal, requestRelease) {
          cancel = () => void requestRelease();
          holding.get(id)?.();
          lease = await takeLease(db, id, { waitMs: LOCK_WAIT_MS, signal, onLost: cancel });
          if (!lease)
            throw new TusRefusal(
              (await db.uploadSession.count({ where: { id } })) > 0 ? LOCKED : ERRORS.FILE_NOT_FOUND,
            );
          holding.set(id, cancel);
        },
        async unlock() {
          if (cancel && holding.get(id) === cancel) holding.delete(id);
          await lease?.release();
        },
      };
    },
  };
}
