import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyPluginCallback, RouteHandlerMethod } from 'fastify';
import { REFERENCE_FOLDER } from '@taskgraph/explorer';
import {
  AppError,
  otherwise,
  raw,
  requestFacts,
  sendBody,
  type RefusalForms,
  type Routes,
} from '@taskgraph/service-kit';
import type { Supergraph } from '@taskgraph/federation-engine/internal/supergraph/supergraph.js';
import { Refusal } from '@taskgraph/federation-engine/internal/request/refusal.js';
import vary from 'vary';
import { answersNone, READS, refuseOthers, servePage, type Refusals } from '../explorer/serve-page.js';
import { encodeFor } from '../transports/http/compression.js';
import { createCors, type CorsOptions } from '../transports/http/cors.js';
import { compileRoute, type CompiledRoute } from './compile-route.js';
import { readRestDocuments } from './rest-documents.js';
import { describeRoutes, type OpenApiOptions } from './openapi.js';
import { Problem, problemOfError, problemOfRefusal, refusalAsProblem, sendProblem } from './problem.js';
import { ROUTES } from './routes.js';
import { ACCEPT_PATCH, createServeRoute, type ServeRouteOptions } from './serve-route.js';

export interface RestOptions extends Omit<ServeRouteOptions, 'routeOf'>, OpenApiOptions {
  /** The version of the graph that serves. */
  readonly supergraph: () => Supergraph;
  readonly cors: CorsOptions;
}

export interface Rest {
  readonly routes: Routes;
  /** What is refused before its path is looked at is told as the path tells all else. */
  readonly refusals: RefusalForms;
  /** Whether an operation of that name is the façade's. */
  readonly isName: (name: string) => boolean;
  close(): Promise<void>;
}

