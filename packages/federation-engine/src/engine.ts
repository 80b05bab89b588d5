import { randomUUID } from 'node:crypto';
import { OperationTypeNode, type GraphQLSchema } from 'graphql';
import { checkVariables } from './compile/check-variables.js';
import type { Operation } from './compile/operation.js';
import { planText } from './compile/plan/plan-text.js';
import type { EngineOptions } from './engine-options.js';
import { createEngineParts, type EngineParts } from './engine-parts.js';
import { RequestContext, type EngineRequest, type TracedRequest } from './engine-request.js';
import { WrittenResult, type EngineResult, type Told } from './engine-result.js';
import { iterateEvents } from './event-iterator.js';
import { renderBody } from './execute/render-body.js';
import { firstMembers, renderFirst, type RenderedParts } from './execute/render-parts.js';
import { renderRest } from './execute/render-rest.js';
import { runOperation } from './execute/run-operation.js';
import { toCredentials } from './live/credentials.js';
import { clientOf, type OperationContext } from './request/context.js';
import { untilDeadline } from './request/deadline.js';
import { Fault } from './request/fault.js';
import { SILENT } from './request/log.js';
import { badRequest, defect, refusalOf, toRefusal } from './request/refusal.js';

export interface Engine {
  /** Runs a query or a mutation. Never throws: whatever goes wrong is in the result. */
  execute(request: EngineRequest): Promise<EngineResult>;
  /** Runs a subscription; ends when its source does, or its reader returns. Never throws: a refusal is its only result. */
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

  function admit(request: EngineRequest, context: OperationContext): Operation | Promise<Operation> {
    const variables = request.variables ?? {};
    if (typeof request.query !== 'string') throw badRequest('`query` is not a text.');
    const found = parts
      .operations()
      .get(request.query, request.operationName ?? undefined, parts.overrideLabels(context), {
        admit: (facts) => checkVariables(facts, variables, { hideSuggestions: !introspection }),
        unmet: (facts) => parts.authorization.unmet(facts, variables, context),
        client: clientOf(context),
      });
    // Known operations are not put off by a turn.
    return found instanceof Promise ? untilDeadline(found, context.signal) : found;
  }

  async function run(request: TracedRequest, context: RequestContext): Promise<EngineResult> {
    const admitted = admit(request, context);
    const operation = admitted instanceof Promise ? await admitted : admitted;
    if (operation.type === OperationTypeNode.SUBSCRIPTION)
      throw refusalOf('OPERATION_REJECTED', [{ message: 'A subscription is run by `subscribe`.' }]);
    const { incremental } = request;
    const result = await runOperation(operation.compiled, {
      variables: request.variables ?? {},
      context,
      client: parts.client,
      signal: context.signal,
      incremental: incremental !== undefined,
      form: request.form,
    });
    request.traces?.ran(operation.compiled, request.variables ?? {});
    const errors = parts.clientErrors.ofResult(result, context);
    if (result.rest && incremental) {
      const { clientErrors } = parts;
      const rest = renderRest(result.rest, { clientErrors, context, format: incremental, onEnd: () => undefined });
      const { pending } = result.rest;
      return new WrittenResult({
        errors,
        parts: endWith(rest, context),
        isExecuted: true,
        isCacheable: false,
        cachePolicy: null,
        text: () => renderBody(result.data, errors, renderFirst(pending, incremental)),
        members: () => ({ data: result.value(), ...firstMembers(pending, incremental) }),
      });
    }
    const isCacheable = operation.type === OperationTypeNode.QUERY && errors.length === 0;
    return new WrittenResult({
      errors,
      parts: null,
      isExecuted: true,
      isCacheable,
      cachePolicy: isCacheable ? result.cachePolicy : null,
      text: () => renderBody(result.data, errors),
      members: () => ({ data: result.value() }),
    });
  }

  /** What is no request at all is refused as well. */
  function begin(request: EngineRequest): RequestContext | EngineResult {
    try {
      return new RequestContext(request, log, operationTimeoutMs);
    } catch (error) {
      return toFailure(error, { log, requestId: randomUUID() });
    }
  }

  return {
    async execute(request) {
      const begun = begin(request);
      if ('errors' in begun) return begun;
      try {
        const result = await run(request, begun);
        if (result.parts === null) begun.end();
        return result;
      } catch (error) {
        begun.end();
        return toFailure(error, begun);
      }
    },
    async *subscribe(request) {
      const begun = begin(request);
      if ('errors' in begun) {
        yield begun;
        return;
      }
      const context: OperationContext = begun;
      let operation;
      try {
        operation = await admit(request, context);
        if (operation.type !== OperationTypeNode.SUBSCRIPTION)
          throw refusalOf('OPERATION_REJECTED', [{ message: 'This is no subscription: run it by `execute`.' }]);
      } catch (error) {
        yield toFailure(error, context);
        return;
      } finally {
        begun.end();
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
        for await (const { body, errors, members } of events)
          yield toResult({ errors, isExecuted: true, text: () => body, members });
      } catch (error) {
        yield toFailure(error, context);
      }
    },
    async explain(request) {
      const context = new RequestContext(request, log, operationTimeoutMs);
      try {
        return planText((await admit(request, context)).plan);
      } finally {
        context.end();
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

function endWith(parts: RenderedParts, context: RequestContext): AsyncIterableIterator<string> {
  const iterator = parts[Symbol.asyncIterator]();
  return {
    async next() {
      try {
        const next = await iterator.next();
        if (next.done === true) context.end();
        return next;
      } catch (error) {
        context.end();
        throw error;
      }
    },
    async return() {
      // One that was never begun leaves nothing by itself.
      parts.leave();
      context.end();
      await iterator.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Of what is not kept, and comes as one whole. */
function toResult(told: Pick<Told, 'errors' | 'isExecuted' | 'text' | 'members'>): EngineResult {
  const { errors, isExecuted, text, members } = told;
  return new WrittenResult({ errors, parts: null, isExecuted, isCacheable: false, cachePolicy: null, text, members });
}

function toFailure(error: unknown, context: Pick<OperationContext, 'log' | 'requestId'>): EngineResult {
  const { errors } = error instanceof Fault ? toRefusal(error) : defect(error, context);
  return toResult({ errors, isExecuted: false, text: () => renderBody(null, errors), members: () => ({}) });
}
