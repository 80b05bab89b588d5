import type { Identity } from '@taskgraph/federation-engine/internal/request/context.js';

/** Administrators see plans and costs. */
export function isAdministrator(identity: Identity): boolean {
  return identity.kind === 'accepted' && identity.claims['role'] === 'ADMIN';
}
