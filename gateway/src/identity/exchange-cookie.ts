import { randomUUID } from 'node:crypto';
import { CLIENT_INFO_HEADER, REQUEST_ID_HEADER, sessionTokens, type SessionTokens } from '@taskgraph/contracts';
import type { SignClientInfo } from '@taskgraph/service-kit';

/** Gets the access token of the session that a cookie stands for, by the hash of its secret; null when it has ended, or there is none. */
export type ExchangeCookie = (cookieHash: string) => Promise<SessionTokens | null>;

export interface ExchangeCookieOptions {
  /** Where auth gives out tokens for cookies. */
  readonly url: string;
  readonly sign: SignClientInfo;
}

const TIMEOUT_MS = 5_000;

/** Asks auth, by a signature for this one request: whoever else reaches its port gets no tokens. */
export function createExchangeCookie({ url, sign }: ExchangeCookieOptions): ExchangeCookie {
  return async (sessionCookieHash) => {
    const requestId = randomUUID();
    const who = { ipAddress: null, userAgent: null, clientName: null, sessionCookieHash };
    const response = await fetch(url, {
      method: 'POST',
      headers: { [REQUEST_ID_HEADER]: requestId, [CLIENT_INFO_HEADER]: sign(who, requestId) },
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.status === 401) return null;
    if (response.status !== 200) throw new Error(`a cookie is answered with ${response.status}`);
    return sessionTokens.parse(JSON.parse(text));
  };
}