const BASE = '/api';
/** Of a request's target, which may be a whole URL (RFC 9112, section 3.2.2). */
const IS_BELOW_BASE = /^(?:[A-Za-z][A-Za-z\d+.-]*:\/\/[^/?#]*)?\/api(?:[/?]|$)/;

const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'];
const EXPOSED = ['etag', 'link', 'location', 'content-disposition', 'content-range', 'accept-ranges', 'accept-patch'];

/** One version of the graph, as the façade serves it. */
interface Served {
  readonly supergraph: Supergraph;
  readonly routes: ReadonlyMap<string, CompiledRoute>;
  /** As text. */
  readonly openapi: string;
}

const documents = readRestDocuments();

/** Creates the REST façade: each route is one operation, run as any client's. */
export function createRest(options: RestOptions): Rest {
  const cors = createCors({ ...options.cors, methods: METHODS, exposes: EXPOSED });
  const refusal = Object.assign(refusalAsProblem.bind(null), { admit });
  const serve = createServeRoute({ ...options, routeOf: find });
  let served: Served | null = null;

  /** Returns true for what it has answered. */
  function admit(request: IncomingMessage, response: ServerResponse): boolean {
    // Without its own question, a page learns nothing of OPTIONS, and everybody else what the path takes.
    const isPlain = request.method === 'OPTIONS' && !request.headers['access-control-request-method'];
    return !isPlain && cors(request, response);
  }

  function now(): Served {
    const supergraph = options.supergraph();
    if (served?.supergraph !== supergraph) served = compile(supergraph, options);
    return served;
  }

  /** @throws Problem */
  function find(operation: string): CompiledRoute {
    const route = now().routes.get(operation);
    if (!route) throw unknown();
    return route;
  }

  const routes: Routes = (app) => {
    app.register(mount, { prefix: BASE });
  };

  const mount: FastifyPluginCallback = (api, _options, done) => {
    api.addHook('onRequest', ({ raw: request }, reply, next) => {
      if (!admit(request, reply.raw)) next();
    });
    api.setErrorHandler((error, request, reply) => answerProblem(error, request.raw, reply.hijack().raw));
    const answerUnknown: RouteHandlerMethod = ({ raw: request }, reply) => {
      requestFacts(request).route = BASE;
      // What is spelt in another way than its route comes here past the hook.
      if (admit(request, reply.raw)) reply.hijack();
      else throw unknown();
    };
    api.setNotFoundHandler(answerUnknown);
    for (const path of new Set(ROUTES.map((route) => route.path))) {
      const methods: string[] = [];
      for (const { method, operation } of ROUTES.filter((route) => route.path === path)) {
        methods.push(...(method === 'GET' ? READS : [method]));
        const handler = raw((request, response, target) => serve(find(operation), request, response, target));
        api.route({ method, url: path, handler });
      }
      // Paths that would match as well, such as `/media/:id`, take other methods.
      otherwise(
        api,
        path,
        methods,
        raw((request, response) => refuseMethod(request, response, methods)),
      );
    }
    const refusals: Refusals = {
      method: refuseMethod,
      file(response, { status, code, message, headers }) {
        sendProblem(response, new Problem(status, code, message, { headers }));
      },
      unknown: answerUnknown,
    };
    api.get('/openapi.json', raw(describe));
    refuseOthers(api, '/openapi.json', refusals);
    servePage(api, { at: '/docs', folder: REFERENCE_FOLDER, refusals });
    done();
  };

  async function describe(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (options.compression) vary(response, 'accept-encoding');
    response.setHeader('cache-control', 'no-cache');
    if (answersNone(request, response)) return;
    const { openapi } = now();
    const { body, headers } = options.compression ? await encodeFor(request, openapi) : { body: openapi };
    const type = 'application/json; charset=utf-8';
    sendBody(response, 200, { ...headers, 'content-type': type }, body);
  }

  return {
    routes,
    refusals: (target) => (IS_BELOW_BASE.test(target) ? refusal : null),
    isName: (name) => documents.has(name),
    close: () => options.sendFile.close(),
  };
}

function refuseMethod({ method }: IncomingMessage, response: ServerResponse, methods: readonly string[]): void {
  const allow = [...methods, 'OPTIONS'].join(', ');
  if (method !== 'OPTIONS') throw new Problem(405, 'BAD_REQUEST', `This path takes ${allow}.`, { headers: { allow } });
  response.writeHead(204, { allow, ...(methods.includes('PATCH') && { 'accept-patch': ACCEPT_PATCH }) }).end();
}

function unknown(): Problem {
  return new Problem(404, 'NOT_FOUND', 'There is nothing at this path.');
}

/** Routes that this version of the graph has nothing for are not there. */
function compile(supergraph: Supergraph, options: OpenApiOptions): Served {
  const routes = new Map<string, CompiledRoute>();
  for (const route of ROUTES) {
    const document = documents.get(route.operation);
    try {
      if (document) routes.set(route.operation, compileRoute(supergraph.schema, route, document));
    } catch {
      // A test holds that the project's own graph has them all.
    }
  }
  return { supergraph, routes, openapi: JSON.stringify(describeRoutes([...routes.values()], options)) };
}

function answerProblem(error: unknown, request: IncomingMessage, response: ServerResponse): void {
  if (error instanceof Problem) return sendProblem(response, error);
  if (error instanceof Refusal) return sendProblem(response, problemOfRefusal(error));
  if (error instanceof AppError) {
    const { code, message, reason } = error;
    return sendProblem(response, problemOfError({ message, extensions: { code, ...(reason && { reason }) } }));
  }
  const given = (error as { status?: unknown } | null)?.status;
  if (typeof given === 'number' && given >= 400 && given < 500)
    return sendProblem(response, new Problem(given, 'BAD_REQUEST', 'The request cannot be read.'));
  requestFacts(request).log.error({ err: error }, 'defect');
  sendProblem(response, new Problem(500, 'INTERNAL_SERVER_ERROR', 'Something went wrong on our side.'));
}
