import { createClient, type Client as SocketClient } from 'graphql-ws';
import type { Session } from '../auth/session.js';

export interface SocketOptions {
  readonly url: string;
  readonly session: Session;
  /** The class to connect with, where there is no global `WebSocket`. */
  readonly webSocketImpl?: unknown;
  readonly name: string | undefined;
  readonly version: string | undefined;
  /** Milliseconds after which the gateway is asked whether it is still there, and within which it has to say so. */
  readonly keepAliveMs?: number;
}

const KEEP_ALIVE_MS = 20_000;

/** How the gateway closes a connection whose token, or cookie, is not good any more; the reason says what is wrong with it. */
const FORBIDDEN = 4403;
const IS_OVER = /SESSION_REVOKED/;

/** Longest wait before another try, in milliseconds. */
const MAX_WAIT_MS = 30_000;

/**
 * Connects when somebody subscribes, and again for as long as somebody does: with a fresh token each time, as connections end with
 * the token that they were opened with.
 *
 * A token that is refused is replaced, and a session that is over is forgotten, as where operations are sent. While nobody can renew the
 * session, it is tried again as when nobody answers: subscriptions go on when that is over. Of a network that is gone nobody tells: a
 * connection on which the gateway says nothing any more is given up.
 */
export function createSocket(options: SocketOptions): SocketClient {
  const { url, session, webSocketImpl, name, version, keepAliveMs = KEEP_ALIVE_MS } = options;
  const isNeeded = () => session.userId !== null;
  /** What the connection was opened with. */
  let token: string | null = null;
  let begunAt: number | null = null;
  let isRefused = false;
  let givingUp: ReturnType<typeof setTimeout> | undefined;

  async function nextToken(): Promise<string | null> {
    if (isRefused && token !== null) await session.replace(token);
    isRefused = false;
    return session.accessToken();
  }

  const socket = createClient({
    url: url.replace(/^http/, 'ws'),
    ...(webSocketImpl !== undefined && { webSocketImpl }),
    connectionParams: async () => {
      try {
        token = await nextToken();
      } catch {
        // An error here would end all subscriptions for good.
        socket.terminate();
        return {};
      }
      ({ begunAt } = session);
      return {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(name !== undefined && { 'apollographql-client-name': name }),
        ...(version !== undefined && { 'apollographql-client-version': version }),
      };
    },
    keepAlive: keepAliveMs,
    on: {
      ping(isReceived) {
        if (isReceived) return;
        clearTimeout(givingUp);
        givingUp = setTimeout(() => socket.terminate(), keepAliveMs);
      },
      message: () => clearTimeout(givingUp),
      closed(event) {
        clearTimeout(givingUp);
        const { code, reason } = event as { readonly code?: number; readonly reason?: string };
        if (code !== FORBIDDEN) return;
        if (!IS_OVER.test(reason ?? '')) isRefused = true;
        // Somebody may have signed in meanwhile.
        else if (session.begunAt === begunAt) session.forget();
      },
    },
    shouldRetry: isNeeded,
    retryAttempts: Infinity,
    retryWait: async (tries) => {
      // Many clients lose their connection at the same time, and would come back at the same time.
      const waitMs = Math.min(MAX_WAIT_MS, 250 * 2 ** tries) * (0.5 + Math.random() / 2);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    },
  });
  return socket;
}
