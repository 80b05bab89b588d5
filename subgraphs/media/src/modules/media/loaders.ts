import {
  columnsByField,
  decodeCursor,
  encodeCursor,
  invalidCursor,
  isUuid,
  keyedPages,
  loaderBy,
  toConnection,
  toKeyedPages,
  type KeyedPageRow,
  type KeyLoader,
  type PageRequest,
  type PreparedReads,
  type RequestContext,
  type Viewer,
} from '@taskgraph/service-kit';
import { uuidArray } from '../../db.js';
import { Prisma } from '../../generated/prisma/client.js';
import type { MediaConnectionRow, MediaRow } from './mappers.js';
import { canListUploads, canSeeUnattached } from './policy.js';
import type { TaskDirectory } from './task-directory.js';

/** What of an item is asked for: the names of its GraphQL fields. */
export type MediaFields = ReadonlySet<string>;

/** A page of the uploads of a user, and what of it is asked for. */
export interface UploadsRequest {
  readonly page: PageRequest;
  readonly fields: MediaFields;
  /** Whether all of them are counted. */
  readonly total: boolean;
}

export interface MediaLoaders {
  /** Null for what the viewer may not see. Rejects for items that only the task service could tell about, while it is down. */
  readonly media: (fields: MediaFields) => KeyLoader<MediaRow | null>;
  /** By user id; empty for users whose uploads are not for the viewer. */
  readonly uploads: (request: UploadsRequest) => KeyLoader<MediaConnectionRow>;
}

const COLUMNS_BY_FIELD = {
  filename: ['m.filename'],
  mimeType: ['m.mime_type AS "mimeType"'],
  byteSize: ['m.byte_size::float8 AS "byteSize"'],
  width: ['m.width'],
  height: ['m.height'],
  status: ['m.status'],
  altText: ['m.alt_text AS "altText"'],
  placeholder: ['m.placeholder'],
  failureReason: ['m.failure_reason AS "failureReason"'],
  url: ['m.status', 'm.has_full AS "hasFull"', 'm.mime_type AS "mimeType"', 'm.revision'],
  thumbnail: ['m.status', 'm.thumbnails', 'm.mime_type AS "mimeType"', 'm.revision'],
  createdAt: ['m.created_at AS "createdAt"'],
};

/** All of it, for a caller that decides by an item or hands it on. */
export const ALL_MEDIA_FIELDS: MediaFields = new Set(Object.keys(COLUMNS_BY_FIELD));

/** Which viewers may see an item depends on its uploader, whatever is asked for. */
const mediaColumns = columnsByField(Prisma.raw, ['m.id', 'm.uploader_id AS "uploaderId"'], COLUMNS_BY_FIELD);

/** One statement for each kind of look-up in one execution, and one call to the task service when it needs one. */
export function createMediaLoaders(reads: PreparedReads, tasks: TaskDirectory, request: RequestContext): MediaLoaders {
  const { viewer } = request;
  return {
    media: loaderBy(
      (fields) => mediaColumns(fields).name,
      (fields) => async (ids) => {
        if (!viewer) return ids.map(() => null);
        const rows = await reads.prepared<MediaRow>(Prisma.sql`
          SELECT ${mediaColumns(fields).sql} FROM media_items m WHERE m.id = ANY(${uuidArray(ids)}) AND m.deleted_at IS NULL`);
        const visible = await findVisible(rows, viewer, tasks, request);
        return ids.map((id) => visible.get(id) ?? null);
      },
    ),
    uploads: loaderBy(
      ({ page, fields, total }) => JSON.stringify([page, mediaColumns(fields).name, total]),
      ({ page, fields, total }) =>
        async (userIds) => {
          const behind = page.after === null ? Prisma.sql`TRUE` : Prisma.sql`m.id < ${parseIdCursor(page.after)}::uuid`;
          const allowed = viewer ? userIds.filter((id) => canListUploads(viewer, id)) : [];
          const uploads = Prisma.sql`FROM media_items m WHERE m.uploader_id = k.id AND m.deleted_at IS NULL`;
          const rows = await reads.prepared<KeyedPageRow<MediaRow>>(
            keyedPages<Prisma.Sql>(Prisma.sql, allowed, {
              page: Prisma.sql`SELECT ${mediaColumns(fields).sql} ${uploads} AND ${behind} ORDER BY m.id DESC LIMIT ${page.size + 1}`,
              order: Prisma.sql`p.id DESC`,
              total: total ? Prisma.sql`SELECT count(*) ${uploads}` : null,
            }),
          );
          return toKeyedPages<MediaRow>(userIds, rows).map((found) => ({
            ...toConnection(found.rows, page, ({ id }) => encodeCursor([id])),
            totalCount: found.totalCount,
          }));
        },
    ),
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
    const attached = await tasks.mediaOnVisibleTasks(
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
