import type { GatewayConfig } from './config.js';
import { ENDPOINT } from './transports/endpoint.js';
import type { AnswerOptions } from './transports/http/answer.js';
import type { EventSourceEndpointOptions } from './transports/http/event-source.js';
import type { GraphQLHandlerOptions } from './transports/http/graphql-handler.js';
import type { HttpStreamsOptions } from './transports/streams/http-streams.js';
import type { WebSocketEndpointOptions } from './transports/websocket/server.js';

/*
 * What the settings say of each transport.
 */

export function toAnswer(
  config: GatewayConfig,
): Pick<AnswerOptions, 'hideSuggestions' | 'operationTimeoutMs' | 'uploadTimeoutMs'> {
  return {
    hideSuggestions: !config.introspection,
    operationTimeoutMs: config.OPERATION_TIMEOUT_MS,
    uploadTimeoutMs: config.UPLOAD_TIMEOUT_MS,
  };
}

/** Of connections that last. */
export function toLive(config: GatewayConfig): Pick<HttpStreamsOptions, 'heartbeatMs' | 'maxBufferedBytes'> {
  return {
    heartbeatMs: config.SUBSCRIPTION_HEARTBEAT_MS,
    maxBufferedBytes: config.SUBSCRIPTION_MAX_BUFFERED_BYTES,
  };
}

export function toWebSockets(
  config: GatewayConfig,
): Pick<
  WebSocketEndpointOptions,
  'labelsHeader' | 'maxOperations' | 'maxConnections' | 'maxMessageBytes' | 'initTimeoutMs'
> {
  return {
    labelsHeader: config.OVERRIDE_LABELS_HEADER,
    maxOperations: config.WEBSOCKET_MAX_OPERATIONS,
    maxConnections: config.WEBSOCKET_MAX_CONNECTIONS,
    maxMessageBytes: config.WEBSOCKET_MAX_MESSAGE_BYTES,
    initTimeoutMs: config.WEBSOCKET_INIT_TIMEOUT_MS,
  };
}

export function toEventSource(
  config: GatewayConfig,
): Pick<EventSourceEndpointOptions, 'endpoint' | 'maxBodyBytes' | 'lifetimeSeconds'> {
  return {
    endpoint: ENDPOINT,
    maxBodyBytes: config.MAX_BODY_BYTES,
    lifetimeSeconds: config.EVENT_SOURCE_LIFETIME_SECONDS,
  };
}

export function toHandler(
  config: GatewayConfig,
): Pick<GraphQLHandlerOptions, 'labelsHeader' | 'maxBodyBytes' | 'maxBatchOperations' | 'showsPlans' | 'compression'> {
  return {
    labelsHeader: config.OVERRIDE_LABELS_HEADER,
    maxBodyBytes: config.MAX_BODY_BYTES,
    maxBatchOperations: config.MAX_BATCH_OPERATIONS,
    showsPlans: config.showsPlans,
    compression: config.COMPRESSION,
  };
}
