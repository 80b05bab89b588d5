import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openOwnTracing, type Tracing } from '@taskgraph/service-kit';
import { LaunchError } from '../launch-error.js';
import { listPage, notFoundPage, tracePage } from './trace-pages.js';
import { createTraceStore } from './trace-store.js';

/** What keeps and shows the traces of all services of this process. */
export interface Traces {
  readonly url: string;
  tracing(service: string): Promise<Tracing>;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
/** Pages without a script, and without anything from elsewhere. */
const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/** Shows traces at a port of this machine, to the people who work on it. @throws LaunchError when the port is taken */
export async function openTraces(port: number): Promise<Traces> {
  const store = createTraceStore();

  function respond({ method, url, headers }: IncomingMessage, response: ServerResponse): void {
    // A page of another origin may name this machine by a host of its own, and would read what is shown.
    const isOwn = /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(headers.host ?? '');
    if (!isOwn || method !== 'GET') return void response.writeHead(isOwn ? 405 : 421, HEADERS).end();
    const { pathname, searchParams } = new URL(url ?? '/', `http://${HOST}`);
    const traceId = /^\/trace\/([0-9a-f]{32})$/.exec(pathname)?.[1];
    const trace = traceId === undefined ? null : store.find(traceId);
    if (trace) response.writeHead(200, HEADERS).end(tracePage(trace));
    else if (pathname !== '/') response.writeHead(404, HEADERS).end(notFoundPage());
    else {
      const filter = {
        text: searchParams.get('text') ?? '',
        minMs: Math.max(0, Number(searchParams.get('minMs') ?? 0) || 0),
        errorsOnly: searchParams.get('errors') === '1',
      };
      response.writeHead(200, HEADERS).end(listPage(store.recent(), filter));
    }
  }

  const server = createServer(respond);
  const chosen = await new Promise<number>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        new LaunchError(`Traces cannot be shown at port ${port}: ${cause.code ?? cause.message}.`, [
          'Set TRACE_PORT to another one; 0 is any free port.',
        ]),
      ),
    );
    server.listen(port, HOST, () => resolve((server.address() as AddressInfo).port));
  });
  return {
    url: `http://${HOST}:${chosen}/`,
    tracing: (service) => openOwnTracing(service, (span) => store.add(span)),
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
