import type { GatewayGraphQLRequestMetrics } from '@apollo/server-gateway-interface';
import type { GraphQLFormattedError } from 'graphql';
import { conditionsOf } from './compile/conditions.js';
import type { CompiledOperation } from './compile/operation.js';
import { subgraphOf } from './execute/client-errors.js';
import { toPlanTrace, tracedErrors, type SubgraphTrace } from './plan-trace.js';
import { FieldTraces } from './request/field-traces.js';
import type { Log } from './request/log.js';

type Decode = (ftv1: string) => SubgraphTrace;

/** The traces of one request, from when it is known that they are wanted until they are reported. */
export class RunTraces {
  readonly fields = new FieldTraces();
  readonly #decode: Decode;
  readonly #log: Log;
  #operation: CompiledOperation | null = null;
  #conditions: ReadonlyMap<string, boolean> = new Map();

  constructor(decode: Decode, log: Log) {
    this.#decode = decode;
    this.#log = log;
  }

  /** What was run. */
  ran(operation: CompiledOperation, variables: Readonly<Record<string, unknown>>): void {
    this.#operation = operation;
    this.#conditions = conditionsOf(operation, variables);
  }

  /**
   * Gives Apollo's plugins the tree that they report.
   *
   * @returns the errors that are told in it
   */
  tell(metrics: GatewayGraphQLRequestMetrics): TracedErrors {
    const operation = this.#operation;
    if (!operation?.step) return NONE;
    const node = toPlanTrace(operation.step, {
      traces: this.fields,
      conditions: this.#conditions,
      rootType: operation.rootType,
      startedAt: metrics.startHrTime,
      decode: this.#decode,
      log: this.#log,
    });
    // Protobuf encodes an object of this shape as one of its own.
    metrics.queryPlanTrace = node as NonNullable<GatewayGraphQLRequestMetrics['queryPlanTrace']>;
    return tracedErrors(node);
  }
}

/** Response names of fields, by subgraph. */
type TracedErrors = ReadonlyMap<string, ReadonlySet<string>>;

const NONE: TracedErrors = new Map();

/**
 * Tells Apollo's plugins which errors are those of subgraphs, and in no trace.
 *
 * @param traced the errors that their traces tell of
 */
export function tellErrors(
  metrics: GatewayGraphQLRequestMetrics,
  errors: readonly GraphQLFormattedError[],
  traced: TracedErrors = NONE,
): void {
  const paths = errors.flatMap((error) => {
    const { path } = error;
    const subgraph = subgraphOf(error);
    if (subgraph === undefined) return [];
    const name = path?.findLast((step) => typeof step === 'string') ?? '';
    return traced.get(subgraph)?.has(String(name)) ? [] : [{ subgraph, path }];
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
