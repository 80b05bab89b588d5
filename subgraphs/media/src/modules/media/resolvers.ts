import { isUuid, requireViewer } from '@taskgraph/service-kit';
import type { MediaContext } from '../../context.js';
import type { Resolvers } from '../../generated/graphql.js';
import { findThumbnail, THUMBNAIL_MIME_TYPE } from './mappers.js';
import { followProcessing, type ProcessedMedia } from './feed.js';
import { deleteMedia, findMedia, getMedia, listUploads } from './service.js';

export const mediaResolvers = {
  Query: {
    media: (_source, { id }, context) => getMedia(context, id),
    myMedia: (_source, args, context) => listUploads(context, requireViewer(context).userId, args),
  },
  Mutation: {
    deleteMedia: (_source, { id }, context) => deleteMedia(context, id),
  },
  Subscription: {
    mediaProcessed: {
      subscribe: (_source, { mediaId }, context) => followProcessing(context, mediaId),
      resolve: ({ mediaId }: ProcessedMedia, _args: unknown, context: MediaContext) => getMedia(context, mediaId),
    },
  },
  Media: {
    __resolveReference: ({ id }, context) => findMedia(context, id),
    url: ({ id, status }, _args, { urls }) => (status === 'READY' ? urls.sign(id, 'original') : null),
    thumbnail: ({ id, status, thumbnails }, { size }, { urls }) => {
      const thumbnail = status === 'READY' ? findThumbnail(thumbnails, size) : null;
      if (!thumbnail) return null;
      const { width, height } = thumbnail;
      return { url: urls.sign(id, size), width, height, mimeType: THUMBNAIL_MIME_TYPE };
    },
    uploadedBy: ({ uploaderId }) => ({ id: uploaderId }),
  },
  User: {
    __resolveReference: ({ id }) => (isUuid(id) ? { id: id.toLowerCase() } : null),
    uploads: ({ id }, args, context) => listUploads(context, id, args),
  },
} satisfies Pick<Resolvers, 'Media' | 'User'> & {
  Query: Partial<NonNullable<Resolvers['Query']>>;
  Mutation: Partial<NonNullable<Resolvers['Mutation']>>;
  Subscription: Partial<NonNullable<Resolvers['Subscription']>>;
};
