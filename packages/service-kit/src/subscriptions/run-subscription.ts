import {
  createSourceEventStream,
  execute,
  type GraphQLError,
  type FormattedExecutionResult,
  type GraphQLFormattedError,
  type GraphQLSchema,
} from 'graphql';
import { endWith, type Span, type Tracing } from '../tracing/span.js';
import { toClientError, type ErrorContext } from '../graphql-errors.js';
import type { SubscriptionRequest } from './subscription-request.js';

/** What the `subscribe` function of a field yields: the root value of each event's execution. */
export interface SourceEvent {
  /** Under which the client may resume; null for what is told without having happened just now. */
  readonly eventId: string | null;
  /** Of what has caused the event. */
  readonly traceparent?: string | undefined;
}

/** The end of a subscription that could not be, or cannot go on; its errors are as the client may see them. */
export class SubscriptionFailure extends Error {
  constructor(readonly errors: readonly GraphQLFormattedError[]) {
    super(errors[0]?.message ?? 'the subscription failed');
    this.name = 'SubscriptionFailure';
  }
}

export interface SubscriptionRun {
  readonly schema: GraphQLSchema;
  readonly request: SubscriptionRequest;
  /** Makes the context of one execution: one for subscribing, and one for each event. */
  readonly createContext: () => Promise<unknown>;
  readonly errorContext: ErrorContext;
  /** Aborted when the client wants no more, and when the subscription has come to its end. */
  readonly over: AbortController;
  readonly onEvent: () => void;
  readonly tracing: Tracing | null;
}

/**
 * Runs a subscription: subscribes, and executes the operation on each source event, with a context of its own.
 *
 * An event of which nothing can be told (`data` is null: its root field is declared non-null and failed) ends the
 * subscription with its errors. So a viewer who has lost access hears no more, and a client that was cut off by a fault resumes
 * at the event before.
 *
 * Returning the generator aborts `over`, on which a source must end; the generator alone could not interrupt its wait.
 */
export function runSubscription(run: SubscriptionRun): AsyncGenerator<FormattedExecutionResult, void, void> {
  const generator = tellEvents(run);
  const end = generator.return.bind(generator);
  generator.return = (value) => {
    run.over.abort();
    return end(value);
  };
  return generator;
}

async function* tellEvents(run: SubscriptionRun): AsyncGenerator<FormattedExecutionResult, void, void> {
  const { schema, errorContext, over, request, createContext } = run;
  const args = {
    schema,
    document: request.document,
    operationName: request.operationName,
    variableValues: request.variables,
  };
  const format = (errors: readonly GraphQLError[]) =>
    errors.map((error) => toClientError(error.toJSON(), error, errorContext));
  try {
    const source = await createSourceEventStream({ ...args, contextValue: await createContext() });
    if (!(Symbol.asyncIterator in source)) throw new SubscriptionFailure(format(source.errors ?? []));
    for await (const event of source as AsyncIterable<SourceEvent>) {
      const { eventId } = event;
      const span = startEvent(run, event);
      const tell = async () => execute({ ...args, rootValue: event, contextValue: await createContext() });
      const result = await (span ? endWith(span, tell) : tell());
      const errors = result.errors && format(result.errors);
      if (result.data == null) throw new SubscriptionFailure(errors ?? []);
      run.onEvent();
      const extensions = {
        ...(eventId !== null && { eventId }),
        ...(span && { traceparent: span.traceparent }),
      };
      const isExtended = eventId !== null || span !== null;
      yield { data: result.data, ...(errors && { errors }), ...(isExtended && { extensions }) };
    }
  } catch (error) {
    // What breaks while it is being taken down is nobody's business any more.
    if (over.signal.aborted) return;
    if (error instanceof SubscriptionFailure) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new SubscriptionFailure([toClientError({ message, path: [request.field] }, error, errorContext)]);
  } finally {
    over.abort();
  }
}

/** Null for what nobody has traced. */
function startEvent({ tracing, request }: SubscriptionRun, { eventId, traceparent }: SourceEvent): Span | null {
  if (!tracing || traceparent === undefined) return null;
  const attributes = { 'graphql.field.name': request.field, 'taskgraph.event.id': eventId ?? undefined };
  return tracing.start(`live ${request.field}`, traceparent, { kind: 'producer', attributes });
}
