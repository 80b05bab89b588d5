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
 * --http2`, Java's HttpClient), and are answered in the protocol that they speak (RFC 9110, section 7.8). Neither is one that is refused as
 * any other, or has a body, which Node would take for frames; nor one that comes before the answers before it are out: Node would give the
 * connection away at once, and they would follow in the other protocol. A tunnel is refused as any request.
 */
class Request extends IncomingMessage {
  /** Of the server; a request to upgrade by another name is answered as others are. */
  static allowsHost: AllowsHost = () => true;
  /** What Node has made of the headers. Not initialised here: Node does so before a subclass can. */
  declare private saysUpgrade: boolean;
  /** Null until all headers are there: Node asks several times, and an answer that differs would be a second one. */
  declare private isUpgrade: boolean | null;

  set upgrade(says: boolean | null) {
    this.saysUpgrade = says === true && !owesAnswer(this.socket);
    // False also of a server that listens for no upgrade, which Node says after it has asked.
    this.isUpgrade = says === false ? false : (this.isUpgrade ?? null);
  }

  get upgrade(): boolean {
    return (this.isUpgrade ??= this.saysUpgrade && this.asksForWebSocket());
  }

  private asksForWebSocket(): boolean {
    if (this.method !== 'GET' || this.httpVersion === '1.0') return false;
    const { upgrade = '', 'content-length': length = '0', 'transfer-encoding': coding } = this.headers;
    if (upgrade.toLowerCase() !== 'websocket' || length !== '0' || coding !== undefined) return false;
    if (faultOf(this)) return false;
    // The host of a target that names one stands in the header from here on.
    const { host } = this.headers;
    return host !== undefined && (this.constructor as typeof Request).allowsHost(host);
  }
}

/** What is wrong with a request that reaches no path. */
export interface EdgeFault {
  readonly status: number;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const FAULTS = {
  tunnel: { status: 405, message: 'This is no proxy.', headers: { allow: METHODS } },
  unreadable: { status: 400, message: 'The request cannot be read.' },
  expectation: { status: 417, message: 'What the request expects is not known here.' },
} as const satisfies Record<string, EdgeFault>;

/** Looks for what keeps a request from every path: that it asks for a tunnel, cannot be read, or expects what is not known (RFC 9110, section 10.1.1). */
export function faultOf(request: IncomingMessage): EdgeFault | null {
  if (request.method === 'CONNECT') return FAULTS.tunnel;
  if (!readTarget(request)) return FAULTS.unreadable;
  const { expect } = request.headers;
  return expect === undefined || expect.toLowerCase() === '100-continue' ? null : FAULTS.expectation;
}

/**
 * Reads the target of a request as other servers on the way do, or not at all. A server has to take the form that is meant for proxies,
 * whose host stands in the place of the header's (RFC 9112, section 3.2.2), and to refuse a request with two hosts, or none (section 3.2). Of
 * transfer codings nothing but `chunked` is read, and that is new in HTTP/1.1 (section 6.1).
 *
 * @returns false for a request to refuse
 */
function readTarget(request: IncomingMessage): boolean {
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

/**
 * Ends a connection when what is written has left, whether its client ends it as well or not: Node sees to none that it has given away for
 * another protocol.
 */
export function endConnection(socket: Duplex): void {
  // A connection of node:http is one of node:net.
  (socket as Socket).destroySoon();
}

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
  endConnection(socket);
}

/** Has requests with an expectation come as all others: what is wrong with them is looked for in their turn. */
export function takeExpectations(server: Server): void {
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    server.emit('request', request, response);
  });
}

/** Refuses a request before anything else looks at it, and ends its connection: what is left of its body is read by nobody. */
export function refuseRequest(
  response: ServerResponse,
  status: number,
  message: string,
  form: RefusalForm | null,
  headers: Readonly<Record<string, string>> = {},
): void {
  const { type, body } = (form ?? inGraphQL)(status, message);
  const bytes = String(Buffer.byteLength(body));
  response.shouldKeepAlive = false;
  response.writeHead(status, { ...headers, 'content-type': type, 'content-length': bytes }).end(body);
}

const inGraphQL: RefusalForm = (_status, message) => ({
  type: 'application/json; charset=utf-8',
  body: JSON.stringify({ errors: [{ message, extensions: { code: 'BAD_REQUEST' } }] }),
});
