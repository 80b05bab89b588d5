import { TRACEPARENT_HEADER } from '@taskgraph/contracts';
import { activeSpan, endWith, type Tracing } from '@taskgraph/service-kit';
import type { SubgraphClient } from '@taskgraph/federation-engine/internal/subgraphs/subgraph-client.js';
import type { Answer } from './transports/http/answer.js';
import type { SubscriptionTelemetry } from '@taskgraph/federation-engine/internal/live/subscription-telemetry.js';

/** Puts around what sends fetches a span for each, whose name goes on to the subgraph. What the cache answers is no fetch. */
export function withTraces(inner: SubgraphClient): SubgraphClient {
  return {
    send(request, context) {
      const { subgraph, type, operationName, representations } = request;
      const span = activeSpan()?.child(`fetch ${subgraph}`, {
        kind: 'client',
        attributes: {
          'taskgraph.subgraph': subgraph,
          'graphql.operation.type': type,
          'graphql.operation.name': operationName,
          'taskgraph.entities': representations?.length,
        },
      });
      if (!span) return inner.send(request, context);
      const headers = { ...request.headers, [TRACEPARENT_HEADER]: span.traceparent };
      return endWith(span, async () => {
        const answer = await inner.send({ ...request, headers }, context);
        if (answer.errors.length > 0) span.set({ 'taskgraph.errors': answer.errors.length });
        return answer;
      });
    },
    invalidate: async (changed) => inner.invalidate?.(changed),
  };
}

/** Puts the run of an event into the trace that its subgraph names. */
export function traceRuns(tracing: Tracing): NonNullable<SubscriptionTelemetry['traceRun']> {
  return (traceparent, run) => endWith(tracing.start('live event', traceparent, { kind: 'consumer' }), run);
}

/** Puts an operation that comes over a WebSocket, where no request is its beginning, into a trace of its own. */
export function traceOperations(tracing: Tracing, answer: Answer): Answer {
  return ((request, arrival) => {
    const { requestId } = arrival.context;
    const span = tracing.start('WebSocket operation', undefined, {
      kind: 'server',
      attributes: { 'taskgraph.request.id': requestId },
    });
    return endWith(span, () => answer(request, arrival));
  }) as Answer;
}

/** Tells of a piece of work that has just ended. */
export function tellPhase(phase: string, durationMs: number): void {
  const parent = activeSpan();
  if (!parent) return;
  const now = Date.now();
  parent.child(`graphql ${phase}`, { startTime: now - durationMs }).end(now);
}
