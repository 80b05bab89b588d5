import { fromZero, type Log, type Metrics } from '@taskgraph/service-kit';
import { Fault } from '@taskgraph/federation-engine/upstream';
import type { FetchTelemetry } from '@taskgraph/federation-engine/internal/subgraphs/http-subgraph-client.js';
import type { SubgraphsTelemetry } from '@taskgraph/federation-engine/internal/subgraphs/subgraphs.js';
import type { OperationCache } from '@taskgraph/federation-engine/internal/compile/operation-cache.js';
import { tellPhase } from './traces.js';
import type { AnswerTelemetry } from './transports/http/answer.js';

/** Log line and counter together. Names of operations go to the log, never into labels: clients choose them. */
export interface GatewayTelemetry extends AnswerTelemetry, FetchTelemetry, SubgraphsTelemetry, SupergraphTelemetry {
  /** Of entities, or root fields, in the cache. */
  entitiesLookedUp(subgraph: string, hits: number, misses: number): void;
  /** An event has told what the cache must forget. */
  changeHeard(eventType: string): void;
  /** Of parsing, validating and planning an operation, which is done once. */
  phaseEnded(phase: 'parse' | 'validate' | 'plan', durationMs: number): void;
  /** An operation may cost more than it is allowed, as a whole or, where one is named, of one subgraph. */
  tooExpensive(subgraph: string | null): void;
  /** A request was refused before there was an operation: its body, its headers, its rate. */
  requestRefused(code: string): void;
  /** Of a request for a document that is not registered: refused, or only told. */
  unregisteredDocument(mode: 'enforce' | 'audit'): void;
  watchOperations(cache: () => OperationCache): void;
}

/** Of the process that plans for the supergraph and watches it. */
export interface SupergraphTelemetry {
  plannerRestarted(): void;
  supergraphReloaded(outcome: 'loaded' | 'refused' | 'unreachable'): void;
}

interface GatewayTelemetryOptions {
  readonly slowOperationMs: number;
  /** Whether an operation may be told by its name: clients choose names freely, and a label has few values. */
  readonly isKnownOperation: (name: string) => boolean;
  readonly log: Log;
}

/** The operations that are not known by name. */
const OTHER = 'other';
const LAYERS = new Map(
  Object.entries({
    transport: ['BAD_REQUEST', 'PERSISTED_QUERY_NOT_FOUND', 'PERSISTED_QUERY_NOT_SUPPORTED'],
    documents: ['OPERATION_REJECTED'],
    parse: ['GRAPHQL_PARSE_FAILED'],
    validate: ['GRAPHQL_VALIDATION_FAILED', 'BAD_USER_INPUT'],
    'rate limits': ['RATE_LIMITED'],
    costs: ['COST_ESTIMATED_TOO_EXPENSIVE'],
    authorization: ['UNAUTHENTICATED', 'FORBIDDEN', 'UNAUTHORIZED_FIELD_OR_TYPE'],
    load: ['UNAVAILABLE', 'DEADLINE_EXCEEDED'],
  }).flatMap(([layer, codes]) => codes.map((code) => [code, layer] as const)),
);
const layerOf = (code: string) => LAYERS.get(code) ?? OTHER;

/** Of errors that are the system's, not the client's. */
const SYSTEM_CODES: ReadonlySet<string> = new Set(['INTERNAL_SERVER_ERROR', 'UNAVAILABLE', 'DEADLINE_EXCEEDED']);
const COST_BUCKETS = [1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000, 100_000];
const CIRCUIT_VALUES = { closed: 0, half_open: 1, open: 2 } as const;

