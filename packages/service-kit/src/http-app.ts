import { METHODS, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { parse } from 'node:querystring';
import { REQUEST_ID_HEADER } from '@taskgraph/contracts';
import { fastify, type FastifyInstance, type RouteHandlerMethod } from 'fastify';
import { answerHttpError, answerNothingHere } from './http-errors.js';
import type { RefusalForms } from './http-edges.js';
import type { Log } from './log.js';
import type { Metrics } from './metrics.js';
import { identifyRequest, requestFacts } from './request-identification.js';
import { sendBody } from './send-body.js';

interface HttpAppOptions {
  readonly log: Log;
  /** Null where requests are neither counted nor given an id. */
  readonly metrics: Metrics | null;
  /** How those are told of a refusal whose request reaches no route. */
  readonly formOf: RefusalForms;
  /** Makes the server, which leads requests to the routes. */
  readonly server: (toRoutes: RequestListener) => Server;
}

/** Of requests that reach no route. */
const NO_ROUTE = 'other';
/** What may be asked of a path, beside what the path may be. */
const COMMON_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/**
 * Creates what leads requests to routes: Fastify, of which nothing is used but its router, its hooks and its replies. It reads no body
 * and writes no log. Routes may be added until it is `ready`.
 */
export function createHttpApp({ log, metrics, formOf, server }: HttpAppOptions): FastifyInstance {
  const app = fastify({
    serverFactory: server,
    // What is no request is answered by `request-timeouts.ts`, which knows the connections.
    clientErrorHandler: () => undefined,
    return503OnClosing: false,
    routerOptions: {
      // Proxies and clients add a slash.
      ignoreTrailingSlash: true,
      // Node limits the line as a whole, and a route says best what is wrong with its parameters.
      maxParamLength: Number.MAX_SAFE_INTEGER,
      querystringParser: parse,
    },
    frameworkErrors(_error, { raw: request }, { raw: response }) {
      if (metrics) identifyRequest(request, response, { log, metrics, route: NO_ROUTE });
      answerBadPath(request, response, formOf);
    },
  });
  // Fastify would read bodies, or refuse what they say to be, before a route is asked.
  for (const method of METHODS)
    if (method !== 'CONNECT') app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  app.addHook('onRequest', (request, reply, done) => {
    const { url: pattern } = request.routeOptions;
    const isHere = pattern === undefined || isSpeltOut(request.raw.url ?? '', pattern);
    if (metrics) identifyRequest(request.raw, reply.raw, { log, metrics, route: (isHere && pattern) || NO_ROUTE });
    if (isHere) done();
    else reply.callNotFound();
  });
  app.setErrorHandler((error, { raw: request }, reply) =>
    answerHttpError(error, reply.hijack().raw, metrics ? requestFacts(request).log : log),
  );
  app.setNotFoundHandler(({ raw: request }, reply) => {
    const { raw: response } = reply.hijack();
    const { method, url = '' } = request;
    const methods =
      method === 'OPTIONS' && !pathOf(url).includes('%')
        ? COMMON_METHODS.filter((each) => {
            const { params } = app.findRoute({ method: each, url }) ?? {};
            return params !== undefined && !Object.values(params).includes('');
          })
        : [];
    if (methods.length === 0) return answerNothingHere(response);
    response.writeHead(204, { allow: [...methods, 'OPTIONS'].join(', ') }).end();
  });
  return app;
}

/** What the target of a request names. */
export interface Target {
  /** By the places of its path that the route leaves open. */
  readonly params: Readonly<Record<string, string>>;
  /** After its path; what is there several times is a list. */
  readonly query: Readonly<Record<string, string | string[] | undefined>>;
}

/** Serves a request as Node has it. */
type Serve = (request: IncomingMessage, response: ServerResponse, target: Target) => void | Promise<void>;

/**
 * Makes a route of what works on Node's own request and response, as all do that are asked often, or send streams. What it throws is
 * answered as what other routes throw. Headers that a hook has set on Fastify's reply are lost.
 */
export function raw(serve: Serve): RouteHandlerMethod {
  return (request, reply) => {
    reply.hijack();
    const fail = (error: unknown) => request.server.errorHandler(error as Error, request, reply);
    try {
      serve(request.raw, reply.raw, request as Target)?.catch(fail);
    } catch (error) {
      fail(error);
    }
  };
}

/** Adds a route for those methods of a path that no route of it takes. */
export function otherwise(
  app: FastifyInstance,
  url: string,
  taken: readonly string[],
  handler: RouteHandlerMethod,
): void {
  app.route({ method: app.supportedMethods.filter((method) => !taken.includes(method)), url, handler });
}

/**
 * Whether a path writes what a pattern names as the pattern does, and something for each parameter, which Fastify takes for given where
 * it is empty. Fastify looks at the path decoded, and a proxy that filters by path in front of the service knows one path for one resource:
 * what is percent-encoded stands in parameters only.
 */
function isSpeltOut(url: string, pattern: string): boolean {
  // Of the server as a whole, which Fastify takes for the root.
  if (url === '*') return false;
  if (!url.includes('%') && !url.includes('//')) return true;
  const segments = pathOf(url).split('/');
  return pattern
    .split('/')
    .every((name, index) => (name.startsWith(':') ? segments[index] !== '' : name === segments[index]));
}

function pathOf(url: string): string {
  return url.replace(/[?#].*/s, '');
}

/** Answers what is asked of a path that nobody can decode. */
function answerBadPath(request: IncomingMessage, response: ServerResponse, formOf: RefusalForms): void {
  const form = formOf(request.url ?? '');
  if (!form) return answerNothingHere(response);
  if (form.admit?.(request, response)) return;
  const { type, body } = form(400, 'The request cannot be read.', response.getHeader(REQUEST_ID_HEADER));
  sendBody(response, 400, { 'content-type': type, 'cache-control': 'no-store' }, body);
}
