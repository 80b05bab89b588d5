import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { OperationTypeNode, type ExecutionResult, type GraphQLFormattedError, type GraphQLSchema } from 'graphql';
import { checkVariables } from './compile/check-variables.js';
import type { Operation } from './compile/operation.js';
import { planText } from './compile/plan/plan-text.js';
import type { EngineOptions } from './engine-options.js';
import { createEngineParts, type EngineParts } from './engine-parts.js';
import { iterateEvents } from './event-iterator.js';
import { renderBody, toBody } from './execute/render-body.js';
import { firstMembers, renderFirst, type PartsFormat } from './execute/render-parts.js';
import { renderRest } from './execute/render-rest.js';
import { runOperation } from './execute/run-operation.js';
import { toCredentials } from './live/credentials.js';
import { clientOf, type Identity, type OperationContext } from './request/context.js';
import { deadlineExceeded, untilDeadline } from './request/deadline.js';
import { Fault } from './request/fault.js';
import { SILENT } from './request/log.js';
import { badRequest, defect, refusalOf, toRefusal } from './request/refusal.js';
import { forOne, writeCacheControl } from './subgraphs/cache-policy.js';

/** Headers of a client's request: a record by lower-case names, as Node gives them, or anything with `get`. */
export type ClientHeaders =
  Readonly<Record<string, string | readonly string[] | undefined>> | { get(name: string): string | null | undefined };

export interface EngineRequest {
  readonly query: string;
  readonly operationName?: string | null | undefined;
  readonly variables?: Readonly<Record<string, unknown>> | null | undefined;
  /** Authorization goes on to subgraphs; others where `onFetch` says so. */
  readonly headers?: ClientHeaders | null | undefined;
  /** Aborts when the client goes away. */
  readonly signal?: AbortSignal | undefined;
  /** Who asks, where the host knows; without it, subgraphs find out. */
  readonly identity?: Identity | undefined;
  /** Where the client is: those who are not known take turns by it. */
  readonly address?: string | undefined;
  /** Goes on to subgraphs as `x-request-id`. */
  readonly requestId?: string | undefined;
  /** In which form the client reads what `@defer` puts off; without it, it gets everything at once. */
  readonly incremental?: PartsFormat | undefined;
  /** Of a subscription: the last event that its client has. */
  readonly lastEventId?: string | null | undefined;
}

export interface EngineResult {
  /** The response as JSON text. */
  readonly body: string;
  readonly errors: readonly GraphQLFormattedError[];
  /** Further parts of an incremental answer, each as JSON text; null when this is all. */
  readonly parts: AsyncIterable<string> | null;
  /** The value of a `Cache-Control` header, as subgraphs allow; null for what is no query. */
  readonly cacheControl: string | null;
  /** Whether the operation ran; if not, `errors` say why. */
  readonly isExecuted: boolean;
  /** The body as a value, which is made of the data and not of the text. */
  toJSON(): ExecutionResult<Record<string, unknown>, Record<string, unknown>>;
}

export interface Engine {
  /** Runs a query or a mutation. Never throws: whatever goes wrong is in the result. */
  execute(request: EngineRequest): Promise<EngineResult>;
  /** Runs a subscription; ends when its source does, or whoever reads it returns. Never throws: a refusal is its only result. */
  subscribe(request: EngineRequest): AsyncIterableIterator<EngineResult>;
  /** The plan of an operation, as people read it. @throws Refusal */
  explain(request: EngineRequest): Promise<string>;
  /** What clients see, in the version that serves. */
  readonly schema: () => GraphQLSchema;
  readonly parts: EngineParts;
  close(): Promise<void>;
}

const OPERATION_TIMEOUT_MS = 30_000;

