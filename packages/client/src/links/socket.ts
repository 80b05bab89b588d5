import { createClient, type Client as SocketClient } from 'graphql-ws';
import type { Session } from '../auth/session.js';

export interface SocketOptions {
  readonly url: string;
  readonly session: Session;
  /** The class to connect with, where there is no global `WebSocket`. */
  readonly webSocketImpl?: unknown;
  readonly name: string | undefined;
  readonly version: string | undefined;
}

/** Longest wait before another try, in milliseconds. */
const MAX_WAIT_MS = 30_000;

/**
 * Connects when somebody subscribes, and again for as long as somebody does: with a fresh token each time, as connections end with
 * the token that they were opened with.
 */
export function createSocket({ url, session, webSocketImpl, name, version }: SocketOptions): SocketClient {
  const isNeeded = () => session.userId !== null;
  return createClient({
    url: url.replace(/^http/, 'ws'),
    ...(webSocketImpl !== undefined && { webSocketImpl }),
    connectionParams: async () => {
      const token = await session.accessToken();
      return {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(name !== undefined && { 'apollographql-client-name': name }),
        ...(version !== undefined && { 'apollographql-client-version': version }),
      };
    },
    shouldRetry: isNeeded,
    retryAttempts: Infinity,
    retryWait: async (tries) => {
      // Many clients lose their connection at the same time, and would come back at the same time.
      const waitMs = Math.min(MAX_WAIT_MS, 250 * 2 ** tries) * (0.5 + Math.random() / 2);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    },
  });
}
