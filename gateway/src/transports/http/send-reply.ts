import type { ServerResponse } from 'node:http';
import { sendBody } from '@taskgraph/service-kit';
import { renderResultAsEvents, SSE } from '../streams/formats.js';
import type { Accepted } from './accept.js';
import { encodeFor, type Encoded } from './compression.js';
import type { Reply } from './reply.js';
import { sendInParts, sendOnePart } from './send-parts.js';

interface SendReplyOptions {
  /** Whether answers are compressed for clients that take it. */
  readonly compression: boolean;
  /** Whether the viewer may stand in a cookie. */
  readonly variesByCookie: boolean;
}

/** Sends a reply in the form that its client reads; the promise is of what takes time. */
export type SendReply = (response: ServerResponse, reply: Reply, accepted: Accepted) => Promise<void> | undefined;

export function createSendReply({ compression, variesByCookie }: SendReplyOptions): SendReply {
  const always = [...(variesByCookie ? ['cookie'] : []), ...(compression ? ['accept-encoding'] : [])].join(', ');

  return (response, reply, { type, eventsOnly, partsOnly, incremental }) => {
    if (response.destroyed) {
      reply.rest?.leave();
      return undefined;
    }
    if (eventsOnly) {
      response.writeHead(200, { 'content-type': SSE.contentType, 'cache-control': 'no-store' });
      response.end(renderResultAsEvents(reply.body));
      return undefined;
    }
    if (reply.rest) return sendInParts(response, reply.body, reply.rest);
    if (partsOnly && incremental && reply.status === 200) {
      sendOnePart(response, reply.body, incremental);
      return undefined;
    }
    // Nothing is said of the answer before it is there: another one may have to be sent in its place.
    const sendEncoded = ({ headers, body }: Encoded) => {
      if (response.destroyed) return;
      const vary = joinVary(joinVary(response.getHeader('vary'), reply.headers['vary']), always);
      response.setHeader('content-type', type);
      response.setHeader('cache-control', 'no-store');
      for (const name in reply.headers) response.setHeader(name, reply.headers[name] as string);
      if (vary !== '') response.setHeader('vary', vary);
      // Nobody else is to get the cookie.
      if (response.hasHeader('set-cookie')) response.setHeader('cache-control', 'no-store');
      sendBody(response, reply.status, headers, body, reply.isAscii);
    };
    const encoded = compression ? encodeFor(response.req, reply.body) : { headers: NO_MORE, body: reply.body };
    if (encoded instanceof Promise) return encoded.then(sendEncoded);
    sendEncoded(encoded);
    return undefined;
  };
}

const NO_MORE: Readonly<Record<string, string>> = {};

/** The fields of both, of which either may be none: what is set of a header takes the place of what was set before. */
function joinVary(one: number | string | readonly string[] | undefined, other: string | undefined): string {
  const before = Array.isArray(one) ? one.join(', ') : String(one ?? '');
  if (before === '' || other === undefined || other === '') return before === '' ? (other ?? '') : before;
  return `${before}, ${other}`;
}
