import type { GraphQLFormattedError } from 'graphql';
import type { RenderedEvent } from '@taskgraph/federation-engine/internal/live/rendered-event.js';

/** How a subscription is written to an HTTP response. */
export interface StreamFormat {
  readonly transport: 'multipart' | 'sse';
  readonly contentType: string;
  /** Written at once: it shows the client that the subscription runs. */
  readonly head: string;
  readonly heartbeat: string;
  next(event: RenderedEvent): string;
  /** The last words, with what went wrong. */
  fail(errors: readonly GraphQLFormattedError[]): string;
  readonly complete: string;
  /** The last words before a restart, after which the client is to come back. */
  readonly restart: (error: GraphQLFormattedError) => string;
}

const BOUNDARY = 'graphql';
const DELIMITER = `\r\n--${BOUNDARY}`;
/** The delimiter behind a part lets clients read it before the next one comes. */
const part = (json: string) => `\r\ncontent-type: application/json\r\n\r\n${json}${DELIMITER}`;
const fatal = (errors: readonly GraphQLFormattedError[]) =>
  `${part(`{"payload":null,"errors":${JSON.stringify(errors)}}`)}--\r\n`;

/** Apollo's multipart subscription protocol, version 1.0. */
export const MULTIPART: StreamFormat = {
  transport: 'multipart',
  contentType: `multipart/mixed;boundary="${BOUNDARY}";subscriptionSpec=1.0`,
  head: `${DELIMITER}${part('{}')}`,
  heartbeat: part('{}'),
  next: ({ text }) => part(`{"payload":${text}}`),
  fail: fatal,
  complete: '--\r\n',
  restart: (error) => fatal([error]),
};

const COMPLETE = 'event: complete\ndata: \n\n';
const nextEvent = (json: string, id = '') => `event: next\n${id}data: ${json}\n\n`;

/** GraphQL over Server-Sent Events, distinct connections mode. */
export const SSE: StreamFormat = {
  transport: 'sse',
  contentType: 'text/event-stream; charset=utf-8',
  head: ':\n\n',
  heartbeat: ':\n\n',
  next: ({ text, id }) => nextEvent(text, id === null || /[\r\n\0]/.test(id) ? '' : `id: ${id}\n`),
  fail: (errors) => nextEvent(`{"errors":${JSON.stringify(errors)}}`) + COMPLETE,
  complete: COMPLETE,
  // A stream that ends without its last event is taken up again by clients, with the id of the last one they have.
  restart: () => '',
};

/** A single result as a stream. @param body JSON */
export function renderResultAsEvents(body: string): string {
  return nextEvent(body) + COMPLETE;
}
