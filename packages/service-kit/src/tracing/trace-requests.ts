import type { IncomingMessage, ServerResponse } from 'node:http';
import { inSpan, type Tracing } from './span.js';

type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/** Probes and scrapes are asked all the time, and tell nothing. */
const UNTRACED = /^\/(health|metrics)\b/;

/** Puts each request in a span, below that of its `traceparent` where it has one. What identifies it names the span further. */
export function traceRequests(tracing: Tracing, handle: Handle): Handle {
  return (request, response) => {
    if (UNTRACED.test(request.url ?? '')) return handle(request, response);
    const { method = '' } = request;
    const span = tracing.start(method, [request.headers['traceparent']].flat()[0], {
      kind: 'server',
      attributes: { 'http.request.method': method },
    });
    response.once('close', () => {
      const { statusCode, writableFinished } = response;
      if (writableFinished) span.set({ 'http.response.status_code': statusCode });
      if (!writableFinished) span.fail({ name: 'aborted' });
      else if (statusCode >= 500) span.fail({ name: String(statusCode) });
      // Other listeners of the same event still name it.
      queueMicrotask(() => span.end());
    });
    inSpan(span, () => handle(request, response));
  };
}
