import { SpanStatusCode } from '@opentelemetry/api';
import { ExportResultCode, hrTimeToMilliseconds } from '@opentelemetry/core';
import { SimpleSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { FinishedSpan } from './finished-span.js';

/** Hands each span on as soon as it has ended. */
export function handingOn(service: string, take: (span: FinishedSpan) => void): SimpleSpanProcessor {
  const exporter: SpanExporter = {
    export(spans, done) {
      for (const span of spans) take(toFinished(service, span));
      done({ code: ExportResultCode.SUCCESS });
    },
    shutdown: async () => undefined,
  };
  return new SimpleSpanProcessor(exporter);
}

function toFinished(service: string, span: ReadableSpan): FinishedSpan {
  const { traceId, spanId } = span.spanContext();
  return {
    service,
    name: span.name,
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId ?? null,
    startMs: hrTimeToMilliseconds(span.startTime),
    durationMs: hrTimeToMilliseconds(span.duration),
    error: span.status.code === SpanStatusCode.ERROR ? (span.status.message ?? 'error') : null,
    attributes: span.attributes as FinishedSpan['attributes'],
  };
}
