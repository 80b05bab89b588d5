import type { IncomingMessage, ServerResponse } from 'node:http';
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { otherwise, raw, requestFacts, sendBody } from '@taskgraph/service-kit';
import send from '@fastify/send';
import type { FastifyInstance } from 'fastify';

/**
 * What a page may load: files of the gateway, and nothing else of anybody. Editors write their styles into the page as they go, for
 * which there is no other word; scripts are files only.
 */
export const PAGE_HEADERS = {
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
};

/** Tells who asks by another method which ones a path takes. */
type RefuseMethod = (request: IncomingMessage, response: ServerResponse, methods: readonly string[]) => void;

/** RFC 9239, which the library does not know. */
const JAVASCRIPT = { 'content-type': 'text/javascript; charset=utf-8' };
export const READS = ['GET', 'HEAD'];

/** Serves the page of a folder and its files, by no method that would change them. */
export function servePage(app: FastifyInstance, at: string, folder: string, refuse: RefuseMethod = refuseMethod): void {
  for (const file of ['', ...filesOf(folder)]) {
    const name = encodeURI(file === '' ? '/index.html' : file);
    app.get(`${at}${file}`, async (request, reply) => {
      // A folder has many files.
      requestFacts(request.raw).route = `${app.prefix}${at}`;
      const { statusCode, headers, stream } = await send(request.raw, name, { root: folder, cacheControl: false });
      return reply
        .code(statusCode)
        .headers({ ...headers, ...PAGE_HEADERS, ...(name.endsWith('.js') && JAVASCRIPT) })
        .send(stream);
    });
    otherwise(
      app,
      `${at}${file}`,
      READS,
      raw((request, response) => refuse(request, response, READS)),
    );
  }
}

/** Their paths below the page. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => `/${relative(folder, join(parentPath, name)).replaceAll(sep, '/')}`);
}

export const refuseMethod: RefuseMethod = ({ method }, response, methods) => {
  const allow = [...methods, 'OPTIONS'].join(', ');
  if (method === 'OPTIONS') return void response.writeHead(204, { allow }).end();
  const body = { errors: [{ message: `This path takes ${allow}.`, extensions: { code: 'BAD_REQUEST' } }] };
  sendBody(response, 405, { allow, 'content-type': 'application/json; charset=utf-8' }, JSON.stringify(body));
};
