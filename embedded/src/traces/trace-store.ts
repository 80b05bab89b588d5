import type { FinishedSpan } from '@taskgraph/service-kit';

/** What is known of a trace: spans end, and so come, from the inside out. */
export interface Trace {
  readonly traceId: string;
  readonly spans: readonly FinishedSpan[];
  /** Spans that were not kept. */
  readonly dropped: number;
}

export interface TraceStore {
  add(span: FinishedSpan): void;
  /** The newest first. */
  recent(): readonly Trace[];
  find(traceId: string): Trace | null;
}

const MAX_TRACES = 200;
const MAX_SPANS_OF_TRACE = 500;

/** Keeps the latest traces in memory, and of a large one so much. */
export function createTraceStore({ maxTraces = MAX_TRACES, maxSpans = MAX_SPANS_OF_TRACE } = {}): TraceStore {
  const traces = new Map<string, { traceId: string; spans: FinishedSpan[]; dropped: number }>();
  return {
    add(span) {
      const { traceId } = span;
      let trace = traces.get(traceId);
      if (!trace) {
        trace = { traceId, spans: [], dropped: 0 };
        traces.set(traceId, trace);
        const [oldest] = traces.keys();
        if (traces.size > maxTraces && oldest !== undefined) traces.delete(oldest);
      }
      if (trace.spans.length < maxSpans) trace.spans.push(span);
      else trace.dropped += 1;
    },
    recent: () => [...traces.values()].reverse(),
    find: (traceId) => traces.get(traceId) ?? null,
  };
}

export interface TraceFacts {
  readonly name: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly services: readonly string[];
  readonly hasErrors: boolean;
}

/** What a trace is about, by its first span. */
export function describeTrace({ spans }: Trace): TraceFacts {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const root = spans.find(({ parentSpanId }) => parentSpanId === null || !ids.has(parentSpanId));
  const startMs = Math.min(...spans.map((span) => span.startMs));
  const endMs = Math.max(...spans.map((span) => span.startMs + span.durationMs));
  const { 'graphql.operation.type': type, 'graphql.operation.name': operation } = root?.attributes ?? {};
  return {
    name: operation === undefined ? (root?.name ?? '') : `${String(type)} ${String(operation)}`,
    startMs,
    durationMs: endMs - startMs,
    services: [...new Set(spans.map(({ service }) => service))],
    hasErrors: spans.some(({ error, attributes }) => error !== null || Number(attributes['taskgraph.errors'] ?? 0) > 0),
  };
}

/** The spans of a trace in the order of a waterfall: each before those below it, which come as they began. */
export function inWaterfall({ spans }: Trace): ReadonlyArray<{ readonly span: FinishedSpan; readonly depth: number }> {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const below = new Map<string | null, FinishedSpan[]>();
  for (const span of spans) {
    const parent = span.parentSpanId !== null && ids.has(span.parentSpanId) ? span.parentSpanId : null;
    below.set(parent, [...(below.get(parent) ?? []), span]);
  }
  const rows: Array<{ span: FinishedSpan; depth: number }> = [];
  const add = (parent: string | null, depth: number): void => {
    for (const span of (below.get(parent) ?? []).sort((one, other) => one.startMs - other.startMs)) {
      rows.push({ span, depth });
      add(span.spanId, depth + 1);
    }
  };
  add(null, 0);
  return rows;
}
