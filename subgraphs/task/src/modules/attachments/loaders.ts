import {
  decodeCursor,
  encodeCursor,
  invalidCursor,
  loaderByPage,
  selectKeyedPages,
  toConnection,
  type PageRequest,
  type Viewer,
} from '@taskgraph/service-kit';
import DataLoader from 'dataloader';
import { uuidArray, type TaskDb } from '../../db.js';
import { Prisma } from '../../generated/prisma/client.js';
import { selectTaskPages, visibleTasksSql } from '../tasks/loaders.js';
import type { TaskConnectionRow } from '../tasks/mappers.js';
import type { AttachmentConnectionRow, AttachmentRow } from './mappers.js';

export interface AttachmentLoaders {
  /** By task id. The caller has seen the task, so the viewer may see what is attached. */
  readonly taskMedia: (page: PageRequest) => DataLoader<string, AttachmentConnectionRow>;
  /** By media id. */
  readonly mediaTasks: (page: PageRequest) => DataLoader<string, TaskConnectionRow>;
  /** By media id: whether a task that the viewer may see shows the item, see {@link shownAttachments}. */
  readonly attachedToVisibleTask: DataLoader<string, boolean>;
}

/** One statement for each kind of look-up in one execution, however many keys. */
export function createAttachmentLoaders(db: TaskDb, viewer: Viewer | null): AttachmentLoaders {
  const visible = viewer ? visibleTasksSql(viewer) : Prisma.sql`FALSE`;
  return {
    taskMedia: loaderByPage((page) => async (taskIds) => {
      const after = page.after === null ? null : parsePositionCursor(page.after);
      const pages = await selectKeyedPages<AttachmentRow, Prisma.Sql>(db, Prisma.sql, taskIds, {
        columns: Prisma.sql`m.task_id AS "taskId", m.media_id AS "mediaId", m.position, m.attached_by AS "attachedBy", m.attached_at AS "attachedAt"`,
        source: Prisma.sql`FROM task_media m WHERE m.task_id = ANY(${uuidArray(taskIds)})`,
        key: Prisma.sql`m.task_id`,
        order: Prisma.sql`m.position`,
        afterCursor: after === null ? Prisma.sql`TRUE` : Prisma.sql`m.position > ${after}`,
        size: page.size,
      });
      return pages.map(({ rows, totalCount }) => {
        const { edges, pageInfo } = toConnection(rows, page, attachmentCursor);
        return { edges: edges.map(({ node }) => node), pageInfo, totalCount };
      });
    }),
    mediaTasks: loaderByPage(
      (page) => (mediaIds) =>
        selectTaskPages(db, mediaIds, page, {
          key: Prisma.sql`m.media_id`,
          source: Prisma.sql`FROM task_media m JOIN tasks t ON t.id = m.task_id
          WHERE m.media_id = ANY(${uuidArray(mediaIds)}) AND ${visible}`,
        }),
    ),
    attachedToVisibleTask: new DataLoader(async (mediaIds) => {
      const rows = await db.$queryRaw<Array<{ mediaId: string }>>`
        ${shownAttachments(mediaIds)}
        SELECT DISTINCT s.media_id AS "mediaId" FROM shown s JOIN tasks t ON t.id = s.task_id WHERE ${visible}`;
      const attached = new Set(rows.map(({ mediaId }) => mediaId));
      return mediaIds.map((id) => attached.has(id));
    }),
  };
}

/**
 * The attachments that show their item: those by its uploader or an administrator, and borrowed ones as long as whoever made them
 * sees the item by an attachment that shows it. Those who see a task are its owner and its assignee, here without administrators:
 * what these attach is not borrowed. UNION drops what was found before, so attachments that lean on each other end it.
 */
function shownAttachments(mediaIds: readonly string[]): Prisma.Sql {
  return Prisma.sql`
    WITH RECURSIVE shown AS (
      SELECT task_id, media_id FROM task_media WHERE media_id = ANY(${uuidArray(mediaIds)}) AND NOT borrowed
      UNION
      SELECT b.task_id, b.media_id
      FROM shown s
      JOIN tasks seen ON seen.id = s.task_id
      JOIN task_media b ON b.media_id = s.media_id AND b.borrowed AND b.attached_by IN (seen.owner_id, seen.assignee_id)
    )`;
}

export function attachmentCursor({ position }: Pick<AttachmentRow, 'position'>): string {
  return encodeCursor([position]);
}

function parsePositionCursor(cursor: string): number {
  const [position, ...rest] = decodeCursor(cursor);
  if (
    typeof position !== 'number' ||
    !Number.isInteger(position) ||
    Math.abs(position) > 2_147_483_647 ||
    rest.length > 0
  )
    throw invalidCursor();
  return position;
}
