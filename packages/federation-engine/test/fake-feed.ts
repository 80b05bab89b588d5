import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { execute, GraphQLError, parse, type GraphQLFormattedError, type GraphQLSchema } from 'graphql';
import { makeServer } from 'graphql-ws';
import { WebSocket, WebSocketServer } from 'ws';

/** A subscription at a fake subgraph. */
export interface FakeSubscription {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly operationName: string | undefined;
  readonly lastEventId: string | undefined;
  /** What came in `connection_init`. */
  readonly init: Readonly<Record<string, unknown>>;
  /** Whether it is still there. */
  readonly active: boolean;
}

export interface FakeEvent {
  readonly id?: string;
  /** Values of the root field, by its name. */
  readonly root: Readonly<Record<string, unknown>>;
  /** Only for those subscriptions. */
  readonly where?: (subscription: FakeSubscription) => boolean;
}

/** The subscriptions of a fake subgraph, whose events a test publishes. */
export interface FakeFeed {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** All that there ever were. */
  readonly subscriptions: readonly FakeSubscription[];
  readonly active: () => readonly FakeSubscription[];
  /** Connections that are open. */
  readonly sockets: () => number;
  /** All handshakes that there ever were. */
  readonly handshakes: () => number;
  /** Refuses every subscription from now on; null serves them again. */
  refuse(errors: readonly GraphQLFormattedError[] | null): void;
  /** How often a subscription was refused. */
  readonly refusals: () => number;
  /** Ends every subscription with an error, as one whose event could not be told. */
  fail(error: GraphQLFormattedError): void;
  /** Refuses tokens in `connection_init`, with 4403. */
  refuseToken(isRefused: (authorization: unknown) => boolean): void;
  /** Kept for those who come back with the id of an earlier one. */
  publish(event: FakeEvent): void;
  /** Ends every subscription as completed. */
  complete(): void;
  /** Closes every connection. */
  close(code: number, reason?: string): void;
  /** Cuts every connection without a word. */
  cut(): void;
  /** Waits until so many subscriptions are active. */
  untilActive(count: number): Promise<void>;
  /** Waits until there have been so many subscriptions, and the last one is active. */
  untilSeen(count: number): Promise<void>;
}

class Source implements FakeSubscription {
  active = true;
  readonly #waiting: Array<(done: boolean) => void> = [];
  readonly #events: FakeEvent[] = [];
  #failure: GraphQLError | null = null;

  constructor(
    readonly query: string,
    readonly variables: Readonly<Record<string, unknown>>,
    readonly operationName: string | undefined,
    readonly lastEventId: string | undefined,
    readonly init: Readonly<Record<string, unknown>>,
  ) {}

  push(event: FakeEvent): void {
    this.#events.push(event);
    this.#waiting.shift()?.(false);
  }

  end(failure: GraphQLError | null = null): void {
    this.active = false;
    this.#failure = failure;
    for (const wake of this.#waiting.splice(0)) wake(true);
  }

  async *run(schema: GraphQLSchema): AsyncGenerator<object, void> {
    const document = parse(this.query);
    try {
      for (;;) {
        const event = this.#events.shift();
        if (event) {
          const result = await execute({
            schema,
            document,
            rootValue: event.root,
            variableValues: this.variables,
          });
          yield { ...result, ...(event.id !== undefined && { extensions: { eventId: event.id } }) };
        } else if (!this.active || (await new Promise<boolean>((resolve) => this.#waiting.push(resolve)))) {
          if (this.#failure) throw this.#failure;
          return;
        }
      }
    } finally {
      this.active = false;
    }
  }
}

const POLL_MS = 5;

export function createFakeFeed(schema: GraphQLSchema): FakeFeed {
  const subscriptions: Source[] = [];
  const published: FakeEvent[] = [];
  const server = new WebSocketServer({ noServer: true });
  let refusal: readonly GraphQLFormattedError[] | null = null;
  let isRefused: (authorization: unknown) => boolean = () => false;
  let handshakes = 0;
  let refusals = 0;

  const protocol = makeServer<Record<string, unknown>, Source[]>({
    onConnect: ({ connectionParams }) => !isRefused(connectionParams?.['authorization']),
    onSubscribe: (context, _id, payload) => {
      if (refusal) {
        refusals += 1;
        return refusal.map(({ message, extensions }) => new GraphQLError(message, { extensions }));
      }
      const lastEventId = payload.extensions?.['lastEventId'] as string | undefined;
      const source = new Source(
        payload.query,
        payload.variables ?? {},
        payload.operationName ?? undefined,
        lastEventId,
        context.connectionParams ?? {},
      );
      context.extra.push(source);
      subscriptions.push(source);
      const from = published.findIndex(({ id }) => id !== undefined && id === lastEventId);
      if (from >= 0) for (const event of published.slice(from + 1)) source.push(event);
      return { schema, document: parse(payload.query), rootValue: source };
    },
    subscribe: (args) => {
      const source = args.rootValue as Source;
      const events = source.run(schema);
      // A generator that waits for an event is not stopped before it comes.
      const stop = events.return.bind(events);
      events.return = (value) => {
        source.end();
        return stop(value);
      };
      return events as never;
    },
  });

  server.on('connection', (socket) => {
    handshakes += 1;
    const sources: Source[] = [];
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send: (text) =>
          new Promise((resolve, reject) => socket.send(text, (error) => (error ? reject(error) : resolve()))),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (listener) => socket.on('message', (data: Buffer) => void listener(data.toString()).catch(() => {})),
      },
      sources,
    );
    socket.on('error', () => {});
    socket.once('close', (code, reason) => {
      for (const source of sources) source.end();
      void closed(code, reason.toString());
    });
  });

  return {
    upgrade: (request, socket, head) =>
      server.handleUpgrade(request, socket, head, (client) => server.emit('connection', client, request)),
    subscriptions,
    active: () => subscriptions.filter(({ active }) => active),
    sockets: () => [...server.clients].filter(({ readyState }) => readyState === WebSocket.OPEN).length,
    handshakes: () => handshakes,
    refuse: (errors) => void (refusal = errors),
    refusals: () => refusals,
    fail({ message, extensions }) {
      for (const source of subscriptions) if (source.active) source.end(new GraphQLError(message, { extensions }));
    },
    refuseToken: (refused) => void (isRefused = refused),
    publish(event) {
      published.push(event);
      for (const source of subscriptions) if (source.active && (event.where?.(source) ?? true)) source.push(event);
    },
    complete() {
      for (const source of subscriptions) source.end();
    },
    close(code, reason) {
      for (const client of server.clients) client.close(code, reason);
    },
    cut() {
      for (const client of server.clients) client.terminate();
    },
    async untilSeen(count) {
      while (subscriptions.length < count || !subscriptions.at(-1)?.active) await delay(POLL_MS);
    },
    async untilActive(count) {
      while (subscriptions.filter(({ active }) => active).length !== count) await delay(POLL_MS);
    },
  };
}
