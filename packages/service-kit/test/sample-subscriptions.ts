import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { parse } from 'graphql';
import jwt from 'jsonwebtoken';
import { WebSocket, type ClientOptions } from 'ws';
import {
  createHealth,
  createLog,
  createMetrics,
  createSubgraph,
  createTokenVerifier,
  notFound,
  type RequestContext,
  type SourceEvent,
  type SubscriptionLimits,
} from '@taskgraph/service-kit';

const typeDefs = parse(/* GraphQL */ `
  extend schema
    @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@authenticated", "@requiresScopes"])
  type Query {
    open: String
  }
  type News {
    text: String!
    "Who hears it, by the context of this event."
    viewer: String
    "A number of this execution's own."
    execution: Int!
    broken: String
  }
  type Subscription {
    news(topic: String!): News!
    mine: News! @authenticated
    audit: News! @requiresScopes(scopes: [["admin"]])
    missing: News!
    defect: News!
  }
`);

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

interface TokenClaims {
  readonly userId?: string;
  readonly role?: 'USER' | 'ADMIN';
  readonly expiresInSeconds?: number;
}

/** The value of an Authorization header. */
export function bearer({ userId = randomUUID(), role = 'USER', expiresInSeconds = 900 }: TokenClaims = {}): string {
  const token = jwt.sign({ sid: randomUUID(), role }, privateKey, {
    algorithm: 'ES256',
    keyid: 'k',
    issuer: 'i',
    audience: 'a',
    subject: userId,
    expiresIn: expiresInSeconds,
  });
  return `Bearer ${token}`;
}

export interface NewsEvent extends SourceEvent {
  readonly text: string;
}

/** One subscriber's events, as the test lets them happen. */
interface NewsSource {
  readonly context: RequestContext;
  push(event: NewsEvent | Error): void;
  end(): void;
}

function createNewsSource(context: RequestContext): NewsSource & AsyncIterable<NewsEvent> {
  const queue: Array<NewsEvent | Error | null> = [];
  let wake: () => void = () => undefined;
  const push = (entry: NewsEvent | Error | null) => {
    queue.push(entry);
    wake();
  };
  context.signal.addEventListener('abort', () => push(null), { once: true });
  return {
    context,
    push,
    end: () => push(null),
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve));
        const entry = queue.shift() ?? null;
        if (entry === null) return;
        if (entry instanceof Error) throw entry;
        yield entry;
      }
    },
  };
}

export interface SampleOptions {
  readonly limits?: Partial<SubscriptionLimits>;
  /** Keys cannot be had. */
  readonly withoutKeys?: boolean;
}

export async function startSample({ limits = {}, withoutKeys = false }: SampleOptions = {}) {
  const lines: Array<Record<string, unknown>> = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  const sources: NewsSource[] = [];
  let sourceOpened: () => void = () => undefined;
  let executions = 0;
  const subscribe = (_source: unknown, _args: unknown, context: RequestContext) => {
    const source = createNewsSource(context);
    sources.push(source);
    sourceOpened();
    return source;
  };
  const resolve = (event: NewsEvent) => {
    if (event.text === 'secret') throw notFound('News');
    return event;
  };
  const service = await createSubgraph<RequestContext & { readonly execution: number }>({
    name: 'sample',
    // A close that waited for the subscriptions would take longer than any test.
    config: { host: '127.0.0.1', port: 0, shutdownGraceMs: 120_000 },
    log: createLog({ service: 'sample', level: 'debug', destination }),
    metrics: createMetrics('sample'),
    health: createHealth(),
    typeDefs,
    resolvers: {
      Query: { open: () => 'open' },
      News: {
        viewer: (_event: unknown, _args: unknown, { viewer }: RequestContext) => viewer?.userId,
        execution: (_event: unknown, _args: unknown, { execution }: { execution: number }) => execution,
        broken: () => {
          throw new TypeError('secret detail');
        },
      },
      Subscription: {
        news: { subscribe, resolve },
        mine: { subscribe, resolve },
        audit: { subscribe, resolve },
        missing: {
          subscribe: () => {
            throw notFound('News');
          },
        },
        defect: {
          subscribe: async () => {
            throw new TypeError('secret detail');
          },
        },
      },
    },
    verifier: createTokenVerifier({
      jwks: {
        getKey: async () => {
          if (withoutKeys) throw new Error('gone');
          return publicKey;
        },
      },
      issuer: 'i',
      audience: 'a',
    }),
    context: (request) => ({ ...request, execution: (executions += 1) }),
    subscriptionLimits: limits,
  });
  const { url } = await service.listen();
  const wsUrl = `${url.replace('http', 'ws')}/graphql`;
  return {
    service,
    url,
    wsUrl,
    lines,
    sources,
    /** The nth subscription that reached its field, counted from 0. */
    async source(index: number): Promise<NewsSource> {
      for (;;) {
        const source = sources[index];
        if (source) return source;
        await new Promise<void>((resolve) => (sourceOpened = resolve));
      }
    },
    async metric(name: string): Promise<string[]> {
      const text = await (await fetch(`${url}/metrics`)).text();
      return text.split('\n').filter((line) => line.startsWith(name));
    },
    [Symbol.asyncDispose]: () => service.close(),
  };
}

export interface WireMessage {
  readonly type: string;
  readonly id?: string;
  readonly payload?: unknown;
}

/** A client that sees each message as it is on the wire. */
export async function connectRaw(url: string, options: ClientOptions = {}, protocol = 'graphql-transport-ws') {
  const socket = new WebSocket(url, protocol, options);
  const inbox: WireMessage[] = [];
  let arrived: () => void = () => undefined;
  socket.on('message', (data: Buffer) => {
    inbox.push(JSON.parse(data.toString()) as WireMessage);
    arrived();
  });
  const closed = once(socket, 'close').then(([code, reason]) => ({ code: code as number, reason: String(reason) }));
  await once(socket, 'open');
  const send = (message: WireMessage) => socket.send(JSON.stringify(message));
  /** Takes the next message. */
  async function next(): Promise<WireMessage> {
    for (;;) {
      const message = inbox.shift();
      if (message) return message;
      await new Promise<void>((resolve) => (arrived = resolve));
    }
  }
  return {
    socket,
    closed,
    inbox,
    send,
    next,
    async init(payload?: Record<string, unknown>): Promise<WireMessage> {
      send({ type: 'connection_init', ...(payload && { payload }) });
      return next();
    },
    subscribe(id: string, query: string, more: Record<string, unknown> = {}) {
      send({ type: 'subscribe', id, payload: { query, ...more } });
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      await closed;
    },
  };
}
