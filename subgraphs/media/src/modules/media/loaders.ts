import {
  decodeCursor,
  encodeCursor,
  invalidCursor,
  isUuid,
  loaderByPage,
  selectKeyedPages,
  toConnection,
  type PageRequest,
  type RequestContext,
  type Viewer,
} from '@taskgraph/service-kit';
import DataLoader from 'dataloader';
import { uuidArray, type MediaDb } from '../../db.js';
import { Prisma } from '../../generated/prisma/client.js';
import type { MediaConnectionRow, MediaRow } from './mappers.js';
import { canListUploads, canSeeUnattached } from './policy.js';
import type { TaskDirectory } from './task-directory.js';

export interface MediaLoaders {
  /** Null for what the viewer may not see. Rejects for items that only the task service could tell about, while it is down. */
  readonly media: DataLoader<string, MediaRow | null>;
  /** By user id; empty for users whose uploads are not for the viewer. */
  readonly uploads: (page: PageRequest) => DataLoader<string, MediaConnectionRow>;
}

const MEDIA_COLUMNS = Prisma.sql`
  m.id, m.uploader_id AS "uploaderId", m.filename, m.mime_type AS "mimeType", m.byte_size AS "byteSize", m.sha256, m.width, m.height,
  m.alt_text AS "altText", m.placeholder, m.thumbnails, m.status::text AS status, m.created_at AS "createdAt", m.updated_at AS "updatedAt"`;

/** One statement for each kind of look-up in one execution, and one call to the task service when it needs one. */
export function createMediaLoaders(db: MediaDb, tasks: TaskDirectory, request: RequestContext): MediaLoaders {
  const { viewer } = request;
  return {
    media: new DataLoader(async (ids) => {
      if (!viewer) return ids.map(() => null);
      // One parameter, however many ids: PostgreSQL plans one statement, and a page of a board is 150 items.
      const rows = await db.$queryRaw<MediaRow[]>`
        SELECT ${MEDIA_COLUMNS} FROM media_items m WHERE m.id = ANY(${uuidArray(ids)})`;
      const visible = await findVisible(rows, viewer, tasks, request);
      return ids.map((id) => visible.get(id) ?? null);
    }),
    uploads: loaderByPage((page) => async (userIds) => {
      const allowed = viewer ? userIds.filter((id) => canListUploads(viewer, id)) : [];
      const after = page.after === null ? null : parseIdCursor(page.after);
      const pages = await selectKeyedPages<MediaRow, Prisma.Sql>(db, Prisma.sql, userIds, {
        columns: MEDIA_COLUMNS,
        source: Prisma.sql`FROM media_items m WHERE m.uploader_id = ANY(${uuidArray(allowed)}) AND m.status <> 'PROCESSING'`,
        key: Prisma.sql`m.uploader_id`,
        order: Prisma.sql`m.id DESC`,
        afterCursor: after === null ? Prisma.sql`TRUE` : Prisma.sql`m.id < ${after}::uuid`,
        size: page.size,
      });
      return pages.map(({ rows, totalCount }) => ({
        ...toConnection(rows, page, ({ id }) => encodeCursor([id])),
        totalCount,
      }));
    }),
  };
}

async function findVisible(
  rows: readonly MediaRow[],
  viewer: Viewer,
  tasks: TaskDirectory,
  request: RequestContext,
): Promise<Map<string, MediaRow | Error>> {
  const visible = new Map<string, MediaRow | Error>();
  const doubtful: MediaRow[] = [];
  for (const row of rows) {
    if (canSeeUnattached(viewer, row)) visible.set(row.id, row);
    else doubtful.push(row);
  }
  if (doubtful.length === 0) return visible;
  try {
    const attached = await tasks.attachedToVisibleTask(
      doubtful.map(({ id }) => id),
      request,
    );
    for (const row of doubtful) if (attached.has(row.id)) visible.set(row.id, row);
  } catch (error) {
    for (const row of doubtful) visible.set(row.id, error as Error);
  }
  return visible;
}

function parseIdCursor(cursor: string): string {
  const [id, ...rest] = decodeCursor(cursor);
  if (typeof id !== 'string' || !isUuid(id) || rest.length > 0) throw invalidCursor();
  return id;
}
