import type { IncomingMessage, ServerResponse } from 'node:http';
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import {
  answerNothingHere,
  evaluatePreconditions,
  otherwise,
  raw,
  readPreconditions,
  requestFacts,
  sendHttpError,
  type Routes,
} from '@taskgraph/service-kit';
import send from '@fastify/send';
import type { FastifyInstance, RouteHandlerMethod } from 'fastify';

/**
 * What a page may load: files of the gateway, and nothing else of anybody. Editors write their styles into the page as they go, for
 * which there is no other word; scripts are files only.
 */
const PAGE_HEADERS = new Headers({
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "font-src 'self' data:",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // What has not changed is not sent again: files have an entity tag.
  'cache-control': 'no-cache',
});

/** How it is told that there is no answer. */
export interface Refusals {
  /** To a client that asks by another method: which ones a path takes. */
  readonly method: (request: IncomingMessage, response: ServerResponse, methods: readonly string[]) => void;
  /** Of a file that is in another state, or does not have the bytes, that a request wants. */
  readonly file: (response: ServerResponse, refused: RefusedFile) => void;
  /** At a path of the page at which there is nothing. */
  readonly unknown: RouteHandlerMethod;
}

interface RefusedFile {
  readonly status: number;
  readonly code: 'BAD_REQUEST' | 'CONFLICT' | 'NOT_FOUND';
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface PageOptions {
  readonly at: string;
  /** Of its files. */
  readonly folder: string;
  readonly refusals: Refusals;
  /** What the page has beside its files. */
  readonly routes?: Routes;
}

/** RFC 9239, which the library does not know. */
const JAVASCRIPT = { 'content-type': 'text/javascript; charset=utf-8' };
export const READS = ['GET', 'HEAD'];

/** Serves the page of a folder and its files, by no method that would change them. All below its path has the page's headers. */
export function servePage(app: FastifyInstance, { at, folder, refusals, routes }: PageOptions): void {
  app.register(
    (page, _options, done) => {
      page.addHook('onRequest', (_request, reply, next) => {
        setPageHeaders(reply.raw);
        next();
      });
      page.setNotFoundHandler((request, reply) => {
        // What is spelt in another way than its route comes here past the hook.
        setPageHeaders(reply.raw);
        return refusals.unknown.call(page, request, reply);
      });
      for (const file of ['', ...filesOf(folder)]) {
        page.get(file, serveFile(folder, file === '' ? '/index.html' : file, page.prefix, refusals));
        refuseOthers(page, file, refusals);
      }
      routes?.(page);
      done();
    },
    { prefix: at },
  );
}

/** Refuses a client that asks by a method that reads nothing, and tells it which ones do. */
export function refuseOthers(app: FastifyInstance, at: string, { method: refuse }: Pick<Refusals, 'method'>): void {
  otherwise(
    app,
    at,
    READS,
    raw((request, response) => refuse(request, response, READS)),
  );
}

/**
 * Answers a client that wants what is here only if nothing is (RFC 9110, section 13.1.2), and returns true then. It is for what has no
 * tag, and every other tag is of something else.
 */
export function answersNone({ headers }: IncomingMessage, response: ServerResponse): boolean {
  const preconditions = readPreconditions(headers);
  if (!preconditions || evaluatePreconditions(preconditions, { etag: null, lastModified: null }, true) !== 304)
    return false;
  response.writeHead(304).end();
  return true;
}

function serveFile(root: string, file: string, page: string, refusals: Refusals): RouteHandlerMethod {
  const name = encodeURI(file);
  return async (request, reply) => {
    // A folder has many files.
    requestFacts(request.raw).route = page;
    const sent = await send(request.raw, name, { root, cacheControl: false });
    const { statusCode, headers, stream } = sent;
    if (sent.type === 'error' && statusCode >= 500) throw sent.metadata.error;
    // The library would tell of it in a page.
    if (sent.type !== 'file') return refusals.file(reply.hijack().raw, refusalOf(statusCode, headers['Content-Range']));
    return reply
      .code(statusCode)
      .headers({ ...headers, ...(name.endsWith('.js') && JAVASCRIPT) })
      .send(stream);
  };
}

function refusalOf(status: number, contentRange: string | undefined): RefusedFile {
  if (status === 416) {
    const headers = contentRange === undefined ? {} : { 'content-range': contentRange };
    return { status, code: 'BAD_REQUEST', message: 'The file does not have these bytes.', headers };
  }
  if (status === 412)
    return { status, code: 'CONFLICT', message: 'The file is another one than the request is meant for.', headers: {} };
  return { status: 404, code: 'NOT_FOUND', message: 'There is nothing at this path.', headers: {} };
}

function setPageHeaders(response: ServerResponse): void {
  response.setHeaders(PAGE_HEADERS);
}

/** Their paths below the page. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => `/${relative(folder, join(parentPath, name)).replaceAll(sep, '/')}`);
}

/** As all else is refused beside the façade. */
export const inGraphQL: Refusals = {
  method({ method }, response, methods) {
    const allow = [...methods, 'OPTIONS'].join(', ');
    if (method === 'OPTIONS') return void response.writeHead(204, { allow }).end();
    tell(response, { status: 405, code: 'BAD_REQUEST', message: `This path takes ${allow}.`, headers: { allow } });
  },
  file: tell,
  unknown: (_request, reply) => answerNothingHere(reply.hijack().raw),
};

function tell(response: ServerResponse, { status, ...error }: RefusedFile): void {
  sendHttpError(response, status, error);
}
