import {
  CLIENT_NAME_HEADER,
  CLIENT_VERSION_HEADER,
  MAX_CLIENT_NAME_CHARACTERS,
  parseJson,
  toProgramName,
} from '@taskgraph/service-kit';
import type { GraphQLFormattedError } from 'graphql';

/** The subprotocol of WebSocket connections (github.com/enisdenjo/graphql-ws, PROTOCOL.md). */
export const SUBPROTOCOL = 'graphql-transport-ws';

/** Codes that connections are closed with: the protocol's, and those of RFC 6455 and its registry. */
export const CLOSE_CODES = {
  internalError: 1011,
  serviceRestart: 1012,
  tryAgainLater: 1013,
  invalidMessage: 4400,
  unauthorized: 4401,
  forbidden: 4403,
  subprotocolNotAcceptable: 4406,
  initialisationTimeout: 4408,
  subscriberAlreadyExists: 4409,
  tooManyInitialisationRequests: 4429,
} as const;

type ClientMessage =
  | { readonly type: 'connection_init'; readonly payload: Readonly<Record<string, unknown>> }
  | { readonly type: 'ping'; readonly payload: unknown }
  | { readonly type: 'pong' }
  | { readonly type: 'subscribe'; readonly id: string; readonly payload: Readonly<Record<string, unknown>> }
  | { readonly type: 'complete'; readonly id: string };

/** An id is sent with every event; clients use a UUID or a number. */
const MAX_ID_CHARACTERS = 128;

/** Reads what a client sent; null for what is no message of the protocol. */
export function readMessage(text: string): ClientMessage | null {
  let message: unknown;
  try {
    message = parseJson(text);
  } catch {
    return null;
  }
  if (!isMap(message)) return null;
  const { type, id, payload } = message;
  const isEmpty = payload === undefined || payload === null;
  switch (type) {
    case 'connection_init':
      return isEmpty || isMap(payload) ? { type, payload: isMap(payload) ? payload : {} } : null;
    case 'ping':
      return isEmpty || isMap(payload) ? { type, payload } : null;
    case 'pong':
      return isEmpty || isMap(payload) ? { type } : null;
    case 'subscribe':
      return isId(id) && isMap(payload) && isRequest(payload) ? { type, id, payload } : null;
    case 'complete':
      return isId(id) ? { type, id } : null;
    default:
      return null;
  }
}

/** Finds the value of an Authorization header where clients put it in `connection_init`. */
export function readAuthorization(payload: Readonly<Record<string, unknown>>): string | undefined {
  return findInPayload(payload, 'authorization');
}

/**
 * Browsers cannot set headers of a WebSocket: what a client calls itself comes in `connection_init` as well, where a string holds what no
 * header can. What is kept for as long as the connection is cleaned and bounded.
 */
export function readClientNames(payload: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  return new Map(
    [CLIENT_NAME_HEADER, CLIENT_VERSION_HEADER].flatMap((header) => {
      const value = toProgramName(findInPayload(payload, header) ?? '', MAX_CLIENT_NAME_CHARACTERS);
      return value === null ? [] : [[header, value] as const];
    }),
  );
}

function findInPayload(payload: Readonly<Record<string, unknown>>, header: string): string | undefined {
  const inHeaders = isMap(payload['headers']) ? find(payload['headers'], header) : undefined;
  return find(payload, header) ?? inHeaders;
}

function find(map: Readonly<Record<string, unknown>>, header: string): string | undefined {
  for (const [name, value] of Object.entries(map))
    if (name.toLowerCase() === header && typeof value === 'string' && value !== '') return value;
  return undefined;
}

export const ACKNOWLEDGEMENT = '{"type":"connection_ack"}';

export function pongMessage(payload: unknown): string {
  return payload === undefined || payload === null
    ? '{"type":"pong"}'
    : `{"type":"pong","payload":${JSON.stringify(payload)}}`;
}

export function errorMessage(id: string, errors: readonly GraphQLFormattedError[]): string {
  return `{"id":${JSON.stringify(id)},"type":"error","payload":${JSON.stringify(errors)}}`;
}

export function completeMessage(id: string): string {
  return `{"id":${JSON.stringify(id)},"type":"complete"}`;
}

/** @param body a result as JSON */
export function nextMessage(id: string, body: string): string {
  return `{"id":${JSON.stringify(id)},"type":"next","payload":${body}}`;
}

/** What the protocol says of a request's members; a persisted query comes without its text. */
function isRequest({ query, operationName, variables, extensions }: Record<string, unknown>): boolean {
  const isPersisted = query === undefined && isMap(extensions) && 'persistedQuery' in extensions;
  return (
    (typeof query === 'string' || isPersisted) &&
    (operationName === undefined || operationName === null || typeof operationName === 'string') &&
    (variables === undefined || variables === null || isMap(variables)) &&
    (extensions === undefined || extensions === null || isMap(extensions))
  );
}

function isId(id: unknown): id is string {
  return typeof id === 'string' && id !== '' && id.length <= MAX_ID_CHARACTERS;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
