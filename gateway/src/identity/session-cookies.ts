import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { OPAQUE_TOKEN_PATTERN } from '@taskgraph/contracts';
import type { Log } from '@taskgraph/service-kit';
import type { Identity } from '@taskgraph/federation-engine/internal/request/context.js';
import { LRUCache } from 'lru-cache';
import type { Identify } from './identify.js';
import type { ExchangeCookie, FoundTokens } from './exchange-cookie.js';

export interface SessionCookiesOptions {
  /** Whether browsers send the cookie over TLS only; without, for development at http://localhost. */
  readonly isSecure: boolean;
  readonly exchange: ExchangeCookie;
  readonly identify: Identify;
  /** Whether a page of another site has sent a request: its cookies are not the page's to use. */
  readonly isForeign: (request: IncomingMessage) => boolean;
  readonly log: Log;
  readonly now?: () => number;
}

/** The viewer that a cookie stands for. */
interface CookieCredentials {
  readonly identity: Identity;
  /** What is sent to subgraphs: the access token that the cookie stands for. */
  readonly authorization: string | undefined;
}

/** A session that is to be opened, or ended, by the operations of one request. */
export interface SessionWish {
  /** What the session is found by, which auth keeps; the secret itself is the browser's. */
  readonly cookieHash: string;
  /** Tells, when the operations are done, what the browser is to keep or to forget; null when nothing has changed. */
  settle(): Promise<string | null>;
}

/**
 * Sessions of browsers, which hold an opaque cookie and never see a token: scripts of a page, its own and such as have got into it,
 * can read neither. The gateway has the cookie's access token from auth, and renews it as long as the session lives.
 *
 * Answers come in any order, and the last one to name a cookie wins. So only what opens a session sets one, and only what ends it takes it
 * away: the answer to an older request says nothing of what a browser got meanwhile.
 */
export interface SessionCookies {
  /** Finds the secret of a request's cookie; null where there is none, and where a foreign page has sent it. */
  find(request: IncomingMessage): string | null;
  credentialsOf(secret: string): Promise<CookieCredentials>;
  /** What a page wants that sends `taskgraph-session: cookie`; null where it does not. */
  wishOf(request: IncomingMessage): SessionWish | null;
}

/** A header of our own: no page of another site can send it without asking first. */
const SESSION_HEADER = 'taskgraph-session';
const SECRET_BYTES = 32;
/** Before it expires: a request takes its time to get to a subgraph, and clocks differ. */
const RENEW_AHEAD_MS = 30_000;
/** Until auth is asked again that could not renew a token which is still good. */
const RETRY_MS = 1_000;
/** For how long nobody asks again about a session that has ended, or never was. */
const ENDED_MS = 60_000;
/** What browsers keep a cookie for at most (RFC 6265bis, section 5.5); for how long its session lives is auth's to say. */
const COOKIE_SECONDS = 400 * 24 * 60 * 60;
/** Of sessions that are kept in mind; others are asked for anew. */
const MAX_KNOWN = 10_000;

interface Known {
  readonly tokens: Promise<FoundTokens | null>;
  /** Infinite while it is being asked for. */
  renewAtMs: number;
  /** What has come last, with when it expires: good while auth cannot give another. */
  last: { readonly tokens: FoundTokens; readonly expiresAtMs: number } | null;
}

