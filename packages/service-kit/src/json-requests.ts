import type { IncomingMessage, ServerResponse } from 'node:http';
import { HeaderMap, type ApolloServer, type BaseContext } from '@apollo/server';
import type { DocumentGate } from './document-gate.js';
import { answerHttpError } from './http-errors.js';
import { hasJsonBody, readJsonBody, UnreadableBody } from './json-body.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import { identifyRequest } from './request-identification.js';
import { sendBody } from './send-body.js';
import { refuseSubscriptions } from './subscriptions/refuse-subscriptions.js';

interface JsonRequestsOptions<Context extends BaseContext> {
  readonly apollo: ApolloServer<Context>;
  readonly path: string;
  readonly maxBodyBytes: number;
  /** Makes the context of one execution. */
  readonly context: (request: IncomingMessage) => Promise<Context>;
  /** Refuses documents before they are parsed. */
  readonly gate: DocumentGate;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Serves POST requests with a JSON body, which is how a gateway asks, by Apollo Server without Express in between: for a small
 * answer that is more than half of the work. Returns false for requests of any other kind.
 */
export function createJsonRequests<Context extends BaseContext>(
  options: JsonRequestsOptions<Context>,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  const { apollo, path, maxBodyBytes, context, gate, log, metrics } = options;
  const route = () => path;

  async function serve(request: IncomingMessage, response: ServerResponse, search: string): Promise<void> {
    const body = await readJsonBody(request, maxBodyBytes);
    if (typeof body !== 'object' || body === null) throw new UnreadableBody(400, 'The request body is no JSON object.');
    const { query } = body as { query?: unknown };
    refuseSubscriptions(query);
    gate.assertWithin(query);
    const answer = await apollo.executeHTTPGraphQLRequest({
      httpGraphQLRequest: { method: 'POST', headers: toHeaderMap(request), search, body },
      context: () => context(request),
    });
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
  }

  return (request, response) => {
    const url = request.url ?? '';
    const search = url.slice(path.length);
    if (!url.startsWith(path) || (search !== '' && !search.startsWith('?')) || !hasJsonBody(request)) return false;
    identifyRequest(request, response, { log, metrics, route });
    serve(request, response, search).catch((error: unknown) => answerHttpError(error, response, log));
    return true;
  };
}

function toHeaderMap({ headers }: IncomingMessage): HeaderMap {
  const map = new HeaderMap();
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) map.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  return map;
}
