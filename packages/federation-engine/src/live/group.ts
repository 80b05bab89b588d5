import { setMaxListeners } from 'node:events';
import { deadlineExceeded } from '../request/deadline.js';
import type { Log } from '../request/log.js';
import type { GraphQLFormattedError } from 'graphql';
import { clientOf, type OperationContext, type Identity } from '../request/context.js';
import type { ClientErrors } from '../execute/client-errors.js';
import type { ConcurrencyLimit } from '../subgraphs/concurrency-limit.js';
import type { OperationResult } from '../execute/operation-result.js';
import { renderBody } from '../execute/render-body.js';
import { runEvent, type SourceEvent } from '../execute/run-event.js';
import type { SubgraphClient } from '../subgraphs/subgraph-client.js';
import type { Authorization } from '../compile/viewer-authorization.js';
import type { OperationCache } from '../compile/operation-cache.js';
import type { Operation } from '../compile/operation.js';
import { Refusal } from '../request/refusal.js';
import { RenderedEvent } from './rendered-event.js';
import { contextOf } from './subscription-context.js';
import type { Subscription } from './subscription.js';
import type { SubscriptionTelemetry } from './subscription-telemetry.js';

export interface GroupOptions {
  readonly authorization: Authorization;
  readonly operations: () => Pick<OperationCache, 'withheld'>;
  readonly client: SubgraphClient;
  readonly clientErrors: ClientErrors;
  readonly log: Log;
  readonly telemetry: SubscriptionTelemetry;
  /** Of runs at once, of all groups together. */
  readonly runs: ConcurrencyLimit;
  /** From the start of an event's run to its answer. */
  readonly runTimeoutMs: number;
  readonly maxQueuedEvents: number;
}

/** What a group's members have in common. */
export interface GroupFacts {
  /** As its members may see it. */
  readonly operation: Operation;
  readonly text: string;
  readonly operationName: string | undefined;
  readonly overrideLabels: string | undefined;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** An event on its way to clients. */
interface LiveEvent {
  /** A copy of its own for each caller: running it uses it up. */
  readonly source: () => SourceEvent;
  readonly id: string | null;
  /** Whether events may have been missed before it. */
  readonly reconnected: boolean;
  /** Under which the host's tracing knows what has caused it. */
  readonly trace: string | undefined;
}

interface Queued {
  readonly event: LiveEvent;
  /** Of when it came: a newer version of the graph may plan the operation otherwise. */
  readonly operation: Operation;
  readonly number: number;
}

/**
 * Clients that get the same answer to every event: one operation, equal variables, one viewer. Each event is run and
 * rendered once for all of them, one event after the other, so that they arrive in order.
 */
export class Group {
  /** Equal for those who may be its members. */
  key: string;
  facts: GroupFacts;
  readonly #options: GroupOptions;
  /** Each with the number of the last event before it joined. */
  readonly #members = new Map<Subscription, number>();
  readonly #queue: Queued[] = [];
  #number = 0;
  #running: Promise<void> | null = null;
  #cancel: AbortController | null = null;

  constructor(key: string, facts: GroupFacts, options: GroupOptions) {
    this.key = key;
    this.facts = facts;
    this.#options = options;
  }

  get members(): Iterable<Subscription> {
    return this.#members.keys();
  }

  get size(): number {
    return this.#members.size;
  }

  add(subscription: Subscription): void {
    this.#members.set(subscription, this.#number);
  }

  remove(subscription: Subscription): void {
    this.#members.delete(subscription);
    if (this.#members.size > 0) return;
    this.#queue.length = 0;
    this.#cancel?.abort(new Error('nobody listens any more'));
  }

  /** Whether as many events wait as may. */
  get isFull(): boolean {
    return this.#queue.length >= this.#options.maxQueuedEvents;
  }

  /** Resolves when a further event may wait. */
  async untilRoom(): Promise<void> {
    if (this.isFull) await this.settled();
  }

  /** Returns false when too many events wait already. */
  push(event: LiveEvent): boolean {
    if (this.isFull) return false;
    this.#number += 1;
    const { operation } = this.facts;
    this.#queue.push({ event, operation, number: this.#number });
    this.#running ??= this.#runAll().finally(() => (this.#running = null));
    return true;
  }

  /** Resolves when every event that has come is delivered. */
  async settled(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #runAll(): Promise<void> {
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      const { trace } = next.event;
      const { traceRun } = this.#options.telemetry;
      const run = this.#run.bind(this, next);
      const rendered = await (traceRun ? traceRun(trace, run) : run());
      if (!rendered) continue;
      let delivered = 0;
      for (const [subscription, since] of this.#members) {
        if (since >= next.number) continue;
        subscription.events += 1;
        delivered += 1;
        subscription.outlet.next(subscription, rendered);
      }
      this.#options.telemetry.delivered(delivered, rendered.errorCodes);
    }
  }