export function createSessionCookies({
  isSecure,
  exchange,
  identify,
  isForeign,
  log,
  now = Date.now,
}: SessionCookiesOptions): SessionCookies {
  const name = sessionCookieName(isSecure);
  const attributes = `Path=/; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
  const cleared = `${name}=; ${attributes}; Max-Age=0`;
  const known = new LRUCache<string, Known>({ max: MAX_KNOWN });
  /** Sessions that auth is asked for now, made-up ones among them: as many as there are requests under way. */
  const asking = new Map<string, Known>();
  /** Apart from those that live, which no attacker can push out with secrets that they make up. */
  const endedUntil = new LRUCache<string, number>({ max: MAX_KNOWN });

  /** One exchange for all requests that ask at once. */
  function tokensOf(
    hash: string,
    mustAsk = false,
  ): { readonly tokens: Promise<FoundTokens | null>; readonly isNew: boolean } {
    if (now() < (endedUntil.get(hash) ?? 0)) return { tokens: Promise.resolve(null), isNew: false };
    const before = asking.get(hash) ?? known.get(hash);
    if (before && now() < before.renewAtMs) return { tokens: before.tokens, isNew: before.renewAtMs === Infinity };
    const last = before?.last ?? null;
    const asked = exchange(hash, mustAsk);
    const tokens = last === null ? asked : asked.catch((error: unknown) => orLast(error, last));
    const entry: Known = { tokens, renewAtMs: Infinity, last };
    asking.set(hash, entry);
    const keep = (renewAtMs: number) => {
      entry.renewAtMs = renewAtMs;
      known.set(hash, entry);
    };
    asked.then(
      (found) => {
        if (!found) endedUntil.set(hash, now() + ENDED_MS);
        // It was forgotten meanwhile, and may have been asked for anew.
        if (asking.get(hash) !== entry) return;
        forget(hash);
        if (!found) return;
        const lifetimeMs = found.expiresIn * 1000;
        entry.last = { tokens: found, expiresAtMs: now() + lifetimeMs };
        keep(entry.last.expiresAtMs - Math.min(RENEW_AHEAD_MS, lifetimeMs / 2));
      },
      () => {
        if (asking.get(hash) !== entry) return;
        forget(hash);
        if (last !== null && now() < last.expiresAtMs) keep(now() + RETRY_MS);
      },
    );
    return { tokens, isNew: true };
  }

  function forget(hash: string): void {
    asking.delete(hash);
    known.delete(hash);
  }

  function orLast(error: unknown, last: NonNullable<Known['last']>): FoundTokens {
    if (now() >= last.expiresAtMs) throw error;
    log.warn({ err: error }, 'the session of a cookie could not be renewed yet');
    return last.tokens;
  }

  const write = (secret: string) => `${name}=${secret}; ${attributes}; Max-Age=${COOKIE_SECONDS}`;
  const refused = (problem: string): CookieCredentials => ({
    identity: { kind: 'refused', problem },
    authorization: undefined,
  });
  const given = ({ headers }: IncomingMessage) => readCookie(headers.cookie, name);

  async function credentialsOf(secret: string, isSecondTry = false): Promise<CookieCredentials> {
    if (!OPAQUE_TOKEN_PATTERN.test(secret)) return refused('TOKEN_INVALID');
    const hash = hashOf(secret);
    const { tokens, isNew } = tokensOf(hash, isSecondTry);
    let found: FoundTokens | null;
    try {
      found = await tokens;
    } catch (error) {
      log.warn({ err: error }, 'the session of a cookie could not be asked for');
      return refused('JWKS_UNAVAILABLE');
    }
    if (!found) return refused('SESSION_REVOKED');
    const authorization = `Bearer ${found.accessToken}`;
    const identity = await identify(authorization);
    if (identity.kind !== 'refused') return { identity, authorization };
    if (identity.problem === 'JWKS_UNAVAILABLE') return refused(identity.problem);
    forget(hash);
    // The key that has signed it may have been taken out since; a session that has ended gives no other.
    if ((!isNew || found.isKept) && !isSecondTry) return credentialsOf(secret, true);
    return refused(identity.problem);
  }

  return {
    find: (request) => (isForeign(request) ? null : given(request)),
    credentialsOf: (secret) => credentialsOf(secret),
    wishOf(request) {
      if (request.headers[SESSION_HEADER] !== 'cookie' || isForeign(request)) return null;
      // Always another: a cookie that somebody has put into the browser before does not become that of a session.
      const secret = randomBytes(SECRET_BYTES).toString('base64url');
      const cookieHash = hashOf(secret);
      // Auth is told of it by what may open or end a session; where nothing was, nothing has changed.
      let isTold = false;
      return {
        get cookieHash() {
          isTold = true;
          return cookieHash;
        },
        async settle() {
          if (!isTold) return null;
          const before = given(request);
          try {
            const opened = await tokensOf(cookieHash, true).tokens;
            if (opened) return write(secret);
            if (before === null) return null;
            if (!OPAQUE_TOKEN_PATTERN.test(before)) return cleared;
            forget(hashOf(before));
            return (await tokensOf(hashOf(before), true).tokens) ? null : cleared;
          } catch (error) {
            log.warn({ err: error }, 'it is not known whether a session was opened or ended');
            // One that was not opened is nobody when it first comes.
            return before === null ? write(secret) : null;
          }
        },
      };
    },
  };
}

/** RFC 6265bis, section 4.1.3.2: no other host, and no page without TLS, can set a cookie of the secure name. */
export function sessionCookieName(isSecure: boolean): string {
  return isSecure ? '__Host-taskgraph-session' : 'taskgraph-session';
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

/** RFC 6265, section 5.4: the first of a name. */
function readCookie(header: string | undefined, name: string): string | null {
  for (const pair of header?.split(';') ?? []) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return null;
}
