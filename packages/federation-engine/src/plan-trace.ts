import { clientName } from './compile/plan/client-names.js';
import type { FetchStep, PathStep, Step } from './compile/plan/steps.js';
import type { FieldTraces, TracedFetch } from './request/field-traces.js';
import type { Log } from './request/log.js';

/** A moment, as protobuf has it. */
interface Timestamp {
  readonly seconds: number;
  readonly nanos: number;
}

/** `Trace.QueryPlanNode.FetchNode` of Apollo's usage reports. */
interface FetchNode {
  readonly serviceName: string;
  readonly traceParsingFailed: boolean;
  readonly trace?: SubgraphTrace;
  /** Nanoseconds since the request began. */
  readonly sentTimeOffset?: number;
  readonly sentTime?: Timestamp;
  readonly receivedTime?: Timestamp;
}

/** `Trace.QueryPlanNode`: each is one of these. */
export interface PlanNode {
  readonly fetch?: FetchNode;
  readonly sequence?: { readonly nodes: readonly PlanNode[] };
  readonly parallel?: { readonly nodes: readonly PlanNode[] };
  readonly flatten?: { readonly responsePath: ReadonlyArray<{ readonly fieldName: string }>; readonly node: PlanNode };
  readonly condition?: { readonly condition: string; readonly ifClause?: PlanNode; readonly elseClause?: PlanNode };
}

/** `Trace`, as far as it is looked into. */
export interface SubgraphTrace {
  readonly root?:
    (TracedField & { readonly child?: Array<TracedField & { parentType?: string | null }> | null }) | null;
}

export interface PlanTraceOptions {
  readonly traces: FieldTraces;
  readonly conditions: ReadonlyMap<string, boolean>;
  /** The type of the operation's root: subgraphs may call theirs otherwise. */
  readonly rootType: string;
  /** When the request began, as `process.hrtime` has it; undefined where nobody knows. */
  readonly startedAt: readonly [number, number] | undefined;
  /** Reads what a subgraph has sent. @throws when it is none */
  readonly decode: (ftv1: string) => SubgraphTrace;
  readonly log: Log;
}

/** Tells of one run of a plan as Apollo's gateway does: the plan, and in it what subgraphs have told of their fields. */
export function toPlanTrace(plan: Step, options: PlanTraceOptions): PlanNode {
  const { traces, conditions } = options;

  function toNode(step: Step): PlanNode {
    switch (step.kind) {
      case 'fetch':
        return inPath(step.path, fetchNode(step));
      case 'sequence':
        return { sequence: { nodes: step.steps.map(toNode) } };
      case 'parallel':
        return { parallel: { nodes: step.steps.map(toNode) } };
      case 'condition': {
        const { variable: condition, ifTrue, ifFalse } = step;
        if (conditions.get(condition) === true)
          return { condition: { condition, ...(ifTrue && { ifClause: toNode(ifTrue) }) } };
        return { condition: { condition, ...(ifFalse && { elseClause: toNode(ifFalse) }) } };
      }
      case 'defer': {
        const parts = [step.primary.step, ...step.deferred.map((part) => part.step)];
        return { sequence: { nodes: parts.flatMap((part) => (part ? toNode(part) : [])) } };
      }
    }
  }

  function fetchNode(step: FetchStep): PlanNode {
    const { fetches } = traces.of(step);
    const [only] = fetches;
    if (!only) return { fetch: { serviceName: step.subgraph, traceParsingFailed: false } };
    if (fetches.length === 1) return { fetch: toFetch(step.subgraph, only, options) };
    return { parallel: { nodes: fetches.map((fetch) => ({ fetch: toFetch(step.subgraph, fetch, options) })) } };
  }

  return toNode(plan);
}

/** A node of a trace, as far as errors are looked for. */
interface TracedField {
  readonly responseName?: string | null;
  readonly error?: readonly unknown[] | null;
  readonly child?: readonly TracedField[] | null;
}

/** Response names of the fields whose errors are told in the traces of a plan, by subgraph. */
export function tracedErrors(plan: PlanNode): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  const plans = [plan];
  for (let node = plans.pop(); node; node = plans.pop()) {
    const { sequence, parallel, flatten, condition, fetch } = node;
    const inner = [flatten?.node, condition?.ifClause, condition?.elseClause].filter((each) => each !== undefined);
    plans.push(...(sequence?.nodes ?? []), ...(parallel?.nodes ?? []), ...inner);
    if (!fetch?.trace?.root) continue;
    const names = found.get(fetch.serviceName) ?? new Set<string>();
    found.set(fetch.serviceName, names);
    // By name and not by path: a subgraph's begins elsewhere, and one entity may stand at several places.
    const fields: Array<{ field: TracedField; name: string }> = [{ field: fetch.trace.root, name: '' }];
    for (let next = fields.pop(); next; next = fields.pop()) {
      const { field } = next;
      // Items of lists have an index in the place of a name.
      const name = field.responseName ? clientName(field.responseName) : next.name;
      if (field.error && field.error.length > 0) names.add(name);
      for (const child of field.child ?? []) fields.push({ field: child, name });
    }
  }
  return found;
}

function toFetch(subgraph: string, fetch: TracedFetch, options: PlanTraceOptions): FetchNode {
  const { sentAt, sentTime, receivedTime } = fetch;
  // Null and no text are what a subgraph says that traces nothing.
  const ftv1 = fetch.ftv1 === null || fetch.ftv1 === '' ? undefined : fetch.ftv1;
  const { startedAt } = options;
  const trace = ftv1 === undefined ? undefined : read(subgraph, ftv1, options);
  return {
    serviceName: subgraph,
    traceParsingFailed: trace === null,
    ...(trace && { trace }),
    ...(startedAt && { sentTimeOffset: nanosBetween(startedAt, sentAt) }),
    sentTime: toTimestamp(sentTime),
    ...(receivedTime !== null && { receivedTime: toTimestamp(receivedTime) }),
  };
}

/** Null for what is no trace. */
function read(subgraph: string, ftv1: unknown, { decode, rootType, log }: PlanTraceOptions): SubgraphTrace | null {
  try {
    if (typeof ftv1 !== 'string') throw new TypeError('ftv1 is no text');
    const trace = decode(ftv1);
    for (const child of trace.root?.child ?? []) child.parentType = rootType;
    return trace;
  } catch (error) {
    log.warn({ err: error, subgraph }, 'the trace of a subgraph cannot be read');
    return null;
  }
}

function inPath(path: readonly PathStep[], node: PlanNode): PlanNode {
  if (path.length === 0) return node;
  const responsePath = path.flatMap((step) => {
    if (step.kind === 'type') return [];
    return { fieldName: step.kind === 'items' ? '@' : clientName(step.name) };
  });
  return { flatten: { responsePath, node } };
}

function nanosBetween([seconds, nanos]: readonly [number, number], later: readonly [number, number]): number {
  return (later[0] - seconds) * 1e9 + (later[1] - nanos);
}

function toTimestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: (ms - seconds * 1000) * 1e6 };
}
