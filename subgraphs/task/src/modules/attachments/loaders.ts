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
  /** By media id. */
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
        SELECT DISTINCT m.media_id AS "mediaId" FROM task_media m JOIN tasks t ON t.id = m.task_id
        WHERE m.media_id = ANY(${uuidArray(mediaIds)}) AND ${visible}`;
      const attached = new Set(rows.map(({ mediaId }) => mediaId));
      return mediaIds.map((id) => attached.has(id));
    }),
  };
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
