import type { Identity } from './context.js';
import { Fault } from './fault.js';

/** What a viewer is told who would have to be known. */
export type MissingViewer = (identity: Identity) => Fault;

export const missingViewer: MissingViewer = (identity) =>
  identity.kind === 'refused'
    ? new Fault('UNAUTHENTICATED', 'The credentials are not valid. Sign in again.', { reason: identity.problem })
    : new Fault('UNAUTHENTICATED', 'Sign in to do this.', { reason: 'CREDENTIALS_MISSING' });