export function createGatewayTelemetry(
  metrics: Metrics,
  { slowOperationMs, isKnownOperation, log }: GatewayTelemetryOptions,
): GatewayTelemetry {
  const fetches = metrics.tallied(
    'taskgraph_gateway_subgraph_fetch_duration_seconds',
    'Time of one fetch from a subgraph.',
    ['subgraph', 'outcome'],
  );
  const operations = metrics.tallied(
    'taskgraph_gateway_operation_duration_seconds',
    'Time of one operation; those that are not known by name are one.',
    ['operation', 'type', 'outcome'],
  );
  const executions = metrics.tallied(
    'taskgraph_gateway_execute_duration_seconds',
    'Time of running the plan of an operation, with its fetches.',
    ['type'],
  );
  const refusals = metrics.counter(
    'taskgraph_gateway_refusals_total',
    'Operations that were not run, by what has refused them.',
    ['layer'],
  );
  const errors = metrics.counter('taskgraph_gateway_errors_total', 'Errors in answers to clients.', ['code']);
  const failures = metrics.counter(
    'taskgraph_gateway_failed_operations_total',
    'Operations with an error of the system in their answer, however many it has.',
  );
  const circuits = metrics.gauge(
    'taskgraph_gateway_circuit_state',
    'Circuit breaker of a subgraph: 0 closed, 1 half open, 2 open.',
    ['subgraph'],
    'max',
  );
  const costs = metrics.tallied(
    'taskgraph_gateway_operation_cost',
    'Cost of an operation: as estimated before, and the objects that its answer had.',
    ['kind'],
    COST_BUCKETS,
  );
  const expensive = metrics.counter(
    'taskgraph_gateway_operations_too_expensive_total',
    'Operations over the limit of costs, refused or only counted; the subgraph whose limit it is, or none.',
    ['subgraph'],
  );
  const unregistered = metrics.counter(
    'taskgraph_gateway_unregistered_documents_total',
    'Requests for documents that are not registered: refused (enforce) or only told (audit).',
    ['mode'],
  );
  const lookups = metrics.counter('taskgraph_gateway_entity_cache_lookups_total', 'Entities looked up in the cache.', [
    'subgraph',
    'outcome',
  ]);
  const changes = metrics.counter(
    'taskgraph_gateway_entity_cache_changes_total',
    'Events that told the entity cache what to forget.',
    ['type'],
  );
  const underWay = metrics.gauge('taskgraph_gateway_subgraph_fetches', 'Fetches of a subgraph: active or waiting.', [
    'subgraph',
    'state',
  ]);
  const compilations = metrics.histogram(
    'taskgraph_gateway_compile_duration_seconds',
    'Time of parsing, validating or planning one operation, each of which is done once.',
    ['phase'],
  );
  fromZero(refusals, 'layer', new Set([...LAYERS.values(), OTHER]));
  fromZero(unregistered, 'mode', ['enforce', 'audit']);
  const cached = metrics.gauge('taskgraph_gateway_operation_cache_bytes', 'Estimated memory of compiled operations.');
  return {
    startFetch(subgraph) {
      const startedAt = performance.now();
      return (outcome) => fetches.observe((performance.now() - startedAt) / 1000, subgraph, outcome);
    },
    operationFinished(
      { requestId, identity, signal },
      { name, type, durationMs, executeMs, errorCodes, isRefused, cost, plan },
    ) {
      // A client whose time is up, or that was refused, is told so; one that has left is told nothing, and nothing is wrong.
      const hasLeft = signal.aborted && !(signal.reason instanceof Fault);
      const outcome = hasLeft ? 'aborted' : errorCodes.length > 0 ? 'error' : 'ok';
      operations.observe(durationMs / 1000, name !== null && isKnownOperation(name) ? name : OTHER, type, outcome);
      if (executeMs !== null) executions.observe(executeMs / 1000, type);
      const [refusedWith] = isRefused ? errorCodes : [];
      if (refusedWith !== undefined) refusals.inc({ layer: layerOf(refusedWith) });
      if (cost) {
        costs.observe(cost.estimated, 'estimated');
        costs.observe(cost.actual, 'actual');
      }
      if (!hasLeft) for (const code of errorCodes) errors.inc({ code });
      if (!hasLeft && errorCodes.some((code) => SYSTEM_CODES.has(code))) failures.inc();
      const isSlow = durationMs >= slowOperationMs && !hasLeft;
      if (!isSlow && !log.isLevelEnabled('info')) return;
      // A log of the request's own would be made for this line alone.
      const facts = {
        requestId,
        ...(identity.kind === 'accepted' && { userId: identity.viewer.userId }),
        operation: name,
        type,
        outcome,
        durationMs: Math.round(durationMs * 10) / 10,
        ...(errorCodes.length > 0 && { errorCodes: [...new Set(errorCodes)] }),
      };
      if (isSlow) log.warn({ ...facts, cost, plan: plan() }, 'slow operation');
      else log.info(facts, 'operation');
    },
    requestRefused(code) {
      refusals.inc({ layer: layerOf(code) });
    },
    circuitJudged(subgraph, verdict, reason) {
      metrics.circuitVerdicts.inc({ subgraph, verdict, reason });
    },
    entitiesLookedUp(subgraph, hits, misses) {
      if (hits > 0) lookups.inc({ subgraph, outcome: 'hit' }, hits);
      if (misses > 0) lookups.inc({ subgraph, outcome: 'miss' }, misses);
    },
    changeHeard(type) {
      changes.inc({ type });
    },
    phaseEnded(phase, durationMs) {
      compilations.observe({ phase }, durationMs / 1000);
      tellPhase(phase, durationMs);
    },
    watchOperations(cache) {
      (cached as unknown as { collect: () => void }).collect = () => cached.set(cache().bytes());
    },
    tooExpensive(subgraph) {
      expensive.inc({ subgraph: subgraph ?? '' });
    },
    unregisteredDocument(mode) {
      unregistered.inc({ mode });
    },
    ...createSupergraphTelemetry(metrics),
    subgraphGone(subgraph) {
      for (const metric of [fetches, lookups]) void forgetSeries(metric, 'subgraph', subgraph);
      void forgetSeries(metrics.circuitVerdicts, 'subgraph', subgraph);
    },
    watchSubgraphs(subgraphs) {
      (circuits as unknown as { collect: () => void }).collect = () => {
        circuits.reset();
        underWay.reset();
        for (const { upstream, limit } of subgraphs()) {
          const subgraph = upstream.name;
          circuits.set({ subgraph }, CIRCUIT_VALUES[upstream.circuit()]);
          underWay.set({ subgraph, state: 'active' }, limit.active());
          underWay.set({ subgraph, state: 'waiting' }, limit.waiting());
        }
      };
    },
  };
}

export function createSupergraphTelemetry(metrics: Metrics): SupergraphTelemetry {
  const plannerRestarts = metrics.counter(
    'taskgraph_gateway_planner_restarts_total',
    'Times that the thread that plans had to be replaced.',
  );
  const reloads = metrics.counter(
    'taskgraph_gateway_supergraph_reloads_total',
    'New versions of the supergraph file.',
    ['outcome'],
  );
  fromZero(reloads, 'outcome', ['ok', 'refused', 'unreachable']);
  return {
    plannerRestarted() {
      plannerRestarts.inc();
    },
    supergraphReloaded(outcome) {
      reloads.inc({ outcome: outcome === 'loaded' ? 'ok' : outcome });
    },
  };
}

/** What a metric has counted under one value of a label. */
async function forgetSeries(metric: CountedMetric, label: string, value: string): Promise<void> {
  const { values } = await metric.get();
  for (const { labels } of values) {
    const { le: _bucket, ...own } = labels;
    if (labels[label] === value) metric.remove(own);
  }
}

interface CountedMetric {
  get(): Promise<{ values: ReadonlyArray<{ labels: Partial<Record<string, string | number>> }> }>;
  remove(labels: Partial<Record<string, string | number>>): void;
}
