import type { RequestContext } from '@taskgraph/service-kit';

/** Where what is put on record comes from. */
export interface AuditOrigin extends Pick<RequestContext, 'clientInfo' | 'log'> {
  readonly requestId: string | null;
}
