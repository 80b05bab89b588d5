import type { EventEnvelope } from '@taskgraph/contracts';
import { followSubject, notFound, type SourceEvent } from '@taskgraph/service-kit';
import type { MediaContext } from '../../context.js';
import { ALL_MEDIA_FIELDS } from './loaders.js';
import { getMedia } from './service.js';

export interface ProcessedMedia extends SourceEvent {
  readonly mediaId: string;
}

/**
 * Tells once that the processing of an item has ended: at once when it has already, so that a subscriber after a quick
 * upload does not wait for ever. There is nothing to resume.
 *
 * @throws NOT_FOUND when there is no such item for this viewer
 */
export async function followProcessing(
  context: MediaContext,
  id: string,
): Promise<AsyncGenerator<ProcessedMedia, void, void>> {
  const media = await getMedia(context, id);
  if (media.status !== 'PROCESSING') return tellOnce({ eventId: null, mediaId: media.id });
  const { feed, outbox, signal } = context;
  let hasEnded = false;
  const events = await followSubject({
    feed,
    outbox,
    subject: media.id,
    signal,
    // It may have ended since; what ends from here on is told by an event.
    async assertAccess() {
      context.loaders.media(ALL_MEDIA_FIELDS).clear(media.id);
      hasEnded = (await getMedia(context, media.id)).status !== 'PROCESSING';
    },
  });
  if (!hasEnded) return untilProcessed(events, media.id);
  await events.return();
  return tellOnce({ eventId: null, mediaId: media.id });
}

async function* tellOnce(processed: ProcessedMedia): AsyncGenerator<ProcessedMedia, void, void> {
  yield processed;
}

async function* untilProcessed(
  events: AsyncIterable<EventEnvelope>,
  mediaId: string,
): AsyncGenerator<ProcessedMedia, void, void> {
  for await (const { id, type, traceparent } of events) {
    if (type === 'media.deleted.v1') throw notFound('Media');
    if (type !== 'media.processed.v1' && type !== 'media.failed.v1') continue;
    yield { eventId: id, traceparent, mediaId };
    return;
  }
}
