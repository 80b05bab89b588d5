import { unavailable } from '../request/fault.js';
import type { Log } from '../request/log.js';
import { OperationTypeNode, type GraphQLFormattedError } from 'graphql';
import type { SourceEvent } from '../execute/run-event.js';
import { toFetchError } from '../subgraphs/fetch-fault.js';
import type { ChangeHeaders } from '../subgraphs/fetch-headers.js';
import { badResponse, readAnswer } from '../subgraphs/read-answer.js';
import type { FetchStep } from '../compile/plan/steps.js';
import { backoffMs } from './backoff.js';
import { RecentIds } from './recent-ids.js';
import { contextOf } from './subscription-context.js';
import type { Subscription } from './subscription.js';
import type { SubscriptionTelemetry } from './subscription-telemetry.js';
import type {
  UpstreamListener,
  UpstreamLoss,
  UpstreamPayload,
  UpstreamSubscription,
  UpstreamSockets,
} from './upstream-sockets.js';

export interface SourceOptions {
  readonly sockets: UpstreamSockets;
  readonly urlOf: (subgraph: string) => string;
  readonly log: Log;
  readonly telemetry: SubscriptionTelemetry;
  /** What a host changes of headers; nothing where there is no such hook. */
  readonly changeHeaders?: ChangeHeaders | undefined;
  /** How long a lost subgraph is looked for. */
  readonly retryMs: number;
  /** A subscription that held for so long counts as one that worked. */
  readonly stableMs: number;
}

/** What is subscribed to. */
export interface SourceFacts {
  readonly step: FetchStep;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Where to begin; null for now. */
  readonly lastEventId: string | null;
}

export interface SourceListener {
  /** In whose name to subscribe; null when there is nobody who may. */
  carrier(): Subscription | null;
  /** Whether so many events wait that a further one is better asked for later. */
  isFull(): boolean;
  event(event: SourceEvent, id: string | null, reconnected: boolean): void;
  completed(): void;
  /** The subgraph does not serve it, or cannot be reached. */
  failed(reason: 'refused' | 'unavailable', errors: readonly GraphQLFormattedError[]): void;
  /** The subgraph does not take the carrier's token. `errors`: what it says, if it says something. */
  tokenRefused(
    authorization: string | undefined,
    carrier: Subscription,
    errors: readonly GraphQLFormattedError[] | null,
  ): void;
}

interface Upstream {
  /** In whose name: somebody with this authorization. */
  carrier: Subscription;
  readonly authorization: string | undefined;
  readonly url: string;
  readonly openedAt: number;
  /** Whether the subgraph has been asked. */
  isAsked: boolean;
  stop: () => void;
}

/** For so long, the upstream that is replaced goes on when the new one has been asked for, so that no event falls between them. */
const OVERLAP_MS = 1_000;
/** The same, when the new one cannot be asked for. */
const MAX_OVERLAP_MS = 10_000;
/** Refusals of a subgraph that is there, and lacks something for a while: its database, its live feed. */
const PASSING_CODES: ReadonlySet<unknown> = new Set(['UNAVAILABLE']);

/**
 * The events of one subscription at a subgraph, whatever happens to the connection. A lost one is looked for with the id
 * of the last event, so that what happened in between arrives late and not never.
 */
export class Source {
  readonly #facts: SourceFacts;
  readonly #options: SourceOptions;
  readonly #listener: SourceListener;
  readonly #recent = new RecentIds();
  #lastEventId: string | null;
  #upstream: Upstream | null = null;
  #outgoing: { readonly upstream: Upstream; timer: NodeJS.Timeout } | null = null;
  #retry: NodeJS.Timeout | null = null;
  #attempt = 0;
  #lostSince: number | null = null;
  #reconnected = false;
  /** Whether it has a connection of its own, since an event was too large on one that it shared or may have shared. */
  #isAlone = false;
  /** Whether it waits until earlier events are answered. */
  #isHeld = false;
  /** The event that was let go then: the next one that comes, unless the subgraph cannot resume. */
  #heldAt: string | null = null;

  constructor(facts: SourceFacts, options: SourceOptions, listener: SourceListener) {
    this.#facts = facts;
    this.#options = options;
    this.#listener = listener;
    this.#lastEventId = facts.lastEventId;
  }

