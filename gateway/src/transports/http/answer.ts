import { isErrorCode } from '@taskgraph/contracts';
import { activeSpan, traced, type Standing } from '@taskgraph/service-kit';
import { OperationTypeNode, type GraphQLFormattedError } from 'graphql';
import type { ClientLimits } from '../../admission/client-limits.js';
import type { DemandControl } from '../../admission/demand-control.js';
import { isAdministrator } from '../../identity/is-administrator.js';
import { toMissingViewer } from '../../identity/not-signed-in.js';
import type { PersistedQueries } from '../../admission/persisted-queries.js';
import type { RecordUsage } from '../../usage/usage-recorder.js';
import { writeCacheControl } from '@taskgraph/federation-engine/internal/subgraphs/cache-policy.js';
import {
  clientOf,
  type OperationContext,
  type OverrideLabels,
} from '@taskgraph/federation-engine/internal/request/context.js';
import type { ClientErrors } from '@taskgraph/federation-engine/internal/execute/client-errors.js';
import type { OperationResult } from '@taskgraph/federation-engine/internal/execute/operation-result.js';
import { findUploads } from '@taskgraph/federation-engine/internal/subgraphs/multipart-body.js';
import { renderBody } from '@taskgraph/federation-engine/internal/execute/render-body.js';
import { runOperation } from '@taskgraph/federation-engine/internal/execute/run-operation.js';
import type { SubgraphClient } from '@taskgraph/federation-engine/internal/subgraphs/subgraph-client.js';
import type { Authorization } from '@taskgraph/federation-engine/internal/compile/viewer-authorization.js';
import type { Operation } from '@taskgraph/federation-engine/internal/compile/operation.js';
import type { OperationCache } from '@taskgraph/federation-engine/internal/compile/operation-cache.js';
import type { OperationFacts } from '@taskgraph/federation-engine/internal/compile/valid-operation.js';
import { planText, planTextForLogs } from '@taskgraph/federation-engine/internal/compile/plan/plan-text.js';
import {
  badRequest,
  defect,
  Refusal,
  refusalOf,
  toRefusal,
} from '@taskgraph/federation-engine/internal/request/refusal.js';
import { evaluateCosts } from '@taskgraph/federation-engine/internal/compile/cost/subgraph-costs.js';
import {
  readLastEventId,
  type SubscriptionRequest,
} from '@taskgraph/federation-engine/internal/live/subscription-request.js';
import type { Accepted } from './accept.js';
import type { GraphQLRequest } from '@taskgraph/federation-engine/internal/request/graphql-request.js';
import { statusOf } from './refusal-status.js';
import { renderRest } from '@taskgraph/federation-engine/internal/execute/render-rest.js';
import { checkVariables } from '@taskgraph/federation-engine/internal/compile/check-variables.js';
import { renderFirst } from '@taskgraph/federation-engine/internal/execute/render-parts.js';
import { deadlineExceeded, untilDeadline } from '@taskgraph/federation-engine/internal/request/deadline.js';
import type { OperationReply } from './reply.js';

interface AnsweredOperation {
  readonly name: string | null;
  readonly type: 'query' | 'mutation' | 'subscription' | 'unknown';
  readonly durationMs: number;
  /** Of running its plan; null for what was not run. */
  readonly executeMs: number | null;
  readonly errorCodes: readonly string[];
  /** Whether it was not run. */
  readonly isRefused: boolean;
  /** In objects; null for what was not executed. */
  readonly cost: { readonly estimated: number; readonly actual: number } | null;
  /** For the log of slow operations. */
  readonly plan: () => string | null;
}

/** Is told of every operation that is answered. */
export interface AnswerTelemetry {
  operationFinished(context: OperationContext, facts: AnsweredOperation): void;
}

