import type { GatewayGraphQLRequestMetrics } from '@apollo/server-gateway-interface';
import type { GraphQLFormattedError } from 'graphql';
import { conditionsOf } from './compile/conditions.js';
import type { Operation } from './compile/operation.js';
import { fullyTraced, toPlanTrace, type SubgraphTrace } from './plan-trace.js';
import { FieldTraces } from './request/field-traces.js';
import type { Log } from './request/log.js';

type Decode = (ftv1: string) => SubgraphTrace;

/** The traces of one request, from when it is known that they are wanted until they are reported. */
export class RunTraces {
  readonly fields = new FieldTraces();
  readonly #decode: Decode;
  readonly #log: Log;
  #operation: Operation | null = null;
  #conditions: ReadonlyMap<string, boolean> = new Map();

  constructor(decode: Decode, log: Log) {
    this.#decode = decode;
    this.#log = log;
  }

  /** What was run. */
  ran(operation: Operation, variables: Readonly<Record<string, unknown>>): void {
    this.#operation = operation;
    this.#conditions = conditionsOf(operation, variables);
  }

  /** Subgraphs that have told of their errors in their traces. */
  told(): ReadonlySet<string> {
    const step = this.#operation?.step;
    return step ? fullyTraced(step, this.fields) : NONE;
  }

  /** Gives Apollo's plugins the tree that they report. */
  tell(metrics: GatewayGraphQLRequestMetrics): void {
    const operation = this.#operation;
    if (!operation?.step) return;
    const node = toPlanTrace(operation.step, {
      traces: this.fields,
      conditions: this.#conditions,
      rootType: operation.rootType.name,
      startedAt: metrics.startHrTime,
      decode: this.#decode,
      log: this.#log,
    });
    // Protobuf encodes an object of this shape as one of its own.
    metrics.queryPlanTrace = node as NonNullable<GatewayGraphQLRequestMetrics['queryPlanTrace']>;
  }
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Tells Apollo's plugins which errors are those of subgraphs, and in no trace.
 *
 * @param told subgraphs whose errors are in their traces
 */
export function tellErrors(
  metrics: GatewayGraphQLRequestMetrics,
  errors: readonly GraphQLFormattedError[],
  told: ReadonlySet<string> = NONE,
): void {
  const paths = errors.flatMap(({ path, extensions }) => {
    const subgraph = extensions?.['subgraph'];
    return typeof subgraph === 'string' && !told.has(subgraph) ? [{ subgraph, path }] : [];
  });
  if (paths.length > 0) metrics.nonFtv1ErrorPaths = [...(metrics.nonFtv1ErrorPaths ?? []), ...paths];
}

let decoder: Promise<Decode | null> | null = null;

/** Null where Apollo's protobuf is not installed: traces could not be read. It is loaded when traces are first wanted. */
export async function openTraces(log: Log): Promise<RunTraces | null> {
  decoder ??= import('@apollo/usage-reporting-protobuf').then(
    ({ Trace }) =>
      (ftv1) =>
        Trace.decode(Buffer.from(ftv1, 'base64')),
    (error: unknown) => {
      log.warn({ err: error }, 'traces of fields cannot be reported without @apollo/usage-reporting-protobuf');
      return null;
    },
  );
  const decode = await decoder;
  return decode && new RunTraces(decode, log);
}
