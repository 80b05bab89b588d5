/*
 * One GraphQL service over HTTP, for a host that needs that and no graph: pool, time-out, circuit breaker, one retry.
 */
export { Cancellation, type CancelSignal } from './request/cancellation.js';
export { Fault, unavailable, type FaultDetails } from './request/fault.js';
export type { Log } from './request/log.js';
export { CircuitOpenError, createCircuit, type Judge } from './subgraphs/circuit.js';
export { exchange } from './subgraphs/exchange.js';
export { createSpreadUpstream, type SpreadUpstream, type SpreadUpstreamOptions } from './subgraphs/spread-upstream.js';
export {
  createUpstream,
  type Upstream,
  type UpstreamAnswer,
  type UpstreamOptions,
  type UpstreamRequest,
} from './subgraphs/single-upstream.js';
export { splitUrls } from './subgraphs/url-list.js';
