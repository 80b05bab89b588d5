import {
  ROOT_CONTEXT,
  SpanKind as Kind,
  SpanStatusCode,
  trace,
  type Span as ApiSpan,
  type Tracer,
} from '@opentelemetry/api';
import { ExportResultCode, parseTraceParent } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { Span, SpanAttributes, SpanKind, SpanOptions, Tracing } from './span.js';

const KINDS: Readonly<Record<SpanKind, Kind>> = {
  internal: Kind.INTERNAL,
  server: Kind.SERVER,
  client: Kind.CLIENT,
  producer: Kind.PRODUCER,
  consumer: Kind.CONSUMER,
};
const CLOSE_TIMEOUT_MS = 5_000;

interface OtelTracingOptions {
  /** OpenTelemetry's `service.name`. */
  readonly serviceName: string;
  readonly version: string;
  readonly processor: SpanProcessor;
}

/** Creates traces by OpenTelemetry's SDK, which reads sampling and limits from its standard variables (`OTEL_TRACES_SAMPLER`). */
export function createOtelTracing({ serviceName, version, processor }: OtelTracingOptions): Tracing {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.namespace': 'taskgraph',
      'service.name': serviceName,
      'service.version': version,
      'process.pid': process.pid,
    }),
    spanProcessors: [processor],
  });
  const tracer = provider.getTracer('taskgraph', version);
  return {
    start(name, parent, options) {
      const given = parent === undefined ? null : parseTraceParent(parent);
      const context = given ? trace.setSpanContext(ROOT_CONTEXT, { ...given, isRemote: true }) : ROOT_CONTEXT;
      return new OtelSpan(tracer, tracer.startSpan(name, toOptions(options), context));
    },
    async close() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)));
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
      clearTimeout(timer);
    },
  };
}

/** Tells of what an exporter could not send, which the SDK keeps to itself. */
export function tellingExporter(
  inner: SpanExporter,
  onExport: (spans: number, error: Error | null) => void,
): SpanExporter {
  return {
    export(spans, done) {
      inner.export(spans, (result) => {
        const failed = result.code === ExportResultCode.SUCCESS ? null : (result.error ?? new Error('not exported'));
        onExport(spans.length, failed);
        done(result);
      });
    },
    shutdown: () => inner.shutdown(),
    forceFlush: async () => inner.forceFlush?.(),
  };
}

function toOptions({ kind = 'internal', attributes, startTime }: SpanOptions = {}) {
  return {
    kind: KINDS[kind],
    ...(attributes && { attributes: toAttributes(attributes) }),
    ...(startTime !== undefined && { startTime }),
  };
}

function toAttributes(attributes: SpanAttributes): Record<string, string | number | boolean> {
  const known: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) known[name] = value;
  return known;
}

class OtelSpan implements Span {
  readonly #tracer: Tracer;
  readonly #span: ApiSpan;

  constructor(tracer: Tracer, span: ApiSpan) {
    this.#tracer = tracer;
    this.#span = span;
  }

  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  get traceparent(): string {
    const { traceId, spanId, traceFlags } = this.#span.spanContext();
    return `00-${traceId}-${spanId}-${(traceFlags & 0xff).toString(16).padStart(2, '0')}`;
  }

  get isRecorded(): boolean {
    return this.#span.isRecording();
  }

  child(name: string, options?: SpanOptions): Span {
    const below = trace.setSpan(ROOT_CONTEXT, this.#span);
    return new OtelSpan(this.#tracer, this.#tracer.startSpan(name, toOptions(options), below));
  }

  rename(name: string): void {
    this.#span.updateName(name);
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(toAttributes(attributes));
  }

  fail(error: unknown): void {
    const { name, code } = (error ?? {}) as { readonly name?: unknown; readonly code?: unknown };
    // Messages of errors may hold what people have written.
    const type = typeof code === 'string' ? code : typeof name === 'string' ? name : 'Error';
    this.#span.setAttribute('error.type', type);
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message: type });
  }

  end(endTime?: number): void {
    this.#span.end(endTime);
  }
}
