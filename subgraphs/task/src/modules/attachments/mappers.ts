import type { Connection } from '@taskgraph/service-kit';
import type { TaskMedia } from '../../generated/prisma/client.js';
import type { TaskRow, UserStub } from '../tasks/mappers.js';

/** The row behind a `TaskMediaEdge`. */
export type AttachmentRow = Pick<TaskMedia, 'mediaId' | 'position' | 'attachedBy' | 'attachedAt'>;

/** An item of the media service, of which this one knows the id. */
export interface MediaStub {
  readonly __typename?: 'Media';
  readonly id: string;
}

/** The row behind a `TaskMediaConnection`. */
export interface AttachmentConnectionRow {
  readonly edges: readonly AttachmentRow[];
  readonly pageInfo: Connection<never>['pageInfo'];
  /** Null when nobody asked. */
  readonly totalCount: number | null;
}

/** An attachment, at the moment at which it is told. */
export interface MediaAttachedRow {
  readonly attachedAt: Date;
  readonly attachedBy: UserStub;
  readonly task: TaskRow | null;
  readonly media: MediaStub;
}
