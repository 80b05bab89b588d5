import { UnreadableBody } from '../json-body.js';

export const ONLY_OVER_WEBSOCKETS =
  'Subscriptions are served over WebSockets (graphql-transport-ws), at the same path.';

/**
 * Refuses documents over HTTP that Apollo Server cannot validate: of a subscription with `@skip` or `@include`, a rule of graphql-js
 * throws where it should report, and the client would be told of a defect. Other subscriptions are refused after validation.
 *
 * @throws UnreadableBody 400
 */
export function refuseSubscriptions(query: unknown): void {
  // Few documents have the word at all.
  if (
    typeof query === 'string' &&
    query.includes('subscription') &&
    /\bsubscription\b[^]*@[\s,]*(skip|include)\b/.test(query)
  )
    throw new UnreadableBody(400, ONLY_OVER_WEBSOCKETS);
}
