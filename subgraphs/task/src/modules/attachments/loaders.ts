import {
  columnsByField,
  decodeCursor,
  encodeCursor,
  invalidCursor,
  keyedPages,
  KeyLoader,
  loaderBy,
  parsePageArgs,
  selectedFields,
  toConnection,
  toKeyedPages,
  unconditionalFields,
  type KeyedPageRow,
  type PageArgs,
  type PageRequest,
  type PreparedReads,
  type Viewer,
} from '@taskgraph/service-kit';
import {
  getArgumentValues,
  type FieldNode,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
} from 'graphql';
import { uuidArray } from '../../db.js';
import { Prisma } from '../../generated/prisma/client.js';
import {
  behindCursor,
  nameOfPage,
  readTaskPages,
  taskColumns,
  visibleTasksSql,
  type TaskPageRequest,
} from '../tasks/loaders.js';
import type { TaskConnectionRow } from '../tasks/mappers.js';
import type { AttachmentConnectionRow, AttachmentRow } from './mappers.js';

/** A page of the media of a task, and what of it is asked for. */
export interface TaskMediaRequest {
  readonly page: PageRequest;
  /** The GraphQL fields of an edge. */
  readonly fields: ReadonlySet<string>;
  /** Whether all of them are counted. */
  readonly total: boolean;
}

type Selection = Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments'>;

/** What is asked for by `Task.media`. @throws BAD_USER_INPUT when a page argument makes no sense */
export function toTaskMediaRequest(args: PageArgs, selection: Selection): TaskMediaRequest {
  return {
    page: parsePageArgs(args),
    fields: selectedFields(selection, 'TaskMediaEdge', 'edges'),
    total: selectedFields(selection, 'TaskMediaConnection').has('totalCount'),
  };
}

/**
 * Loads the media of all tasks of a page before each is asked for its own. What is asked for wrongly is left to the field itself, whose
 * error it is.
 */
export async function loadTaskMediaAhead(
  { loaders }: { readonly loaders: AttachmentLoaders },
  { edges }: TaskConnectionRow,
  info: GraphQLResolveInfo,
): Promise<void> {
  const definition = (info.schema.getType('Task') as GraphQLObjectType).getFields()['media'] as GraphQLField<
    unknown,
    unknown
  >;
  const ids = edges.map(({ node }) => node.id);
  const selected = unconditionalFields(info, 'edges', 'node', 'media');
  await Promise.all(
    selected.map(async (fieldNodes) => {
      let loader;
      try {
        const args = getArgumentValues(definition, fieldNodes[0] as FieldNode, info.variableValues);
        loader = loaders.taskMedia(toTaskMediaRequest(args, { fieldNodes, fragments: info.fragments }));
      } catch {
        return;
      }
      await loader.loadAhead(ids);
    }),
  );
}

export interface AttachmentLoaders {
  /** By task id. The caller has seen the task, so the viewer may see what is attached. */
  readonly taskMedia: (request: TaskMediaRequest) => KeyLoader<AttachmentConnectionRow>;
  /**
   * The same by `Task.media` in a selection: what it asks is read once, and not for each task of a list.
   *
   * @throws BAD_USER_INPUT when a page argument makes no sense
   */
  readonly taskMediaOf: (args: PageArgs, selection: Selection) => KeyLoader<AttachmentConnectionRow>;
  /** By media id. */
  readonly mediaTasks: (request: TaskPageRequest) => KeyLoader<TaskConnectionRow>;
  /** Of these media those that a task shows which the viewer may see, see {@link shownAttachments}. */
  readonly mediaOnVisibleTasks: (mediaIds: readonly string[]) => Promise<string[]>;
  /** The same of one, by media id. */
  readonly attachedToVisibleTask: KeyLoader<boolean>;
}

const attachmentColumns = columnsByField(Prisma.raw, ['m.media_id AS "mediaId"', 'm.position'], {
  attachedAt: ['m.attached_at AS "attachedAt"'],
  attachedBy: ['m.attached_by AS "attachedBy"'],
});

/** One statement for each kind of look-up in one execution, however many keys. */
export function createAttachmentLoaders(reads: PreparedReads, viewer: Viewer | null): AttachmentLoaders {
  const visible = viewer ? visibleTasksSql(viewer) : Prisma.sql`FALSE`;
  async function mediaOnVisibleTasks(mediaIds: readonly string[]): Promise<string[]> {
    const rows = await reads.prepared<{ mediaId: string }>(Prisma.sql`
      ${shownAttachments(mediaIds)}
      SELECT DISTINCT s.media_id AS "mediaId" FROM shown s JOIN tasks t ON t.id = s.task_id WHERE ${visible}`);
    return rows.map(({ mediaId }) => mediaId);
  }
  const taskMedia = loaderBy<TaskMediaRequest, AttachmentConnectionRow>(
    ({ page, fields, total }) => JSON.stringify([page, attachmentColumns(fields).name, total]),
    ({ page, fields, total }) =>
      async (taskIds) => {
        const behind =
          page.after === null ? Prisma.sql`TRUE` : Prisma.sql`m.position > ${parsePositionCursor(page.after)}::int`;
        const rows = await reads.prepared<KeyedPageRow<AttachmentRow>>(
          keyedPages<Prisma.Sql>(Prisma.sql, taskIds, {
            page: Prisma.sql`SELECT ${attachmentColumns(fields).sql} FROM task_media m
              WHERE m.task_id = k.id AND ${behind} ORDER BY m.position LIMIT ${page.size + 1}`,
            order: Prisma.sql`p.position`,
            total: total ? Prisma.sql`SELECT count(*) FROM task_media m WHERE m.task_id = k.id` : null,
          }),
        );
        return toKeyedPages<AttachmentRow>(taskIds, rows).map((found) => {
          const { edges, pageInfo } = toConnection(found.rows, page, attachmentCursor);
          return { edges: edges.map(({ node }) => node), pageInfo, totalCount: found.totalCount };
        });
      },
  );
  // graphql-js gives all objects of a list the same nodes, and an execution has one set of variables.
  const bySelection = new Map<Selection['fieldNodes'], KeyLoader<AttachmentConnectionRow>>();
  return {
    taskMedia,
    taskMediaOf(args, selection) {
      let loader = bySelection.get(selection.fieldNodes);
      if (!loader) bySelection.set(selection.fieldNodes, (loader = taskMedia(toTaskMediaRequest(args, selection))));
      return loader;
    },
    mediaTasks: loaderBy(nameOfPage, (request) => async (mediaIds) => {
      const attached = Prisma.sql`FROM task_media m JOIN tasks t ON t.id = m.task_id WHERE m.media_id = k.id AND ${visible}`;
      return readTaskPages(reads, mediaIds, request, {
        page: Prisma.sql`SELECT ${taskColumns(request.fields).sql} ${attached} AND ${behindCursor(request.page)}
          ORDER BY t.id DESC LIMIT ${request.page.size + 1}`,
        total: Prisma.sql`SELECT count(*) ${attached}`,
      });
    }),
    mediaOnVisibleTasks,
    attachedToVisibleTask: new KeyLoader(async (mediaIds) => {
      const attached = new Set(await mediaOnVisibleTasks(mediaIds));
      return mediaIds.map((id) => attached.has(id));
    }),
  };
}

/**
 * The attachments that show their item: those by its uploader or an administrator, and borrowed ones as long as the user who made them
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
