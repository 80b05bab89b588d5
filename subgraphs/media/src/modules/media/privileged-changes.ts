import type { EventData } from '@taskgraph/contracts';
import { requireViewer, type NewEvent } from '@taskgraph/service-kit';
import type { MediaContext } from '../../context.js';
import type { MediaRow } from './mappers.js';

/** Tells of what an administrator has changed by role alone; nothing where the viewer is the uploader. To be written in its transaction. */
export function tellOfChange(
  context: MediaContext,
  { id: mediaId, uploaderId: ownerId }: Pick<MediaRow, 'id' | 'uploaderId'>,
  change: EventData<'media.privileged-change.v1'>['change'],
): NewEvent[] {
  const { userId: actorId } = requireViewer(context);
  if (actorId === ownerId) return [];
  const { ipAddress, userAgent } = context.clientInfo;
  const data = { actorId, ownerId, mediaId, change, ipAddress, userAgent };
  return [{ type: 'media.privileged-change.v1', subject: actorId, data }];
}
