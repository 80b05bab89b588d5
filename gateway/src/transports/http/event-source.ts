import type { IncomingMessage, ServerResponse } from 'node:http';
import { readJsonBody, sendBody } from '@taskgraph/service-kit';
import { toMissingViewer } from '../../identity/not-signed-in.js';
import type { Identify } from '../../identity/identify.js';
import type { Tickets } from '../../identity/tickets.js';
import { badRequest, toRefusal } from '@taskgraph/federation-engine/internal/request/refusal.js';
import { readGraphQLRequest } from './read-request.js';

export interface EventSourceEndpointOptions {
  readonly identify: Identify;
  readonly tickets: Tickets;
  /** Where the URLs that are given out lead. */
  readonly endpoint: string;
  readonly maxBodyBytes: number;
  readonly lifetimeSeconds: number;
}

/** Lets browsers' `EventSource`, which sends nothing but a URL, subscribe with credentials. */
export interface EventSourceEndpoint {
  /** Answers a GraphQL request in JSON with the URL to open it at. @throws Refusal */
  issue(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Puts the credentials of a ticket in the place of the header that `EventSource` cannot send. @throws Refusal for no good ticket */
  admit(request: IncomingMessage): void;
}

const TICKET = '&ticket=';
/** Node takes 16 KiB of request line and headers together. */
const MAX_URL_CHARACTERS = 12_000;
const NO_TICKET = badRequest('This ticket is not valid, or not any longer: ask for another.', 401);
const TOO_LONG = badRequest('This request is too long for a URL: POST it with accept: text/event-stream.', 413);

export function createEventSourceEndpoint(options: EventSourceEndpointOptions): EventSourceEndpoint {
  const { identify, tickets, endpoint, maxBodyBytes, lifetimeSeconds } = options;
  return {
    async issue(request, response) {
      const { authorization } = request.headers;
      const identity = await identify(authorization);
      // EventSource would not tell why it is refused.
      if (identity.kind === 'refused') throw toRefusal(toMissingViewer(identity));
      const search = toSearch(readGraphQLRequest(await readJsonBody(request, maxBodyBytes)));
      const ticket = authorization === undefined ? '' : TICKET + tickets.issue(authorization, search);
      const url = `${endpoint}?${search}${ticket}`;
      if (url.length > MAX_URL_CHARACTERS) throw TOO_LONG;
      const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
      sendBody(
        response,
        201,
        { ...headers, location: url },
        JSON.stringify({ url, expiresInSeconds: lifetimeSeconds }),
      );
    },
    admit(request) {
      const url = request.url ?? '';
      const at = url.lastIndexOf(TICKET);
      if (at < 0) return;
      const search = url.slice(url.indexOf('?') + 1, at);
      const authorization = tickets.redeem(url.slice(at + TICKET.length), search);
      if (authorization === null) throw NO_TICKET;
      request.headers.authorization = authorization;
    },
  };
}

function toSearch({ query, operationName, variables, extensions }: ReturnType<typeof readGraphQLRequest>): string {
  const search = new URLSearchParams();
  if (query !== undefined) search.set('query', query);
  if (operationName !== undefined) search.set('operationName', operationName);
  if (Object.keys(variables).length > 0) search.set('variables', JSON.stringify(variables));
  if (Object.keys(extensions).length > 0) search.set('extensions', JSON.stringify(extensions));
  return search.toString();
}
