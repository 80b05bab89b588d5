import type { Identity } from '@taskgraph/federation-engine/internal/request/context.js';
import { missingViewer, type AppError, type TokenProblem } from '@taskgraph/service-kit';

/** What a viewer is told who would have to sign in, by what was wrong with their token. */
export function toMissingViewer(identity: Identity): AppError {
  return missingViewer({ tokenProblem: identity.kind === 'refused' ? (identity.problem as TokenProblem) : null });
}
