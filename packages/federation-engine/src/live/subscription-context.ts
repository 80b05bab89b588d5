import type { OperationContext } from '../request/context.js';
import type { Log } from '../request/log.js';
import type { Subscription } from './subscription.js';

/** What is asked for a subscription carries what its client has sent, and the credentials of now. */
export function contextOf(
  { requestId, clientHeader, outlet }: Subscription,
  log: Log,
  cancel = new AbortController(),
): OperationContext {
  const { identity, authorization } = outlet.credentials;
  return {
    requestId,
    log: log.child({ requestId, ...(identity.kind === 'accepted' && { userId: identity.viewer.userId }) }),
    identity,
    address: outlet.address,
    authorization,
    ...(clientHeader && { clientHeader }),
    signal: cancel.signal,
    cancel: (reason) => cancel.abort(reason),
  };
}