/**
 * Starts an engine for a Federation 2 supergraph.
 *
 * @throws when the supergraph cannot be read or served
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const parts = createEngineParts(options);
  try {
    await parts.start();
  } catch (error) {
    await parts.close();
    throw error;
  }
  return toEngine(parts, options);
}

/** An engine made of parts that have been started. */
export function toEngine(parts: EngineParts, options: EngineOptions): Engine {
  const { log = SILENT, operationTimeoutMs = OPERATION_TIMEOUT_MS, introspection = true } = options;

  async function admit(request: EngineRequest, context: OperationContext): Promise<Operation> {
    const variables = request.variables ?? {};
    if (typeof request.query !== 'string') throw badRequest('`query` is not a text.');
    return parts.operations().get(request.query, request.operationName ?? undefined, parts.overrideLabels(context), {
      admit: (facts) => checkVariables(facts, variables, { hideSuggestions: !introspection }),
      unmet: (facts) => parts.authorization.unmet(facts, variables, context),
      client: clientOf(context),
    });
  }

  async function run(request: EngineRequest, context: OperationContext): Promise<EngineResult> {
    const operation = await untilDeadline(admit(request, context), context.signal);
    if (operation.type === OperationTypeNode.SUBSCRIPTION)
      throw refusalOf('OPERATION_REJECTED', [{ message: 'A subscription is run by `subscribe`.' }]);
    const { incremental } = request;
    const result = await runOperation(operation, {
      variables: request.variables ?? {},
      context,
      client: parts.client,
      signal: context.signal,
      incremental: incremental !== undefined,
    });
    const errors = parts.clientErrors.ofResult(result, context);
    if (result.rest && incremental) {
      const { clientErrors } = parts;
      const rest = renderRest(result.rest, { clientErrors, context, format: incremental, onEnd: () => undefined });
      const { pending } = result.rest;
      return toResult(renderBody(result.data, errors, renderFirst(pending, incremental)), {
        errors,
        parts: rest,
        members: () => ({ data: result.value(), ...firstMembers(pending, incremental) }),
      });
    }
    const isQuery = operation.type === OperationTypeNode.QUERY && errors.length === 0;
    const kept = isQuery ? result.cachePolicy : null;
    const policy = kept && operation.secured.length > 0 ? forOne(kept) : kept;
    return toResult(renderBody(result.data, errors), {
      errors,
      members: () => ({ data: result.value() }),
      cacheControl: isQuery ? writeCacheControl(policy, Date.now()) : null,
    });
  }

  function toContext(request: EngineRequest): { readonly context: OperationContext; readonly end: () => void } {
    const cancel = new AbortController();
    // One for each fetch.
    setMaxListeners(0, cancel.signal);
    const { signal, headers, identity = { kind: 'unverified' }, requestId = randomUUID(), address } = request;
    const onAbort = () => cancel.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => cancel.abort(deadlineExceeded(operationTimeoutMs)), operationTimeoutMs);
    const clientHeader = (name: string) => readHeader(headers, name);
    return {
      context: {
        requestId,
        log,
        identity,
        address,
        authorization: clientHeader('authorization'),
        clientHeader,
        signal: cancel.signal,
        cancel: (reason) => cancel.abort(reason),
      },
      end() {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      },
    };
  }

  /** What is no request at all is refused as well. */
  function begin(request: EngineRequest): ReturnType<typeof toContext> | EngineResult {
    try {
      return toContext(request);
    } catch (error) {
      return refused(error, { log, requestId: randomUUID() });
    }
  }

  return {
    async execute(request) {
      const begun = begin(request);
      if ('errors' in begun) return begun;
      const { context, end } = begun;
      try {
        const result = await run(request, context);
        if (result.parts === null) end();
        return result.parts === null ? result : { ...result, parts: endWith(result.parts, end) };
      } catch (error) {
        end();
        return refused(error, context);
      }
    },
    async *subscribe(request) {
      const begun = begin(request);
      if ('errors' in begun) {
        yield begun;
        return;
      }
      const { context, end } = begun;
      let operation;
      try {
        operation = await untilDeadline(admit(request, context), context.signal);
        if (operation.type !== OperationTypeNode.SUBSCRIPTION)
          throw refusalOf('OPERATION_REJECTED', [{ message: 'This is no subscription: run it by `execute`.' }]);
      } catch (error) {
        yield refused(error, context);
        return;
      } finally {
        end();
      }
      const credentials = toCredentials(context);
      const events = iterateEvents({
        subscriptions: parts.subscriptions,
        request: {
          kind: 'subscription',
          operation,
          text: request.query,
          operationName: request.operationName ?? undefined,
          overrideLabels: context.overrideLabels,
          variables: request.variables ?? {},
          lastEventId: request.lastEventId ?? null,
        },
        requestId: context.requestId,
        address: context.address ?? '',
        credentials,
        clientHeader: context.clientHeader,
        signal: request.signal,
      });
      try {
        for await (const { body, errors, members } of events) yield toResult(body, { errors, members });
      } catch (error) {
        yield refused(error, context);
      }
    },
    async explain(request) {
      const { context, end } = toContext(request);
      try {
        return planText((await untilDeadline(admit(request, context), context.signal)).plan);
      } finally {
        end();
      }
    },
    schema: () => parts.operations().supergraph.schema,
    parts,
    async close() {
      await parts.subscriptions.drain();
      await parts.close();
    },
  };
}

async function* endWith(parts: AsyncIterable<string>, end: () => void): AsyncGenerator<string> {
  try {
    yield* parts;
  } finally {
    end();
  }
}

interface Told extends Pick<EngineResult, 'errors'>, Partial<Omit<EngineResult, 'body' | 'errors' | 'toJSON'>> {
  /** What the body has beside its errors. */
  readonly members: () => object;
}

function toResult(body: string, { members, ...rest }: Told): EngineResult {
  const { errors } = rest;
  return { body, parts: null, cacheControl: null, isExecuted: true, ...rest, toJSON: () => toBody(errors, members()) };
}

function refused(error: unknown, context: Pick<OperationContext, 'log' | 'requestId'>): EngineResult {
  const { errors } = error instanceof Fault ? toRefusal(error) : defect(error, context);
  return toResult(renderBody(null, errors), { errors, isExecuted: false, members: () => ({}) });
}

function readHeader(headers: ClientHeaders | null | undefined, name: string): string | undefined {
  if (headers == null) return undefined;
  if (typeof headers.get === 'function')
    return (headers as { get(name: string): string | null }).get(name) ?? undefined;
  const value = (headers as Readonly<Record<string, string | readonly string[] | undefined>>)[name];
  return typeof value === 'string' ? value : value?.join(', ');
}