  /** Whose token the subscription goes with; null while there is none. */
  get carrier(): Subscription | null {
    return this.#upstream?.carrier ?? null;
  }

  get authorization(): string | undefined {
    return this.#upstream?.authorization;
  }

  /** Whether it neither runs nor is about to: there was nobody to carry it. */
  get isIdle(): boolean {
    return !this.#upstream && !this.#retry && !this.#isHeld;
  }

  /** Where it is subscribed; null when it is not. */
  get url(): string | null {
    return this.#upstream?.url ?? null;
  }

  /** Somebody with the same token carries it on. */
  passTo(carrier: Subscription): void {
    if (this.#upstream) this.#upstream.carrier = carrier;
  }

  /** Subscribes, in the place of what is there. */
  open(): void {
    const { sockets, urlOf, telemetry } = this.#options;
    this.#stopRetry();
    this.#isHeld = false;
    this.#replace();
    const carrier = this.#listener.carrier();
    if (!carrier) return;
    const { step, variables } = this.#facts;
    let headers: UpstreamSubscription['headers'];
    try {
      headers = this.#headersFor(carrier);
    } catch (error) {
      return this.#listener.failed('refused', [toFetchError(error, step.subgraph).formatted]);
    }
    const { authorization } = carrier.outlet.credentials;
    const url = urlOf(step.subgraph);
    const openedAt = Date.now();
    const upstream: Upstream = { carrier, authorization, url, openedAt, isAsked: false, stop: () => undefined };
    this.#upstream = upstream;
    if (this.#lostSince !== null) telemetry.reconnecting(step.subgraph);
    const payload = {
      query: step.operation,
      operationName: step.operationName ?? null,
      variables,
      ...(this.#lastEventId !== null && { extensions: { lastEventId: this.#lastEventId } }),
    };
    upstream.stop = sockets.subscribe(
      { url, authorization, headers, requestId: carrier.requestId, payload, isAlone: this.#isAlone },
      this.#listen(upstream),
    );
  }

  #headersFor(carrier: Subscription): UpstreamSubscription['headers'] {
    const { changeHeaders, log } = this.#options;
    const { subgraph, operationName } = this.#facts.step;
    const asked = { subgraph, operationName, type: OperationTypeNode.SUBSCRIPTION };
    return changeHeaders?.(asked, contextOf(carrier, log))?.headers;
  }

  /** Goes on after it was held: there is room for events again. */
  release(): void {
    if (this.#isHeld) this.open();
  }

  close(): void {
    this.#stopRetry();
    this.#stop();
    this.#isHeld = false;
  }

  #stop(): void {
    this.#stopOutgoing();
    this.#upstream?.stop();
    this.#upstream = null;
  }

  /** Lets what is there go on beside the new one; of two, the one that has been asked for. */
  #replace(): void {
    const upstream = this.#upstream;
    if (!upstream) return;
    this.#upstream = null;
    if (this.#outgoing && !upstream.isAsked) return upstream.stop();
    this.#stopOutgoing();
    this.#outgoing = { upstream, timer: setTimeout(() => this.#stopOutgoing(), MAX_OVERLAP_MS) };
  }

  #asked(upstream: Upstream): void {
    upstream.isAsked = true;
    if (this.#upstream !== upstream || !this.#outgoing) return;
    clearTimeout(this.#outgoing.timer);
    this.#outgoing.timer = setTimeout(() => this.#stopOutgoing(), OVERLAP_MS);
  }

  #listen(upstream: Upstream): UpstreamListener {
    /** What happens to an upstream that is being replaced is no news. */
    const over = (react: () => void) => {
      if (this.#upstream !== upstream) return;
      this.#upstream = null;
      react();
    };
    const { authorization, carrier } = upstream;
    return {
      asked: () => this.#asked(upstream),
      next: (payload) => {
        if (this.#upstream === upstream || this.#outgoing?.upstream === upstream) this.#receive(payload, upstream);
      },
      completed: () => over(() => this.#listener.completed()),
      refused: (errors) =>
        over(() => {
          if (errors.some(({ extensions }) => extensions?.['code'] === 'UNAUTHENTICATED'))
            this.#tokenRefused(authorization, carrier, errors);
          else if (errors.length > 0 && errors.every(({ extensions }) => PASSING_CODES.has(extensions?.['code'])))
            this.#lost({ kind: 'retryable', cause: new Error(errors[0]?.message) }, upstream, errors);
          else this.#listener.failed('refused', errors);
        }),
      lost: (loss) => over(() => this.#lost(loss, upstream)),
    };
  }

  #receive(payload: UpstreamPayload, from: Upstream): void {
    const given = payload.extensions?.['eventId'];
    const id = typeof given === 'string' && given !== '' ? given : null;
    // A resume, or the other of two upstreams, brings it again. Without ids, the outgoing one is believed.
    const isDuplicate = id === null ? this.#outgoing !== null && from === this.#upstream : this.#recent.has(id);
    if (isDuplicate) {
      this.#options.telemetry.dropped('duplicate');
      return;
    }
    this.#lostSince = null;
    this.#attempt = 0;
    if (id !== null && this.#lastEventId !== null && this.#listener.isFull()) return this.#hold(id);
    if (id !== null) this.#remember(id, from);
    const reconnected = this.#reconnected || (this.#heldAt !== null && this.#heldAt !== id);
    this.#reconnected = false;
    this.#heldAt = null;
    const { subgraph } = this.#facts.step;
    const answer = readAnswer(payload, { subgraph, entities: null });
    const trace = payload.extensions?.['traceparent'];
    const event = answer ?? { data: null, errors: [badResponse(subgraph)] };
    this.#listener.event(typeof trace === 'string' ? { ...event, trace } : event, id, reconnected);
  }

  /** The subgraph keeps what comes until it is asked for it: from behind the last event that was taken. */
  #hold(id: string): void {
    this.#stop();
    this.#isHeld = true;
    this.#heldAt ??= id;
  }

  #remember(id: string, from: Upstream): void {
    this.#lastEventId = id;
    this.#recent.add(id);
    // Until the new one of two upstreams is where the other has ended, it brings what that has brought.
    if (!this.#outgoing && from === this.#upstream) this.#recent.trim();
  }

  #tokenRefused(...refusal: Parameters<SourceListener['tokenRefused']>): void {
    // Somebody else may carry on, after a moment in which nobody listened.
    this.#reconnected = true;
    this.#listener.tokenRefused(...refusal);
  }

  /** @param told what the subgraph says itself */
  #lost(
    { kind, cause }: UpstreamLoss,
    { openedAt, authorization, carrier }: Upstream,
    told: readonly GraphQLFormattedError[] | null = null,
  ): void {
    const { subgraph } = this.#facts.step;
    this.#options.log.warn({ subgraph, kind, err: cause }, 'a subscription at a subgraph is lost');
    if (kind === 'token') return this.#tokenRefused(authorization, carrier, null);
    if (kind === 'fatal') return this.#giveUp(cause, 'BAD_RESPONSE');
    if (kind === 'too-large') {
      if (this.#isAlone) return this.#giveUp(cause, 'ANSWER_TOO_LARGE');
      // Whose event it was is not known: each goes on alone, and the one for which it comes again ends.
      this.#isAlone = true;
    }
    const now = Date.now();
    if (now - openedAt >= this.#options.stableMs) {
      this.#lostSince = null;
      this.#attempt = 0;
    }
    this.#lostSince ??= now;
    const waitMs = backoffMs(this.#attempt);
    this.#attempt += 1;
    if (now + waitMs - this.#lostSince > this.#options.retryMs)
      return told ? this.#listener.failed('unavailable', told) : this.#giveUp(cause, 'CONNECTION');
    this.#reconnected = true;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.open();
    }, waitMs);
  }

  #giveUp(cause: unknown, reason: 'CONNECTION' | 'BAD_RESPONSE' | 'ANSWER_TOO_LARGE'): void {
    const { subgraph } = this.#facts.step;
    const { formatted } = toFetchError(unavailable(subgraph, cause, reason), subgraph);
    this.#listener.failed('unavailable', [formatted]);
  }

  #stopRetry(): void {
    if (this.#retry) clearTimeout(this.#retry);
    this.#retry = null;
  }

  #stopOutgoing(): void {
    if (!this.#outgoing) return;
    clearTimeout(this.#outgoing.timer);
    this.#outgoing.upstream.stop();
    this.#outgoing = null;
  }
}
