import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createArrivals, type Arrivals } from './arrivals.js';

/** A span as it came over OTLP, with the service that has sent it. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty of a root. */
  readonly parentSpanId: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A collector of traces that tells a test what it gets. */
export interface OtlpReceiver extends AsyncDisposable {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  /** Bodies of requests as they came. */
  readonly bodies: readonly string[];
  /** Headers of the same. */
  readonly headers: readonly IncomingHttpHeaders[];
  readonly until: Arrivals<ReceivedSpan>['until'];
}

interface OtlpAttribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface OtlpRequest {
  readonly resourceSpans?: ReadonlyArray<{
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: ReadonlyArray<{
      readonly spans: ReadonlyArray<
        Omit<ReceivedSpan, 'attributes' | 'service' | 'parentSpanId'> & {
          readonly parentSpanId?: string;
          readonly attributes: readonly OtlpAttribute[];
        }
      >;
    }>;
  }>;
}

/** Starts a collector that takes OTLP over HTTP in JSON (OpenTelemetry Protocol specification, "OTLP/HTTP"). */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans = createArrivals<ReceivedSpan>();
  const bodies: string[] = [];
  const headers: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const isTraces = request.url === '/v1/traces' && request.headers['content-type'] === 'application/json';
      response.writeHead(isTraces ? 200 : 415, { 'content-type': 'application/json' }).end('{}');
      if (!isTraces) return;
      bodies.push(text);
      headers.push(request.headers);
      spans.add(...readSpans(JSON.parse(text) as OtlpRequest));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans: spans.items,
    bodies,
    headers,
    until: spans.until,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function readSpans({ resourceSpans = [] }: OtlpRequest): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(readAttributes(resource.attributes)['service.name']);
    return scopeSpans.flatMap((scope) =>
      scope.spans.map((span) => ({
        ...span,
        service,
        parentSpanId: span.parentSpanId ?? '',
        attributes: readAttributes(span.attributes),
      })),
    );
  });
}

function readAttributes(attributes: readonly OtlpAttribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
