import type { IncomingMessage, ServerResponse } from 'node:http';
import { badRequest } from '@taskgraph/federation-engine/internal/request/refusal.js';
import {
  answerHttpError,
  httpErrors,
  identifyRequest,
  multipartRequests,
  saysJson,
  type Log,
  type Metrics,
  type MultipartRequestsOptions,
  type Routes,
} from '@taskgraph/service-kit';
import { ENDPOINT, EVENT_SOURCE, isEndpoint } from '../endpoint.js';
import type { HttpStreams } from '../streams/http-streams.js';
import { createCors, type CorsOptions } from './cors.js';
import { asksForEvents, type GraphQLHandler } from './graphql-handler.js';
import { PAGE_HEADERS, renderSandbox } from './landing-page.js';

export interface GraphQLRoutesOptions {
  readonly handler: GraphQLHandler;
  readonly streams: HttpStreams;
  readonly cors: CorsOptions;
  /** Of requests with files. */
  readonly multipart: Omit<MultipartRequestsOptions, 'log'>;
  /** Whether browsers are shown Apollo Sandbox. */
  readonly sandbox: boolean;
  /** Serves the explorer, which takes its place without the internet; null where nobody is to explore. */
  readonly explorer: { readonly path: string; readonly routes: Routes } | null;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Which request goes where. */
interface GraphQLRoutes {
  /** Operations in JSON, and streams, go past Express; what is rarer goes through it, as the operator's routes do. */
  readonly front: (request: IncomingMessage, response: ServerResponse) => boolean;
  readonly routes: Routes;
}

/** How long streams last says nothing about how fast answers are. */
const STREAM_ROUTE = `${ENDPOINT} (stream)`;

export async function createGraphQLRoutes(options: GraphQLRoutesOptions): Promise<GraphQLRoutes> {
  const { handler, streams, log, metrics } = options;
  const cors = createCors(options.cors);
  const sandbox = options.sandbox ? await renderSandbox(options.explorer?.path ?? null) : null;
  return {
    front(request, response) {
      const { method, url } = request;
      const isTicket = url === EVENT_SOURCE;
      if (!isTicket && !isEndpoint(url)) return false;
      if (cors(request, response)) return true;
      const isPost = saysJson(request);
      const isStream = method === 'GET' && !isTicket && asksForEvents(request);
      if (!isPost && !isStream) return false;
      const route = () => (isTicket ? EVENT_SOURCE : streams.has(response) ? STREAM_ROUTE : ENDPOINT);
      const facts = identifyRequest(request, response, { log, metrics, route });
      const served = isTicket
        ? handler.eventSource(request, response)
        : isPost
          ? handler.post(request, response)
          : handler.get(request, response);
      served.catch((error: unknown) => answerHttpError(error, response, facts.log));
      return true;
    },
    routes(app) {
      options.explorer?.routes(app);
      app.get('/', (_request, response) => response.redirect(ENDPOINT));
      app.get(ENDPOINT, async (request, response) => {
        const asksForPage = request.query['query'] === undefined && request.accepts(['json', 'html']) === 'html';
        if (sandbox && asksForPage)
          response
            .set(PAGE_HEADERS)
            .type('html')
            .send(await sandbox());
        else await handler.get(request, response);
      });
      app.post(ENDPOINT, multipartRequests({ ...options.multipart, log }), async (request, response) => {
        if (request.is('multipart/form-data')) await handler.multipart(request, response, request.body);
        else handler.sendRefusal(response, badRequest('Send the request as application/json.', 415));
      });
      app.all(ENDPOINT, (_request, response) => {
        handler.sendRefusal(response, badRequest('GraphQL is served to GET and POST.', 405, { allow: 'GET, POST' }));
      });
      app.all(EVENT_SOURCE, (_request, response) => {
        handler.sendRefusal(response, badRequest('POST the request here as application/json.', 405, { allow: 'POST' }));
      });
      app.use(httpErrors(log));
    },
  };
}
