import { IncomingMessage, STATUS_CODES, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { AllowsHost } from './allowed-hosts.js';
import { owesAnswer } from './request-turns.js';

/** What a client sent may come back in an answer: no browser may take it for a page or a script. */
export function forbidSniffing(response: ServerResponse): void {
  response.setHeader('x-content-type-options', 'nosniff');
}

/** Methods that are served somewhere, for a client that asks about no path. */
const METHODS = 'GET, HEAD, POST, OPTIONS';

/**
 * A request. A wish to go on in another protocol than WebSocket is none: clients ask for HTTP/2 in this way by themselves (`curl
 * --http2`, Java's HttpClient), and are answered in the protocol that they speak (RFC 9110, section 7.8). Neither is one that comes before the
 * answers before it are out: Node would give the connection away at once, and they would follow in the other protocol.
 */
class Request extends IncomingMessage {
  /** Of the server; a request to upgrade by another name is answered as others are. */
  static allowsHost: AllowsHost = () => true;
  /** What Node has made of the headers. Not initialised here: Node does so before a subclass can. */
  declare private saysUpgrade: boolean;

  set upgrade(says: boolean | null) {
    this.saysUpgrade = says === true && !owesAnswer(this.socket);
  }

  get upgrade(): boolean {
    if (!this.saysUpgrade) return false;
    if (this.method === 'CONNECT') return true;
    const { allowsHost } = this.constructor as typeof Request;
    return (
      this.headers.host !== undefined &&
      allowsHost(this.headers.host) &&
      /(^|,)\s*websocket\s*(,|$)/i.test(String(this.headers.upgrade ?? ''))
    );
  }
}

/**
 * Reads the target of a request as other servers on the way do, or not at all. A server has to take the form that is meant for proxies,
 * whose host stands in the place of the header's (RFC 9112, section 3.2.2), and to refuse a request with two hosts, or none (section 3.2). Of
 * transfer codings nothing but `chunked` is read, and that is new in HTTP/1.1 (section 6.1).
 *
 * @returns false for a request to refuse
 */
export function readTarget(request: IncomingMessage): boolean {
  const { url = '', rawHeaders } = request;
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
    else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
      const isOnlyChunked = request.headers['transfer-encoding']?.trim().toLowerCase() === 'chunked';
      if (!isOnlyChunked || request.httpVersion === '1.0') return false;
    }
  }
  if (hosts > 1 || (hosts === 0 && request.httpVersion !== '1.0')) return false;
  if (url.startsWith('/') || url === '*') return true;
  const [start, authority] = /^https?:\/\/([^/?#]+)/i.exec(url) ?? [];
  if (start === undefined) return false;
  const path = url.slice(start.length);
  request.url = path.startsWith('/') ? path : `/${path}`;
  request.headers.host = authority;
  return true;
}

/** The requests of one server. */
export function requestsOf(allowsHost: AllowsHost): typeof Request {
  return class extends Request {
    static override allowsHost = allowsHost;
  };
}

/** Whether a request is the last of its connection: Node reads nothing behind one that would have gone on in another protocol. */
export function isLastRequest({ headers, method }: IncomingMessage): boolean {
  return headers.upgrade !== undefined || method === 'CONNECT';
}

/** Answers what is asked of no path: `OPTIONS *` (RFC 9110, section 9.3.7). Returns false for all else. */
export function answerServerWide({ method, url }: IncomingMessage, response: ServerResponse): boolean {
  if (url !== '*' || method !== 'OPTIONS') return false;
  response.writeHead(204, { allow: METHODS }).end();
  return true;
}

/** How a refusal is told. */
export interface RefusalForm {
  /** Its media type, and its body. A request has an id where its line in the log has it. */
  (status: number, message: string, requestId?: unknown): { readonly type: string; readonly body: string };
  /** Tells browsers whose pages may read it. Answers what they ask before they send a request, and returns true then. */
  readonly admit?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** The form of refusals to a client that asks for a target, as far as that is known. Null for the form of GraphQL. */
export type RefusalForms = (target: string) => RefusalForm | null;

/** Answers in JSON, in the bytes of HTTP, where there is nothing that would write them, and ends the connection. */
export function answerInBytes(
  socket: Duplex,
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
  form: RefusalForm | null = null,
): void {
  const { type, body } = (form ?? inGraphQL)(status, message);
  const all = {
    ...headers,
    'x-content-type-options': 'nosniff',
    connection: 'close',
    'content-type': type,
    'content-length': String(Buffer.byteLength(body)),
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  socket.write([`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines, '', body].join('\r\n'));
}

/** Answers requests that reach no path: to be a proxy, and with an expectation that is not known (RFC 9110, section 10.1.1). */
export function answerEdges(server: Server, formOf: RefusalForms): void {
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => undefined);
    answerInBytes(socket, 405, 'This is no proxy.', { allow: METHODS });
    (socket as Socket).destroySoon();
  });
  server.on('checkExpectation', ({ url = '' }: IncomingMessage, response: ServerResponse) => {
    forbidSniffing(response);
    refuseRequest(response, 417, 'What the request expects is not known here.', formOf(url));
  });
}

/** Refuses a request before anything else looks at it, and ends its connection: what is left of its body is read by nobody. */
export function refuseRequest(
  response: ServerResponse,
  status: number,
  message: string,
  form: RefusalForm | null,
): void {
  const { type, body } = (form ?? inGraphQL)(status, message);
  const bytes = String(Buffer.byteLength(body));
  response.writeHead(status, { connection: 'close', 'content-type': type, 'content-length': bytes }).end(body);
}

const inGraphQL: RefusalForm = (_status, message) => ({
  type: 'application/json; charset=utf-8',
  body: JSON.stringify({ errors: [{ message, extensions: { code: 'BAD_REQUEST' } }] }),
});
