import { REQUEST_ID_HEADER } from '../request/headers.js';
import type { GraphQLFormattedError } from 'graphql';
import { createClient, type Client, type SubscribePayload } from 'graphql-ws';
import { WebSocket } from 'ws';
import { TRACING_HEADERS } from '../subgraphs/fetch-headers.js';
import { readErrors } from '../subgraphs/read-answer.js';

/** A subscription at a subgraph. */
export interface UpstreamSubscription {
  /** Of the subgraph's GraphQL endpoint, http(s). */
  readonly url: string;
  readonly authorization: string | undefined;
  /** What a host changes of headers; null for one that is not sent. They go with the handshake, and with `connection_init`. */
  readonly headers?: Readonly<Record<string, string | null>> | undefined;
  readonly requestId: string;
  readonly payload: SubscribePayload;
  /** Whether it has a connection of its own, even where others share its token. */
  readonly isAlone: boolean;
}

export interface UpstreamPayload {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly GraphQLFormattedError[];
  readonly extensions?: Readonly<Record<string, unknown>> | null;
}

/** Told of what comes; nothing any more after an end. */
export interface UpstreamListener {
  /** The subgraph has been asked: what happens from about now on comes. */
  asked(): void;
  next(payload: UpstreamPayload): void;
  /** The subgraph does not serve this subscription, and says why. */
  refused(errors: readonly GraphQLFormattedError[]): void;
  completed(): void;
  lost(loss: UpstreamLoss): void;
}

export interface UpstreamLoss {
  /**
   * `token`: the subgraph does not take it. `too-large`: an event of a subscription on its connection has more bytes than are
   * read. `fatal`: to try again would end alike.
   */
  readonly kind: 'retryable' | 'token' | 'too-large' | 'fatal';
  readonly cause: unknown;
}

/** WebSocket connections to subgraphs, one for each token and what else is sent: subscriptions with the same share it. */
export interface UpstreamSockets {
  /** Returns what ends the subscription. */
  subscribe(request: UpstreamSubscription, listener: UpstreamListener): () => void;
  close(): Promise<void>;
}

export interface UpstreamSocketsOptions {
  /** Of the handshake, and of the acknowledgement after it. */
  readonly connectTimeoutMs: number;
  /** Between signs of life; a subgraph that gives none is given up. */
  readonly heartbeatMs: number;
  readonly maxMessageBytes: number;
}

interface Connection {
  readonly client: Client;
  /** What ends each of its subscriptions as lost. */
  readonly users: Set<(closed: unknown) => void>;
  /** Those who wait for the connection; null when it is there. */
  waiting: Array<() => void> | null;
}

/** 4401, 4403: graphql-transport-ws, "Unauthorized" and "Forbidden". */
const TOKEN_CODES = new Set([4401, 4403]);
/** RFC 6455 codes that tell of a restart or an accident; others below 2000 tell of a misunderstanding. */
const ACCIDENTS = new Set([1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014]);
/** Codes of graphql-transport-ws that waiting does not cure. */
const MISUNDERSTANDINGS = new Set([4004, 4005, 4400, 4406, 4409, 4429, 4500]);
/** What `ws` calls a message of more bytes than `maxPayload`. */
const TOO_LARGE = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';

