import type { IncomingMessage, ServerResponse } from 'node:http';
import { requestFacts } from '@taskgraph/service-kit';
import type { OperationContext } from '@taskgraph/federation-engine/internal/request/context.js';
import { readLabels } from '../../admission/held-labels.js';
import type { ClientAddress } from '../../identity/client-address.js';
import type { Identify } from '../../identity/identify.js';
import type { SessionCookies, SessionWish } from '../../identity/session-cookies.js';
import { HttpContext, type Credentials } from './http-context.js';

interface RequestContextsOptions {
  readonly identify: Identify;
  /** Null where browsers get none. */
  readonly sessionCookies: SessionCookies | null;
  readonly addressOf: ClientAddress;
  /** In small letters; undefined where no header says which labels of `@override` hold. */
  readonly labelsHeader: string | undefined;
}

/** Finds out which viewer a request is of, and what the client wants of its session. */
export interface RequestContexts {
  /** What the client wants of its session; null where it wants nothing. */
  wishOf(request: IncomingMessage): SessionWish | null;
  of(request: IncomingMessage, wish: SessionWish | null): Promise<OperationContext>;
  /** The same, where nothing has to be waited for; null otherwise. */
  atOnce(request: IncomingMessage, wish: SessionWish | null): OperationContext | null;
  /** Tells the browser of a session that was opened or ended. */
  settle(wish: SessionWish | null, response: ServerResponse): Promise<void>;
}

export function createRequestContexts({
  identify,
  sessionCookies,
  addressOf,
  labelsHeader,
}: RequestContextsOptions): RequestContexts {
  /** The viewer: by the header, else by the cookie of a browser. */
  async function readCredentials(request: IncomingMessage): Promise<Credentials> {
    const { authorization } = request.headers;
    const secret = authorization === undefined && sessionCookies ? sessionCookies.find(request) : null;
    if (secret === null || !sessionCookies) return { authorization, identity: await identify(authorization) };
    return sessionCookies.credentialsOf(secret);
  }

  function toContext(request: IncomingMessage, credentials: Credentials, wish: SessionWish | null): OperationContext {
    return new HttpContext(request, requestFacts(request), credentials, {
      address: addressOf(request),
      overrideLabels: readLabels(request.headers, labelsHeader),
      wish,
    });
  }

  return {
    wishOf: (request) => sessionCookies?.wishOf(request) ?? null,
    of: async (request, wish) => toContext(request, await readCredentials(request), wish),
    atOnce(request, wish) {
      const { authorization } = request.headers;
      if (authorization === undefined && sessionCookies) return null;
      const identity = identify.atOnce(authorization);
      return identity && toContext(request, { authorization, identity }, wish);
    },
    async settle(wish, response) {
      const cookie = await wish?.settle();
      if (cookie && !response.headersSent) response.setHeader('set-cookie', cookie);
    },
  };
}
