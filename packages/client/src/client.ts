import { ApolloClient, ApolloLink, HttpLink, type InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { isSubscriptionOperation } from '@apollo/client/utilities';
import type { Client as SocketClient } from 'graphql-ws';
import { firstValueFrom } from 'rxjs';
import { createAuthLink } from './auth/auth-link.js';
import { createCookieSession } from './auth/cookie-session.js';
import { createSession, type Session } from './auth/session.js';
import type { AuthPayloadLike } from './auth/tokens.js';
import { createCache } from './cache.js';
import { RefreshSessionDocument, type RefreshSessionMutation } from './generated/graphql.js';
import { createSocket } from './links/socket.js';
import { createSubscriptionLink } from './links/subscription-link.js';
import { canHash, sha256 } from './persisted.js';
import { defaultStorage, type TokenStorage } from './token-storage.js';
import { createUploadLink, hasFiles } from './uploads/upload-link.js';

export interface TaskgraphClientOptions {
  /** Where the graph is: `https://api.example.com/graphql`. */
  readonly url: string;
  /**
   * How the session is kept: `tokens`, if absent, in `storage`; `cookie` where the gateway has `SESSION_COOKIES` and the page is of its site. The
   * storage then has the user's id alone.
   */
  readonly sessionIn?: 'tokens' | 'cookie';
  /** Where the session is kept; `localStorage` if absent, memory where there is none. */
  readonly storage?: TokenStorage;
  /** The name of the session in the storage. */
  readonly storageKey?: string;
  /** What this application calls itself: it is shown with its sessions, and in what uses the graph. */
  readonly clientName: string;
  readonly clientVersion: string;
  /** A cache of `createCache`, where it needs more than that. */
  readonly cache?: InMemoryCache;
  /**
   * Whether documents are sent by their hash first, and whole only where the gateway does not know them; true if absent. A gateway that serves
   * registered documents only takes no others.
   */
  readonly persistedDocuments?: boolean;
  /** The class to subscribe with, where there is no global `WebSocket`, as in Node before 22. */
  readonly webSocketImpl?: unknown;
  /** Told when events of a subscription may have been missed for good. If absent, the queries that are shown are asked again. */
  readonly onGap?: (operation: ApolloLink.Operation) => void;
}

export interface TaskgraphClient {
  readonly apollo: ApolloClient;
  readonly session: Session;
  /** Ends what is open. The session stays in its storage. */
  close(): Promise<void>;
}

/**
 * Creates an Apollo Client for Taskgraph: it signs operations, renews the session, uploads, subscribes and resumes.
 *
 * `login` and the like begin the session by being sent; `logout` ends it. When somebody else signs in, in another tab too, the cache is
 * emptied.
 */
export function createTaskgraphClient(options: TaskgraphClientOptions): TaskgraphClient {
  const { url, clientName: name, clientVersion: version } = options;
  const kept = {
    storage: options.storage ?? defaultStorage(),
    key: options.storageKey ?? 'taskgraph.session',
  };
  const isInCookie = options.sessionIn === 'cookie';
  const session = isInCookie
    ? createCookieSession(kept)
    : createSession({ ...kept, exchange: (refreshToken) => exchange(refreshToken) });
  let opened: SocketClient | null = null;
  /** A client that never subscribes needs no WebSocket. */
  const socket = () => (opened ??= createSocket({ url, session, webSocketImpl: options.webSocketImpl, name, version }));

  const sentTo = { uri: url, ...(isInCookie && { credentials: 'include' as const }) };
  const byHttp = ApolloLink.split(hasFiles, createUploadLink(sentTo), new HttpLink(sentTo));
  const isHashed = (options.persistedDocuments ?? true) && canHash();
  /** A gateway may ask for the hash of a subscription, too; there the text goes with it, as there is nobody to ask again. */
  const hashed = (link: ApolloLink) => (isHashed ? ApolloLink.from([new PersistedQueryLink({ sha256 }), link]) : link);
  const sent = hashed(byHttp);
  const subscribed = createSubscriptionLink(socket, {
    onGap: options.onGap ?? (() => void apollo.refetchQueries({ include: 'active' })),
  });

  const apollo = new ApolloClient({
    cache: options.cache ?? createCache(),
    clientAwareness: { name, version },
    link: ApolloLink.split(
      ({ query }) => isSubscriptionOperation(query),
      hashed(subscribed),
      ApolloLink.from([createAuthLink(session), sent]),
    ),
  });
  const query = apollo.cache.transformDocument(RefreshSessionDocument);

  async function exchange(refreshToken: string): Promise<AuthPayloadLike | null> {
    const ask = async () => {
      const request = { query, variables: { refreshToken } };
      const { data, errors } = (await firstValueFrom(ApolloLink.execute(sent, request, { client: apollo }))) as {
        data?: RefreshSessionMutation | null;
        errors?: ReadonlyArray<{ message: string }>;
      };
      const answer = data?.refreshSession;
      if (!answer) throw new Error(`The session cannot be renewed: ${errors?.[0]?.message ?? 'there is no answer'}`);
      return answer.__typename === 'AuthPayload' ? answer : null;
    };
    // An answer may be lost after the token was spent: asked for again at once, the server gives the same pair.
    return ask().catch(ask);
  }

  const stopListening = session.onChange((userId, before) => {
    if (before !== null) void (userId === null ? apollo.clearStore() : apollo.resetStore()).catch(() => undefined);
    // Connections are somebody's, too.
    if (before !== null) opened?.terminate();
  });

  return {
    apollo,
    session,
    async close() {
      stopListening();
      session.close();
      apollo.stop();
      await opened?.dispose();
    },
  };
}