export interface AnswerOptions {
  readonly operations: () => OperationCache;
  readonly persistedQueries: PersistedQueries;
  readonly overrideLabels: OverrideLabels;
  readonly authorization: Authorization;
  readonly demand: DemandControl;
  readonly limits: Pick<ClientLimits, 'arrive' | 'admit' | 'headers'>;
  readonly client: SubgraphClient;
  readonly clientErrors: ClientErrors;
  readonly telemetry: AnswerTelemetry;
  /** Counts which client asks for what; absent where nobody wants to know. */
  readonly recordUsage?: RecordUsage | undefined;
  /** Whether nothing is told of the schema but what is asked for by its names. */
  readonly hideSuggestions: boolean;
  readonly operationTimeoutMs: number;
  readonly uploadTimeoutMs: number;
}

export interface Arrival {
  readonly method: 'GET' | 'POST';
  /** Whether files may be among the variables. */
  readonly multipart: boolean;
  /** Of a request with files, as far as it says; 0 of others. */
  readonly bytes?: number | undefined;
  readonly accepted: Accepted;
  /** Set where the client can be sent any number of results. */
  readonly streams: {
    /** Of the header of that name. */
    readonly lastEventId: string | undefined;
  } | null;
  /** The form in which the answer shows its plan, for a viewer who may see it; null for all others. */
  readonly showsPlan: PlanFormat | null;
  readonly context: OperationContext;
}

export type PlanFormat = 'prettified' | 'internal';

/** Answers one GraphQL request; to a subscription, with what it takes to run it. Never throws. */
export interface Answer {
  (request: GraphQLRequest | Refusal, arrival: Arrival & { readonly streams: null }): Promise<OperationReply>;
  (request: GraphQLRequest | Refusal, arrival: Arrival): Promise<OperationReply | SubscriptionRequest>;
}

const NO_HEADERS: Readonly<Record<string, string>> = {};
const NO_DATA = () => null;

