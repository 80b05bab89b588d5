import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { GraphQLBody, GraphQLErrorBody } from './graphql-client.js';

/** What a subscriber hears, one after the other. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a test states the shape it expects, or reads freely
export type Heard<Data = any> =
  | { readonly kind: 'event'; readonly body: GraphQLBody<Data>; readonly eventId: string | undefined }
  | { readonly kind: 'failed'; readonly errors: readonly GraphQLErrorBody[] }
  | { readonly kind: 'complete' }
  | { readonly kind: 'closed'; readonly code: number };

export interface GraphQLSubscriptionRequest {
  readonly query: string;
  readonly variables?: Readonly<Record<string, unknown>>;
  /** An access token, sent in the payload of `connection_init`. */
  readonly token?: string | undefined;
  /** Resumes behind this event. */
  readonly lastEventId?: string | undefined;
  readonly requestId?: string;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as in Heard
export interface GraphQLSubscription<Data = any> extends AsyncDisposable {
  /** Waits for the next. */
  next(): Promise<Heard<Data>>;
  /** Waits for so many events. @throws when the subscription ends before */
  events(count: number): Promise<ReadonlyArray<Extract<Heard<Data>, { kind: 'event' }>>>;
  close(): Promise<void>;
}

/** Subscribes over a WebSocket of its own. `url` may be a server's, `/graphql` is added then. Never reconnects. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as in Heard
export function subscribeGraphQL<Data = any>(
  url: string,
  request: GraphQLSubscriptionRequest,
): GraphQLSubscription<Data> {
  const target = new URL(url.replace(/^http/, 'ws'));
  if (target.pathname === '/') target.pathname = '/graphql';
  const heard: Array<Heard<Data>> = [];
  let changed: () => void = () => undefined;
  const hear = (message: Heard<Data>) => {
    heard.push(message);
    changed();
  };
  let closed: () => void = () => undefined;
  const whenClosed = new Promise<void>((resolve) => (closed = resolve));
  const client = createClient({
    url: target.href,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: {
      ...(request.token !== undefined && { authorization: `Bearer ${request.token}` }),
      ...(request.requestId !== undefined && { requestId: request.requestId }),
    },
    on: { closed },
  });
  const { query, variables, lastEventId } = request;
  client.subscribe(
    {
      query,
      ...(variables && { variables: { ...variables } }),
      ...(lastEventId !== undefined && { extensions: { lastEventId } }),
    },
    {
      next: (body) =>
        hear({
          kind: 'event',
          body: body as GraphQLBody<Data>,
          eventId: (body as GraphQLBody<Data>).extensions?.['eventId'] as string | undefined,
        }),
      error: (failure) =>
        hear(
          Array.isArray(failure)
            ? { kind: 'failed', errors: failure as GraphQLErrorBody[] }
            : { kind: 'closed', code: (failure as { code?: number }).code ?? 0 },
        ),
      complete: () => hear({ kind: 'complete' }),
    },
  );

  async function next(): Promise<Heard<Data>> {
    for (;;) {
      const message = heard.shift();
      if (message) return message;
      await new Promise<void>((resolve) => (changed = resolve));
    }
  }
  async function close(): Promise<void> {
    await client.dispose();
    await whenClosed;
  }
  return {
    next,
    async events(count) {
      const events: Array<Extract<Heard<Data>, { kind: 'event' }>> = [];
      while (events.length < count) {
        const message = await next();
        if (message.kind !== 'event')
          throw new Error(`the subscription has ended after ${events.length} events: ${JSON.stringify(message)}`);
        events.push(message);
      }
      return events;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface Feed {
  subscribe(channel: string, listener: (message: string | null) => void): Promise<() => Promise<void>>;
}

/** A live feed that tells of its listeners: nothing in the protocol says that a subscription has begun. */
export function watchListeners<Given extends Feed>(
  feed: Given,
): { readonly feed: Given; readonly untilListening: (subject: string, count?: number) => Promise<void> } {
  const listeners = new Map<string, number>();
  let waiting: Array<() => void> = [];
  const add = (channel: string, count: number) => {
    listeners.set(channel, (listeners.get(channel) ?? 0) + count);
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  };
  return {
    feed: {
      ...feed,
      async subscribe(channel, listener) {
        const end = await feed.subscribe(channel, listener);
        let isOver = false;
        add(channel, 1);
        return async () => {
          await end();
          if (!isOver) add(channel, -1);
          isOver = true;
        };
      },
    },
    async untilListening(subject, count = 1) {
      const channel = `events:${subject}`;
      while ((listeners.get(channel) ?? 0) !== count) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}
