import type { GraphQLFormattedError } from 'graphql';
import type { OperationContext } from '../request/context.js';
import type { Credentials } from './credentials.js';
import type { RenderedEvent } from './rendered-event.js';

export type Transport = 'websocket' | 'multipart' | 'sse' | 'iterator';

/** Why a subscription is over: words of the log and of a metric's label. */
export type EndReason =
  | 'client-left'
  | 'completed'
  | 'refused'
  | 'unavailable'
  | 'token-expired'
  | 'slow-consumer'
  | 'queue-full'
  | 'graph-changed'
  | 'drained'
  | 'defect';

/** A connection to a client, which carries one subscription or many. */
export interface Outlet {
  readonly transport: Transport;
  /** Where the client is, as far as this process can see. */
  readonly address: string;
  /** Those of now: they are renewed. */
  readonly credentials: Credentials;
  next(subscription: Subscription, event: RenderedEvent): void;
  fail(subscription: Subscription, errors: readonly GraphQLFormattedError[]): void;
  complete(subscription: Subscription): void;
}

/** A client's subscription admitted to run. */
export interface SubscriptionStart {
  /** The operation's id at its client. */
  readonly id: string;
  readonly outlet: Outlet;
  readonly requestId: string;
  /** Reads a header of the client, where the host passes them on. */
  readonly clientHeader?: OperationContext['clientHeader'] | undefined;
}

/** One client's subscription. There are many of them, so it is small and has no functions of its own. */
export class Subscription {
  readonly id: string;
  readonly outlet: Outlet;
  readonly requestId: string;
  readonly clientHeader: OperationContext['clientHeader'] | undefined;
  /** What of its headers says whose events it gets; empty where they say nothing of it. */
  scope = '';
  readonly name: string | null;
  /** That limits count it for: a user, or an address. */
  readonly owner: string;
  readonly startedAt = performance.now();
  events = 0;
  ended = false;

  constructor({ id, outlet, requestId, clientHeader }: SubscriptionStart, name: string | null, owner: string) {
    this.id = id;
    this.outlet = outlet;
    this.requestId = requestId;
    this.clientHeader = clientHeader;
    this.name = name;
    this.owner = owner;
  }
}