/** Creates the stage between HTTP and the engine: what to run, whether it may run, and what the client is told. */
export function createAnswer(options: AnswerOptions): Answer {
  const { telemetry } = options;

  function admit(request: GraphQLRequest, arrival: Arrival, seen: Seen): Admitted | Promise<Admitted> {
    const text = options.persistedQueries.resolve(request);
    const holds = options.overrideLabels(arrival.context);
    const found = options.operations().get(text, request.operationName, holds, {
      admit: (operation) => admitOperation(operation, request, arrival, seen),
      unmet: (operation) => options.authorization.unmet(operation, request.variables, arrival.context),
      client: clientOf(arrival.context),
    });
    const finish = (operation: Operation): Admitted => {
      seen.operation = operation;
      // What the plan asks of each subgraph has to be within its limits.
      options.demand.admitPlan(operation, request.variables);
      return { operation, text };
    };
    // Known operations are not put off by a turn.
    return found instanceof Promise ? found.then(finish) : finish(found);
  }

  /** Decides before the operation is planned: what is refused costs no plan. */
  function admitOperation(operation: OperationFacts, request: GraphQLRequest, arrival: Arrival, seen: Seen): void {
    seen.facts = operation;
    options.persistedQueries.keep(request);
    const isStream = operation.type === OperationTypeNode.SUBSCRIPTION;
    if (isStream && !arrival.streams) throw refusalOf('OPERATION_REJECTED', [{ message: NO_STREAM }]);
    if (arrival.method === 'GET' && operation.type !== OperationTypeNode.QUERY && !isStream)
      throw badRequest('GET requests are for queries only.', 405, { allow: 'POST' });
    if (arrival.multipart && operation.type !== OperationTypeNode.MUTATION && findUploads(request.variables).length > 0)
      throw badRequest('Files are uploaded by mutations only.');
    checkVariables(operation, request.variables, options);
    seen.estimatedCost = options.demand.admit(operation, request.variables);
    const { type, rootFields } = operation;
    const files = arrival.multipart ? findUploads(request.variables).length : 0;
    const { bytes = 0, context } = arrival;
    const demand = { type, rootFields, cost: seen.estimatedCost, files, bytes };
    options.limits.admit(demand, context, seen.standings);
  }

  function execute(operation: Operation, request: GraphQLRequest, arrival: Arrival): Promise<OperationResult> {
    const { context } = arrival;
    const run = () =>
      runOperation(operation.compiled, {
        variables: request.variables,
        context,
        client: options.client,
        signal: context.signal,
        incremental: arrival.accepted.incremental !== null,
      });
    return activeSpan() === null ? run() : traced('graphql execute', undefined, run);
  }

  /** Of the whole operation: its planning, and all its parts. Returns what ends the watch. */
  function watchDeadline({ multipart, context }: Arrival): () => void {
    const timeoutMs = multipart
      ? Math.max(options.operationTimeoutMs, options.uploadTimeoutMs)
      : options.operationTimeoutMs;
    const timer = setTimeout(() => context.cancel(deadlineExceeded(timeoutMs)), timeoutMs);
    return () => clearTimeout(timer);
  }

  async function answer(
    request: GraphQLRequest | Refusal,
    arrival: Arrival,
  ): Promise<OperationReply | SubscriptionRequest> {
    const startedAt = performance.now();
    const { context, accepted } = arrival;
    const seen: Seen = {
      executeMs: null,
      facts: null,
      estimatedCost: null,
      operation: null,
      result: null,
      standings: [],
    };
    const endWatch = watchDeadline(arrival);
    const finish = (errors: readonly GraphQLFormattedError[], isRefused = false) => {
      endWatch();
      activeSpan()?.set({
        'graphql.operation.name': seen.facts?.name ?? undefined,
        'graphql.operation.type': seen.facts?.type,
        'taskgraph.errors': errors.length,
      });
      telemetry.operationFinished(context, {
        name: seen.facts?.name ?? null,
        type: seen.facts?.type ?? 'unknown',
        durationMs: performance.now() - startedAt,
        executeMs: seen.executeMs,
        isRefused,
        errorCodes: errors.length === 0 ? NO_CODES : errors.map(codeOf),
        cost: costOf(seen),
        plan: () => seen.operation && planTextForLogs(seen.operation.plan),
      });
    };
    try {
      seen.standings = options.limits.arrive(context);
      if (request instanceof Refusal) throw request;
      const admitted = admit(request, arrival, seen);
      const { operation, text } =
        admitted instanceof Promise ? await untilDeadline(admitted, context.signal) : admitted;
      options.recordUsage?.(operation.base, context);
      if (operation.type === OperationTypeNode.SUBSCRIPTION) {
        const subscription = toSubscription(request, arrival, { operation, text });
        endWatch();
        return subscription;
      }
      const executedAt = performance.now();
      const result = await execute(operation, request, arrival);
      seen.executeMs = performance.now() - executedAt;
      seen.result = result;
      const extensions = renderExtensions(arrival, request, operation, costOf(seen));
      const errors = options.clientErrors.ofResult(result, context);
      const { rest } = result;
      if (rest) {
        const format = accepted.incremental ?? 'deferSpec=20220824';
        const parts = renderRest(rest, {
          clientErrors: options.clientErrors,
          context,
          format,
          onEnd: (later) => finish([...errors, ...later]),
        });
        return {
          kind: 'reply',
          status: 200,
          headers: options.limits.headers(seen.standings),
          body: renderBody(result.data, errors, extensions + renderFirst(rest.pending, format)),
          data: result.value,
          errors,
          refusal: null,
          rest: parts,
        };
      }
      finish(errors);
      return {
        kind: 'reply',
        status: 200,
        headers: {
          ...(errors.length > 0 ? retryAfter(errors) : cacheControl(result)),
          ...options.limits.headers(seen.standings),
        },
        body: renderBody(result.data, errors, extensions),
        data: result.value,
        errors,
        isAscii: result.isAscii && errors.length === 0 && extensions === '',
        refusal: null,
        rest: null,
      };
    } catch (error) {
      const refusal = defect(error, context);
      finish(refusal.errors, true);
      const status = refusal.ofTransport || accepted.readsStatus ? statusOf(refusal) : 200;
      return {
        kind: 'reply',
        status,
        headers: { ...options.limits.headers(seen.standings), ...refusal.headers },
        body: renderBody(null, refusal.errors),
        data: NO_DATA,
        errors: refusal.errors,
        refusal: refusal.errors,
        rest: null,
      };
    }
  }
  return answer as Answer;
}