  /** Null when nobody waits for it any more. */
  async #run({ event, operation }: Queued): Promise<RenderedEvent | null> {
    const sponsor = this.#sponsor();
    if (!sponsor) return null;
    const { telemetry } = this.#options;
    const cancel = new AbortController();
    // One for each fetch of a run.
    setMaxListeners(0, cancel.signal);
    this.#cancel = cancel;
    const context = contextOf(sponsor, this.#options.log, cancel);
    const stop = telemetry.startRun();
    try {
      const shown = await this.#authorize(operation, context);
      const result = await this.#execute(event, operation, shown, context);
      const errors = this.#options.clientErrors.ofResult(result, context);
      stop(errors.length > 0 ? 'error' : 'ok');
      const members = () => ({ data: result.value(), ...extensionsOf(event) });
      return new RenderedEvent(renderBody(result.data, errors, renderExtensions(event)), event.id, errors, members);
    } catch (error) {
      stop('error');
      if (this.#members.size === 0) return null;
      if (error instanceof Refusal) return renderErrors(error.errors, event);
      context.log.error({ err: error }, 'defect');
      return renderDefect(context, event);
    } finally {
      this.#cancel = null;
    }
  }

  /**
   * Decides again, with each event, what the members may see: policies may have changed. What was withheld when they subscribed
   * stays so, since the subgraph was not asked for it.
   */
  async #authorize(operation: Operation, context: OperationContext): Promise<Operation> {
    const { authorization, operations } = this.#options;
    const { base } = operation;
    let shown = operation;
    const judged = new Set<Identity>();
    for (const { outlet } of this.#members.keys()) {
      const { identity } = outlet.credentials;
      if (judged.has(identity)) continue;
      judged.add(identity);
      const asker = identity === context.identity ? context : { ...context, ...outlet.credentials };
      const unmet = await authorization.unmet(base, this.facts.variables, asker, shown.unmet);
      if (unmet.length > shown.unmet.length) shown = await operations().withheld(base, unmet, clientOf(asker));
    }
    return shown;
  }

  async #execute(
    event: LiveEvent,
    operation: Operation,
    shown: Operation,
    context: OperationContext,
  ): Promise<OperationResult> {
    const { runs, client, runTimeoutMs } = this.#options;
    const { signal } = context;
    const { variables } = this.facts;
    const run = () =>
      runEvent({ operation: operation.compiled, shown: shown.compiled }, event.source(), {
        variables,
        context,
        client,
        signal,
      });
    // Without fetches there is nothing to wait for, and no time to run out.
    if (!operation.compiled.step) return run();
    const timed = async () => {
      const timer = setTimeout(() => context.cancel(deadlineExceeded(runTimeoutMs)), runTimeoutMs);
      try {
        return await run();
      } finally {
        clearTimeout(timer);
      }
    };
    return runs.run('query', signal, timed, clientOf(context));
  }

  /** Whose token the fetches go with: all members are one viewer, but tokens end. */
  #sponsor(): Subscription | null {
    const now = Date.now();
    let first: Subscription | null = null;
    for (const subscription of this.#members.keys()) {
      if (subscription.outlet.credentials.expiresAtMs > now) return subscription;
      first ??= subscription;
    }
    return first;
  }
}

function extensionsOf({ id, reconnected }: LiveEvent): { readonly extensions?: object } {
  if (id === null && !reconnected) return {};
  return { extensions: { ...(id !== null && { eventId: id }), ...(reconnected && { reconnected }) } };
}

function renderExtensions(event: LiveEvent): string {
  const { extensions } = extensionsOf(event);
  return extensions ? `,"extensions":${JSON.stringify(extensions)}` : '';
}

function renderDefect({ requestId }: OperationContext, event: LiveEvent): RenderedEvent {
  const code = 'INTERNAL_SERVER_ERROR';
  return renderErrors([{ message: 'Something went wrong on our side.', extensions: { code, requestId } }], event);
}

function renderErrors(errors: readonly GraphQLFormattedError[], event: LiveEvent): RenderedEvent {
  const members = () => ({ data: null, ...extensionsOf(event) });
  return new RenderedEvent(renderBody('null', errors, renderExtensions(event)), event.id, errors, members);
}
