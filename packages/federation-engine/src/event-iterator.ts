import type { GraphQLFormattedError } from 'graphql';
import { renderBody } from './execute/render-body.js';
import type { Credentials } from './live/credentials.js';
import { SLOW_CONSUMER } from './live/end-errors.js';
import type { SubscriptionRequest } from './live/subscription-request.js';
import type { Outlet, Subscription, SubscriptionStart } from './live/subscription.js';
import type { Subscriptions } from './live/subscriptions.js';

interface IteratedEvent {
  readonly body: string;
  readonly errors: readonly GraphQLFormattedError[];
  /** What the body says beside its errors. */
  readonly members: () => object;
}

interface EventIteratorOptions {
  readonly subscriptions: Subscriptions;
  readonly request: SubscriptionRequest;
  readonly requestId: string;
  readonly address: string;
  readonly credentials: Credentials;
  /** Reads a header of the client. */
  readonly clientHeader?: SubscriptionStart['clientHeader'];
  /** Aborts when nobody reads any more. */
  readonly signal: AbortSignal | undefined;
}

/** Events that wait for their reader; beyond that the subscription ends. */
const MAX_WAITING = 1_000;

/** The events of one subscription, for a reader that pulls them. @throws Refusal when it is not served */
export async function* iterateEvents(options: EventIteratorOptions): AsyncGenerator<IteratedEvent> {
  const { subscriptions, request, requestId, address, credentials, clientHeader, signal } = options;
  const waiting: IteratedEvent[] = [];
  let isOver = false;
  let wake: () => void = () => undefined;
  const end = () => {
    isOver = true;
    wake();
  };
  const fail = (errors: readonly GraphQLFormattedError[]) => {
    waiting.push({ body: renderBody(null, errors), errors, members: () => ({}) });
    end();
  };
  const outlet: Outlet = {
    transport: 'iterator',
    address,
    credentials,
    next(subscription: Subscription, event) {
      if (waiting.length >= MAX_WAITING) {
        subscriptions.leave(subscription, 'slow-consumer');
        return fail([SLOW_CONSUMER]);
      }
      waiting.push({ body: event.text, errors: event.errors, members: event.members });
      wake();
    },
    fail: (_subscription, errors) => fail(errors),
    complete: end,
  };
  const subscription = subscriptions.start(request, { id: requestId, outlet, requestId, clientHeader });
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted) end();
  try {
    for (;;) {
      const event = waiting.shift();
      if (event) yield event;
      else if (isOver) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    signal?.removeEventListener('abort', end);
    subscriptions.leave(subscription, 'client-left');
  }
}