/** @throws Refusal for a token that is not taken: the subscription would end before its first event */
function toSubscription(
  { operationName, variables, extensions }: GraphQLRequest,
  { context, streams }: Arrival,
  { operation, text }: Admitted,
): SubscriptionRequest {
  const { identity } = context;
  if (identity.kind === 'refused') throw toRefusal(toMissingViewer(identity));
  const lastEventId = readLastEventId(extensions, streams?.lastEventId);
  const { overrideLabels } = context;
  return { kind: 'subscription', operation, text, operationName, overrideLabels, variables, lastEventId };
}

/** What a client, or a cache on the way, may keep: the least of what the subgraphs say. */
function cacheControl({ cachePolicy }: OperationResult): Readonly<Record<string, string>> {
  if (!cachePolicy) return NO_HEADERS;
  const vary = cachePolicy.audience === 'EVERYBODY' ? 'accept' : 'accept, authorization';
  return { 'cache-control': writeCacheControl(cachePolicy, Date.now()), vary };
}

/** Tells clients when to come again, where a subgraph's load was shed. */
function retryAfter(errors: readonly GraphQLFormattedError[]): Readonly<Record<string, string>> {
  const seconds = errors.flatMap(({ extensions }) => {
    const given = extensions?.['retryAfter'];
    return typeof given === 'number' ? [given] : [];
  });
  return seconds.length === 0 ? NO_HEADERS : { 'retry-after': String(Math.max(...seconds)) };
}

const NO_STREAM =
  'Subscriptions are served over WebSocket (graphql-transport-ws), as multipart/mixed;subscriptionSpec="1.0" and as text/event-stream.';

interface Admitted {
  readonly operation: Operation;
  readonly text: string;
}

interface Seen {
  executeMs: number | null;
  facts: OperationFacts | null;
  /** Null while it is not known, and where costs are not estimated. */
  estimatedCost: number | null;
  operation: Operation | null;
  result: OperationResult | null;
  /** With limits of rates, as far as they were looked at. */
  standings: Standing[];
}

function costOf({ estimatedCost, result }: Seen) {
  if (estimatedCost === null || !result) return null;
  return { estimated: estimatedCost, actual: Math.max(0, result.objects - ROOT) };
}

/** What is told to those who ask for it and may see it: the plan, which explorers draw, and what the operation costs. */
function renderExtensions(
  { showsPlan, context: { identity } }: Arrival,
  { extensions, variables }: GraphQLRequest,
  operation: Operation,
  cost: ReturnType<typeof costOf>,
): string {
  const showsCost = extensions['cost'] === true && isAdministrator(identity) && cost !== null;
  if (!showsPlan && !showsCost) return '';
  const shown = {
    ...(showsPlan && {
      __queryPlanExperimental: showsPlan === 'internal' ? operation.plan : planText(operation.plan),
    }),
    ...(showsCost && { cost: { ...cost, subgraphs: evaluateCosts(operation.subgraphCosts, variables) } }),
  };
  return `,"extensions":${JSON.stringify(shown)}`;
}

/** The root of the answer is free. */
const ROOT = 1;

const NO_CODES: readonly string[] = [];

function codeOf({ extensions }: GraphQLFormattedError): string {
  const code = extensions?.['code'];
  return isErrorCode(code) ? code : 'OTHER';
}
