import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Origins } from '@taskgraph/service-kit';
import cors from 'cors';

export interface CorsOptions {
  readonly origins: Origins;
  /** Whether any page may call at all. */
  readonly isOpen: boolean;
  /** How long a browser may remember the answer to a preflight. */
  readonly maxAgeSeconds: number;
  /** GET and POST when absent. */
  readonly methods?: readonly string[];
  /** Headers of answers that pages may read, beside those of every answer. */
  readonly exposes?: readonly string[];
}

/** Of an answer, beside what every page may read (Fetch, "CORS-safelisted response-header name"). */
const EXPOSED_HEADERS = ['ratelimit', 'ratelimit-policy', 'retry-after', 'x-request-id', 'x-trace-id'];
const METHODS = ['GET', 'POST'];

/**
 * Creates what tells browsers whose pages may read an answer (Fetch, "HTTP-CORS protocol"), before anything else is looked at, so that
 * refusals are readable too.
 *
 * The function returned answers preflights by itself, without a look at the viewer, and returns true then. Headers that it sets stay
 * through `writeHead`, except for `vary`, which a handler that adds to it has to join.
 */
export function createCors({
  origins,
  isOpen,
  maxAgeSeconds,
  methods = METHODS,
  exposes = [],
}: CorsOptions): (request: IncomingMessage, response: ServerResponse) => boolean {
  const exposedHeaders = [...EXPOSED_HEADERS, ...exposes];
  const allow = cors({
    // `*` and credentials exclude each other.
    ...(origins.any ? { origin: '*' } : { origin: (origin, done) => done(null, origin as string), credentials: true }),
    methods: [...methods],
    exposedHeaders,
    maxAge: maxAgeSeconds,
  });

  // Of every answer but those to preflights, which are rare: it is the same for all.
  const exposing = Object.entries({
    ...(origins.any
      ? { 'access-control-allow-origin': '*' }
      : { vary: 'Origin', 'access-control-allow-credentials': 'true' }),
    'access-control-expose-headers': exposedHeaders.join(','),
  });

  return (request, response) => {
    const { headers, method } = request;
    const asks = method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
    if (headers.origin === undefined || origins.of(request) !== 'listed') {
      // A cache on the way may not give the answer for one origin to another.
      if (isOpen && !origins.any) response.setHeader('vary', 'Origin');
      if (method !== 'OPTIONS') return false;
      response.writeHead(204, { allow: [...methods, 'OPTIONS'].join(', '), 'content-length': '0' }).end();
      return true;
    }
    // Private Network Access: a page of the internet that asks a machine of the intranet.
    if (asks && headers['access-control-request-private-network'] === 'true')
      response.setHeader('access-control-allow-private-network', 'true');
    if (method !== 'OPTIONS') {
      for (const [name, value] of exposing) response.setHeader(name, value);
      if (!origins.any) response.setHeader('access-control-allow-origin', headers.origin);
      return false;
    }
    let isAnswered = true;
    allow(request, response, () => (isAnswered = false));
    return isAnswered;
  };
}
