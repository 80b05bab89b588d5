import type { IncomingMessage, ServerResponse } from 'node:http';
import { badRequest } from '@taskgraph/federation-engine/internal/request/refusal.js';
import {
  multipartRequests,
  otherwise,
  raw,
  saysJson,
  sendBody,
  type MultipartRequestsOptions,
  type Routes,
} from '@taskgraph/service-kit';
import accepts from 'accepts';
import { ENDPOINT, EVENT_SOURCE } from '../endpoint.js';
import { createCors, type CorsOptions } from './cors.js';
import { asksForEvents, type GraphQLHandler } from './graphql-handler.js';
import { PAGE_HEADERS, renderSandbox } from './landing-page.js';

export interface GraphQLRoutesOptions {
  readonly handler: GraphQLHandler;
  readonly cors: CorsOptions;
  /** Of requests with files. */
  readonly multipart: MultipartRequestsOptions;
  /** Whether browsers are shown Apollo Sandbox. */
  readonly sandbox: boolean;
  /** Serves the explorer, which takes its place without the internet; null where nobody is to explore. */
  readonly explorer: { readonly path: string; readonly routes: Routes } | null;
}

/** Says which request of the endpoint goes where. */
export async function createGraphQLRoutes(options: GraphQLRoutesOptions): Promise<Routes> {
  const { handler } = options;
  const cors = createCors(options.cors);
  const readForm = multipartRequests(options.multipart);
  const sandbox = options.sandbox ? await renderSandbox(options.explorer?.path ?? null) : null;

  async function postOther(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = readForm(request, response);
    if (form) await handler.multipart(request, response, await form);
    else handler.sendRefusal(response, badRequest('Send the request as application/json.', 415));
  }

  return (app) => {
    options.explorer?.routes(app);
    app.get('/', (_request, reply) => {
      reply.redirect(ENDPOINT);
    });
    app.register((graphql, _options, done) => {
      graphql.addHook('onRequest', (request, reply, next) => {
        if (!cors(request.raw, reply.raw)) next();
      });
      graphql.post(
        ENDPOINT,
        raw((request, response) =>
          saysJson(request) ? handler.post(request, response) : postOther(request, response),
        ),
      );
      graphql.get(
        ENDPOINT,
        raw(async (request, response, { query }) => {
          const mayBePage = sandbox && query['query'] === undefined && !asksForEvents(request);
          if (!mayBePage || accepts(request).types(['json', 'html']) !== 'html') return handler.get(request, response);
          sendBody(response, 200, { ...PAGE_HEADERS, 'content-type': 'text/html; charset=utf-8' }, await sandbox());
        }),
      );
      const refused = badRequest('GraphQL is served to GET and POST.', 405, { allow: 'GET, POST' });
      otherwise(
        graphql,
        ENDPOINT,
        ['GET', 'HEAD', 'POST'],
        raw((_request, response) => handler.sendRefusal(response, refused)),
      );
      const noTicket = badRequest('POST the request here as application/json.', 405, { allow: 'POST' });
      graphql.all(
        EVENT_SOURCE,
        raw((request, response) =>
          saysJson(request) ? handler.eventSource(request, response) : handler.sendRefusal(response, noTicket),
        ),
      );
      done();
    });
  };
}
