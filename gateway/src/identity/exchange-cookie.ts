import { randomUUID } from 'node:crypto';
import { CLIENT_INFO_HEADER, REQUEST_ID_HEADER, sessionTokens, type SessionTokens } from '@taskgraph/contracts';
import { createCircuit, exchange, type Judge } from '@taskgraph/federation-engine/upstream';
import { createAskInTurn, type Log, type SignClientInfo } from '@taskgraph/service-kit';
import { Agent } from 'undici';

/** Tokens of a session, with whether auth was asked for them now or they are from when it was. */
export type FoundTokens = SessionTokens & { readonly isKept?: true };

/**
 * Gets the access token of the session that a cookie stands for, by the hash of its secret; null when it has ended, or there is none.
 *
 * @param mustAsk asks auth, whatever is kept
 */
export type ExchangeCookie = (cookieHash: string, mustAsk?: boolean) => Promise<FoundTokens | null>;

interface ExchangeCookieOptions {
  /** Where auth gives out tokens for cookies; several where it is at several addresses, which are asked in turn. */
  readonly url: string | readonly string[];
  readonly sign: SignClientInfo;
  readonly log: Log;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 5_000;
/** Of an answer, whose token has a kilobyte. */
const MAX_BYTES = 64 * 1024;
/** Nobody whose token has expired gets further without auth, which may have started a moment ago. */
const CIRCUIT_RESET_MS = 1_000;
/** Clients choose nothing of what is asked but the hash, which auth knows or does not: every error is auth's. */
const JUDGE: Judge<unknown> = { error: () => 'failure', isSuccess: () => true };
const NEVER = new AbortController().signal;

/**
 * Asks auth, by a signature for this one request: another process that reaches its port gets no tokens. While auth fails it is left
 * alone, and nobody waits for it.
 */
export function createExchangeCookie({
  url,
  sign,
  log,
  timeoutMs = TIMEOUT_MS,
}: ExchangeCookieOptions): ExchangeCookie {
  const askInTurn = createAskInTurn([url].flat());
  const dispatcher = new Agent({ pipelining: 0 });
  const circuit = createCircuit({ name: 'session tokens', log, resetMs: CIRCUIT_RESET_MS });

  async function ask(address: string, sessionCookieHash: string): Promise<SessionTokens | null> {
    const { origin, pathname } = new URL(address);
    const requestId = randomUUID();
    const who = { ipAddress: null, userAgent: null, clientName: null, sessionCookieHash };
    const { status, text } = await exchange(dispatcher, {
      method: 'POST',
      origin,
      path: pathname,
      idempotent: true,
      headers: { [REQUEST_ID_HEADER]: requestId, [CLIENT_INFO_HEADER]: sign(who, requestId) },
      body: null,
      signal: NEVER,
      timeoutMs,
      maxBytes: MAX_BYTES,
    });
    if (status === 401) return null;
    if (status !== 200) throw new Error(`a cookie is answered with ${status}`);
    return sessionTokens.parse(JSON.parse(text));
  }

  return (sessionCookieHash) =>
    circuit.run<SessionTokens | null>(() => askInTurn((address) => ask(address, sessionCookieHash)), JUDGE);
}
