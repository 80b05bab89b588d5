import { reachableHost } from '@taskgraph/service-kit';
import type { MediaConfig } from '../../config.js';
import type { FileRouteParts } from './routes.js';
import type { SignedUrlOptions } from './signed-urls.js';

/** Where signed URLs lead, and how long they are good. @param ownPort known once the service listens */
export function toSignedUrls(config: MediaConfig, ownPort: () => number): SignedUrlOptions {
  return {
    secret: config.MEDIA_URL_SECRET,
    previousSecret: config.MEDIA_URL_SECRET_PREVIOUS,
    lifetimeSeconds: config.MEDIA_URL_LIFETIME_SECONDS,
    publicUrl: () => config.MEDIA_PUBLIC_URL ?? `http://${reachableHost(config.HOST)}:${ownPort()}`,
  };
}

/** Whether downloads are sent to the store itself. */
export function toFileRoutes(config: MediaConfig): Pick<FileRouteParts, 'handOverMs'> {
  return { handOverMs: config.GCS_SIGNED_URLS ? config.GCS_SIGNED_URL_LIFETIME_SECONDS * 1000 : null };
}
