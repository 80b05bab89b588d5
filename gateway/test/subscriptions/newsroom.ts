import { createClient, type Client, type ClientOptions } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { FakeSubgraph, GatewayUnderTest } from '../fake-subgraphs.js';

const LINK =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@authenticated", "@requiresScopes", "@shareable"])';

/** What the authors' service knows; tests change it. */
export interface Newsroom {
  readonly fakes: FakeSubgraph[];
  readonly names: Map<string, string>;
  /** Ids that the ratings' service fails for. */
  readonly unrated: Set<string>;
}

/** Articles with a feed in one service, their authors in the second, ratings in the third. */
export function newsroom(): Newsroom {
  const names = new Map([
    ['a', 'Ada'],
    ['b', 'Bob'],
  ]);
  const unrated = new Set<string>();
  const fakes: FakeSubgraph[] = [
    {
      name: 'news',
      typeDefs: `${LINK}
        type Query { article(id: ID!): Article }
        type Mutation { touch: Boolean }
        type Subscription {
          published(topic: String): Article
          strict: Article!
          mine: Article @authenticated
          audit: Article @requiresScopes(scopes: [["admin"]])
        }
        type Article @key(fields: "id") { id: ID! title: String! author: Author }
        type Author @key(fields: "id") { id: ID! }`,
      resolvers: {
        Query: { article: (_: unknown, { id }: { id: string }) => ({ id, title: `Title ${id}`, author: { id: 'a' } }) },
      },
    },
    {
      name: 'authors',
      typeDefs: `${LINK} type Query { authors: [Author!]! } type Author @key(fields: "id") { id: ID! name: String }`,
      resolvers: {
        Query: { authors: () => [...names].map(([id, name]) => ({ id, name })) },
        Author: { __resolveReference: ({ id }: { id: string }) => ({ id, name: names.get(id) ?? null }) },
      },
    },
    {
      name: 'ratings',
      typeDefs: `${LINK} type Query { best: Article } type Article @key(fields: "id") { id: ID! stars: Int }`,
      resolvers: {
        Article: {
          __resolveReference: ({ id }: { id: string }) => {
            if (unrated.has(id)) throw new Error('no ratings today');
            return { id, stars: Number(id) };
          },
        },
      },
    },
  ];
  return { fakes, names, unrated };
}

export const PUBLISHED = 'subscription Published { published { id title author { name } stars } }';

export function article(id: string, author = 'a'): Record<string, unknown> {
  return { id, title: `Title ${id}`, author: { id: author } };
}

/** An event of the feed. */
export function news(id: string, options: { eventId?: string; author?: string; field?: string } = {}) {
  const { eventId, author, field = 'published' } = options;
  return { root: { [field]: article(id, author) }, ...(eventId !== undefined && { id: eventId }) };
}

export interface Result {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: ReadonlyArray<{
    readonly message: string;
    readonly path?: ReadonlyArray<string | number>;
    readonly extensions?: Readonly<Record<string, unknown>>;
  }>;
  readonly extensions?: Readonly<Record<string, unknown>>;
}

export function webSocketUrl(url: string): string {
  return `${url.replace('http', 'ws')}/graphql`;
}

export interface LiveClient extends AsyncDisposable {
  readonly client: Client;
  subscribe(query: string, options?: { variables?: Record<string, unknown>; lastEventId?: string }): LiveResults;
}

/** What a client hears of one subscription. */
export interface LiveResults {
  /** The next result; throws what ended the subscription. */
  next(): Promise<Result>;
  /** Resolves when it has ended: `completed`, or what ended it. */
  readonly ended: Promise<unknown>;
  stop(): void;
}

/** A real graphql-ws client. It never comes back by itself, unless it is told to. */
export function connectClient(
  gateway: Pick<GatewayUnderTest, 'url'>,
  options: { token?: string } & Partial<ClientOptions> = {},
): LiveClient {
  const { token, ...rest } = options;
  const client = createClient({
    url: webSocketUrl(gateway.url),
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    ...(token !== undefined && { connectionParams: { authorization: `Bearer ${token}` } }),
    ...rest,
  });
  return {
    client,
    subscribe(query, { variables, lastEventId } = {}) {
      const collected = collect();
      const stop = client.subscribe(
        { query, variables: variables ?? null, ...(lastEventId !== undefined && { extensions: { lastEventId } }) },
        collected.sink,
      );
      return { ...collected.results, stop };
    },
    async [Symbol.asyncDispose]() {
      await Promise.resolve(client.dispose()).catch(() => undefined);
    },
  };
}

/** Turns what a sink is told into promises. */
export function collect(): {
  sink: { next(result: Result): void; error(error: unknown): void; complete(): void };
  results: Omit<LiveResults, 'stop'>;
} {
  const ready: Result[] = [];
  const waiting: Array<{ resolve: (result: Result) => void; reject: (error: unknown) => void }> = [];
  let end: { readonly reason: unknown } | null = null;
  let finish: (reason: unknown) => void = () => undefined;
  const ended = new Promise<unknown>((resolve) => (finish = resolve));
  const over = (reason: unknown) => {
    end ??= { reason };
    finish(reason);
    for (const { reject } of waiting.splice(0)) reject(reason);
  };
  return {
    sink: {
      next(result) {
        const first = waiting.shift();
        if (first) first.resolve(result);
        else ready.push(result);
      },
      error: over,
      complete: () => over('completed'),
    },
    results: {
      ended,
      next() {
        const result = ready.shift();
        if (result) return Promise.resolve(result);
        if (end) return Promise.reject(end.reason);
        return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
      },
    },
  };
}
