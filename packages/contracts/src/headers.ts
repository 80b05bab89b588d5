/** Tells of the client that has asked the gateway, signed by it; see `client-info.ts` of the service kit. */
export const CLIENT_INFO_HEADER = 'x-taskgraph-client';

/** Names one request in every log of every process; set by the gateway when the client sends none. */
export const REQUEST_ID_HEADER = 'x-request-id';

/** Names the trace of a request in answers to clients; set where requests are traced. */
export const TRACE_ID_HEADER = 'x-trace-id';

/** W3C Trace Context, section 3.2. */
export const TRACEPARENT_HEADER = 'traceparent';

/** Until when the answer to a mutation is waited for, in milliseconds since the epoch; set by the gateway. */
export const REQUEST_DEADLINE_HEADER = 'x-request-deadline';

/**
 * Names what a mutation makes, so that a client may ask for it again (draft-ietf-httpapi-idempotency-key-header); goes on from the client to
 * the subgraphs.
 */
export const IDEMPOTENCY_KEY_HEADER = 'idempotency-key';

/** A request id is echoed and logged, so only harmless ones are taken over from a client. */
const REQUEST_ID_PATTERN = /^[A-Za-z0-9_.:-]{8,128}$/;

export function isRequestId(value: unknown): value is string {
  return typeof value === 'string' && REQUEST_ID_PATTERN.test(value);
}