export function createUpstreamSockets(options: UpstreamSocketsOptions): UpstreamSockets {
  const connections = new Map<string, Connection>();
  let alone = 0;

  const socketWith = (headers: Readonly<Record<string, string>>) =>
    class UpstreamSocket extends WebSocket {
      constructor(address: string | URL, protocols?: string | string[]) {
        super(address, protocols, {
          headers,
          perMessageDeflate: false,
          handshakeTimeout: options.connectTimeoutMs,
          maxPayload: options.maxMessageBytes,
        });
      }
    };
  const PlainSocket = socketWith({});

  function connect({ url, authorization, requestId, headers }: UpstreamSubscription): Connection {
    let silence: NodeJS.Timeout | undefined;
    const client: Client = createClient({
      url: webSocketUrl(url),
      webSocketImpl: headers ? socketWith(sent(headers)) : PlainSocket,
      connectionParams: sent({ authorization: authorization ?? null, [REQUEST_ID_HEADER]: requestId, ...headers }),
      // The subscriber decides whether and how to come back: with the id of its last event.
      retryAttempts: 0,
      connectionAckWaitTimeout: options.connectTimeoutMs,
      keepAlive: options.heartbeatMs,
      on: {
        ping: (received) => {
          if (!received) silence = setTimeout(() => client.terminate(), options.heartbeatMs);
        },
        pong: (received) => {
          if (received) clearTimeout(silence);
        },
        closed: (event) => {
          clearTimeout(silence);
          // The client would come back by itself after a normal closure, and without the id of the last event.
          for (const lose of [...connection.users]) lose(event);
        },
        connected: () => {
          const waiting = connection.waiting ?? [];
          connection.waiting = null;
          for (const tell of waiting) tell();
        },
      },
    });
    const connection: Connection = { client, users: new Set(), waiting: [] };
    return connection;
  }

  return {
    subscribe(request, listener) {
      const own = request.isAlone ? (alone += 1) : '';
      const key = `${request.url}\n${own}\n${request.authorization ?? ''}${headersKey(request.headers)}`;
      const connection = connections.get(key) ?? connect(request);
      connections.set(key, connection);
      let over = false;
      const end = (): boolean => {
        if (over) return false;
        over = true;
        connection.users.delete(lose);
        if (connection.users.size === 0 && connections.get(key) === connection) connections.delete(key);
        return true;
      };
      const lose = (error: unknown) => {
        if (end()) listener.lost({ kind: classify(error), cause: causeOf(error) });
        unsubscribe();
      };
      connection.users.add(lose);
      const unsubscribe = connection.client.subscribe(request.payload, {
        next: (payload) => {
          if (over) return;
          const { data, errors } = payload as UpstreamPayload;
          // Without data nothing was executed (GraphQL specification, "Response Format"): there is no event to wait for.
          if (data === undefined && errors !== undefined && end()) {
            unsubscribe();
            listener.refused(readErrors(errors) ?? []);
          } else listener.next(payload as UpstreamPayload);
        },
        error: (error) => {
          if (!end()) return;
          if (Array.isArray(error)) listener.refused(readErrors(error) ?? []);
          else listener.lost({ kind: classify(error), cause: causeOf(error) });
        },
        complete: () => {
          if (end()) listener.completed();
        },
      });
      const asked = () => {
        if (!over) listener.asked();
      };
      if (connection.waiting) connection.waiting.push(asked);
      else asked();
      return () => {
        if (end()) unsubscribe();
      };
    },
    async close() {
      const clients = [...connections.values()].map(({ client }) => client);
      connections.clear();
      // A connection that does not come about needs no closing.
      await Promise.allSettled(clients.map(async (client) => client.dispose()));
    },
  };
}

function sent(headers: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const])),
  );
}

/** Those that go with a connection from one request alone, such as those of tracing, are as good as any others. */
function headersKey(headers: UpstreamSubscription['headers']): string {
  if (!headers) return '';
  const told = Object.entries(headers).filter(([name]) => !TRACING_HEADERS.has(name));
  return `\n${JSON.stringify(told.sort(([one], [other]) => (one < other ? -1 : 1)))}`;
}

function webSocketUrl(url: string): string {
  const address = new URL(url);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  if (address.pathname === '/') address.pathname = '/graphql';
  return address.href;
}

function classify(error: unknown): UpstreamLoss['kind'] {
  const { code, message, error: inner } = (error ?? {}) as Record<string, unknown>;
  if ((inner as NodeJS.ErrnoException | undefined)?.code === TOO_LARGE) return 'too-large';
  if (typeof code === 'number') {
    if (TOKEN_CODES.has(code)) return 'token';
    return MISUNDERSTANDINGS.has(code) || (code < 2000 && !ACCIDENTS.has(code)) ? 'fatal' : 'retryable';
  }
  // What `ws` says when the handshake is answered as an ordinary request: there is no WebSocket behind this path.
  const status = /^Unexpected server response: (4\d\d)$/.exec(String(message))?.[1];
  if (status === '401' || status === '403') return 'token';
  return status !== undefined && status !== '408' && status !== '429' ? 'fatal' : 'retryable';
}

/** For the log. */
function causeOf(error: unknown): unknown {
  const { code, reason, error: inner, message } = (error ?? {}) as Record<string, unknown>;
  if (inner instanceof Error) return inner;
  return new Error(typeof code === 'number' ? `closed with ${code} ${String(reason)}` : String(message));
}
