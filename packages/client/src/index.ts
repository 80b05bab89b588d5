export { createTaskgraphClient, type TaskgraphClient, type TaskgraphClientOptions } from './client.js';
export { createCache, possibleTypes, typePolicies } from './cache.js';
export { createMemoryStorage, type TokenStorage } from './token-storage.js';
export { createAuthLink } from './auth/auth-link.js';
export { createSession, type Session, type SessionListener, type SessionOptions } from './auth/session.js';
export type { AuthPayloadLike } from './auth/tokens.js';
export { createSubscriptionLink, type SubscriptionLinkOptions } from './links/subscription-link.js';
export { createUploadLink, hasFiles, type UploadContext } from './uploads/upload-link.js';
export type { OnProgress } from './uploads/send-form.js';
export { isProblem, type Problem } from './problem.js';
export {
  sendByTus,
  uploadResumably,
  type ResumableUploadOptions,
  type SendByTusOptions,
  type UploadTarget,
} from './uploads/resumable.js';
