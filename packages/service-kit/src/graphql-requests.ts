import type { IncomingMessage, ServerResponse } from 'node:http';
import { setImmediate as parsed } from 'node:timers/promises';
import { HeaderMap, type ApolloServer, type BaseContext } from '@apollo/server';
import { readCodedJsonBody } from './coded-json-body.js';
import type { DocumentGate } from './document-gate.js';
import { hasJsonBody, readJsonBody, saysJson, UnreadableBody } from './json-body.js';
import { isDeeperThan, MAX_JSON_DEPTH } from './parse-json.js';
import { sendBody } from './send-body.js';
import { refuseSubscriptions } from './subscriptions/refuse-subscriptions.js';
import type { ReadBody } from './uploads/multipart-requests.js';

interface GraphQLRequestsOptions<Context extends BaseContext> {
  readonly apollo: ApolloServer<Context>;
  readonly maxBodyBytes: number;
  /** Reads what is no JSON, such as forms with files. */
  readonly readBody: ReadBody | undefined;
  /** Makes the context of one execution. */
  readonly context: (request: IncomingMessage) => Promise<Context>;
  /** Refuses documents before they are parsed. */
  readonly gate: DocumentGate;
}

/** Apollo Server asks for a body also where the request is in the address. */
const NO_BODY = {};

/** Creates what serves requests by Apollo Server, whatever their method is: it says itself which it does not take. */
export function createGraphQLRequests<Context extends BaseContext>(
  options: GraphQLRequestsOptions<Context>,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { apollo, maxBodyBytes, context, gate } = options;

  function assertRunnable(query: unknown): void {
    refuseSubscriptions(query);
    gate.assertWithin(query);
  }

  /** The body of a POST. @throws UnreadableBody */
  async function read(request: IncomingMessage, response: ServerResponse): Promise<object> {
    // How a gateway asks.
    if (hasJsonBody(request)) return asObject(await readJsonBody(request, maxBodyBytes));
    if (saysJson(request)) return asObject(await readCodedJsonBody(request, maxBodyBytes));
    const body = await options.readBody?.(request, response);
    if (!body) throw new UnreadableBody(415, 'Send the request as application/json.');
    if (isDeeperThan(body, MAX_JSON_DEPTH)) throw new UnreadableBody(400, 'The request body cannot be read.');
    return body;
  }

  return async (request, response) => {
    const { method = '', url = '' } = request;
    const at = url.indexOf('?');
    const search = at < 0 ? '' : url.slice(at);
    let body: object = NO_BODY;
    if (method === 'POST') {
      body = await read(request, response);
      assertRunnable((body as { readonly query?: unknown }).query);
    } else for (const query of new URLSearchParams(search).getAll('query')) assertRunnable(query);
    const answer = await apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method, headers: toHeaderMap(request), search, body },
      context: () => context(request),
    });
    // Of other methods no body is read, and what is still to come of one is not waited for. What has come is known when Node has parsed it.
    if (method !== 'POST') {
      if (!request.complete) await parsed();
      if (!request.complete) response.shouldKeepAlive = false;
    }
    if (response.destroyed) return;
    const status = answer.status ?? 200;
    const headers = Object.fromEntries(answer.headers);
    if (answer.body.kind === 'complete') {
      sendBody(response, status, headers, answer.body.string);
      return;
    }
    response.writeHead(status, headers);
    for await (const chunk of answer.body.asyncIterator) response.write(chunk);
    response.end();
  };
}

/** @throws UnreadableBody */
function asObject(body: unknown): object {
  if (typeof body === 'object' && body !== null) return body;
  throw new UnreadableBody(400, 'The request body is no JSON object.');
}

function toHeaderMap({ headers }: IncomingMessage): HeaderMap {
  const map = new HeaderMap();
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) map.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  return map;
}
