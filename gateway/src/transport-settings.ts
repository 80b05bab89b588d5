import { serviceVersion, type MultipartRequestsOptions } from '@taskgraph/service-kit';
import { splitUrls } from '@taskgraph/federation-engine/internal/subgraphs/url-list.js';
import type { Supergraph } from '@taskgraph/federation-engine/internal/supergraph/supergraph.js';
import type { GatewayConfig } from './config.js';
import { sessionCookieName } from './identity/session-cookies.js';
import { createReadForm, type ReadFormOptions } from './rest/read-form.js';
import type { RestOptions } from './rest/rest-routes.js';
import { createSendFile } from './rest/send-file.js';
import { ENDPOINT } from './transports/endpoint.js';
import type { AnswerOptions } from './transports/http/answer.js';
import type { CorsOptions } from './transports/http/cors.js';
import { PREFLIGHT_HEADERS } from './transports/http/graphql-handler.js';
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
): Pick<GraphQLHandlerOptions, 'maxBodyBytes' | 'maxBatchOperations' | 'showsPlans' | 'compression'> {
  return {
    maxBodyBytes: config.MAX_BODY_BYTES,
    maxBatchOperations: config.MAX_BATCH_OPERATIONS,
    showsPlans: config.showsPlans,
    compression: config.COMPRESSION,
  };
}

export function toCors(config: GatewayConfig): Pick<CorsOptions, 'isOpen' | 'maxAgeSeconds'> {
  return { isOpen: config.origins.length > 0, maxAgeSeconds: config.CORS_MAX_AGE_SECONDS };
}

export function toMultipart(config: GatewayConfig): Pick<MultipartRequestsOptions, 'maxFiles' | 'maxFileBytes'> {
  return { maxFiles: config.UPLOAD_MAX_FILES, maxFileBytes: config.UPLOAD_MAX_BYTES };
}

/** Of the REST façade, which has files from the media process. */
export function toRest(
  config: GatewayConfig,
  { origins, supergraph }: Pick<ReadFormOptions, 'origins'> & Pick<RestOptions, 'supergraph'>,
): Pick<
  RestOptions,
  'maxBodyBytes' | 'compression' | 'cookieName' | 'version' | 'readForm' | 'sendFile' | 'supergraph'
> {
  const mediaUrl = () => config.subgraphUrls[MEDIA] ?? urlOf(supergraph(), MEDIA);
  return {
    version: serviceVersion(),
    supergraph,
    maxBodyBytes: config.MAX_BODY_BYTES,
    compression: config.COMPRESSION,
    cookieName: config.SESSION_COOKIES === 'off' ? null : sessionCookieName(config.SESSION_COOKIES === 'secure'),
    readForm: createReadForm({ origins, maxFileBytes: config.UPLOAD_MAX_BYTES, preflightHeaders: PREFLIGHT_HEADERS }),
    sendFile: createSendFile({
      mediaUrl: () => splitUrls(mediaUrl() ?? '')[0] ?? null,
      timeoutMs: config.SUBGRAPH_TIMEOUT_MS,
    }),
  };
}

const MEDIA = 'media';

function urlOf({ subgraphs }: Supergraph, name: string): string | undefined {
  return subgraphs.find((subgraph) => subgraph.name === name)?.url;
}
