import { isUuid, requireViewer, selectedFields } from '@taskgraph/service-kit';
import type { GraphQLResolveInfo } from 'graphql';
import type { MediaContext } from '../../context.js';
import type { Resolvers } from '../../generated/graphql.js';
import type { UploadsRequest } from './loaders.js';
import { findKind } from '../../media-kinds.js';
import { MIME_TYPES } from '../../storage/object-keys.js';
import { findThumbnail, type FailureReason } from './mappers.js';
import { downloadOf } from './policy.js';
import { followProcessing, type ProcessedMedia } from './feed.js';
import { deleteMedia, findMedia, findStorage, getMedia, listUploads, restoreMedia, updateMedia } from './service.js';

/** What is asked for of the `MediaConnection` that a field returns. */
function selectedPage(info: GraphQLResolveInfo): Omit<UploadsRequest, 'page'> {
  return {
    fields: selectedFields(info, 'Media', 'edges', 'node'),
    total: selectedFields(info, 'MediaConnection').has('totalCount'),
  };
}

export const mediaResolvers = {
  Query: {
    media: (_source, { id }, context, info) => getMedia(context, id, selectedFields(info, 'Media')),
    myMedia: (_source, args, context, info) =>
      listUploads(context, requireViewer(context).userId, args, selectedPage(info)),
  },
  Mutation: {
    updateMedia: (_source, { input }, context) => updateMedia(context, input),
    deleteMedia: (_source, { id }, context) => deleteMedia(context, id),
    restoreMedia: (_source, { id }, context) => restoreMedia(context, id),
  },
  Subscription: {
    mediaProcessed: {
      subscribe: (_source, { mediaId }, context) => followProcessing(context, mediaId),
      resolve: ({ mediaId }: ProcessedMedia, _args: unknown, context: MediaContext) => getMedia(context, mediaId),
    },
  },
  Media: {
    __resolveReference: ({ id }, context, info) => findMedia(context, id, selectedFields(info, 'Media')),
    byteSize: ({ byteSize }) => Number(byteSize),
    failureReason: ({ failureReason }) => failureReason as FailureReason | null,
    url: (media, _args, { urls, viewer }) => {
      const variant = viewer ? downloadOf(viewer, media) : null;
      return variant && urls.sign(media, variant);
    },
    thumbnail: ({ id, revision, status, thumbnails, mimeType }, args, { urls }) => {
      const { size } = args;
      // Arguments have no prototype, and V8 looks anew each time for what such an object lacks.
      const format = Object.hasOwn(args, 'format') ? args.format : null;
      if (status !== 'READY') return null;
      const thumbnail = findThumbnail(thumbnails, size);
      if (!thumbnail) return urls.icon(findKind(mimeType) ?? 'document');
      const { width, height, avifByteSize } = thumbnail;
      const wanted = format === 'AVIF' && avifByteSize !== undefined ? 'avif' : 'webp';
      return {
        url: urls.sign({ id, revision }, size, format ? wanted : null),
        width,
        height,
        mimeType: MIME_TYPES[wanted],
      };
    },
    uploadedBy: ({ uploaderId }) => ({ id: uploaderId }),
  },
  User: {
    __resolveReference: ({ id }) => (isUuid(id) ? { id: id.toLowerCase() } : null),
    storage: ({ id }, _args, context) => findStorage(context, id),
    uploads: ({ id }, args, context, info) => listUploads(context, id, args, selectedPage(info)),
  },
} satisfies Pick<Resolvers, 'Media' | 'User'> & {
  Query: Partial<NonNullable<Resolvers['Query']>>;
  Mutation: Partial<NonNullable<Resolvers['Mutation']>>;
  Subscription: Partial<NonNullable<Resolvers['Subscription']>>;
};
