import type { KeyObject } from 'node:crypto';
import { accessTokenClaims, SCOPES_BY_ROLE, TOKEN_ALGORITHM, type AccessTokenClaims } from '@taskgraph/contracts';
import jwt from 'jsonwebtoken';
import { LRUCache } from 'lru-cache';
import type { RevocationList } from './revocations/revocation-list.js';
import type { TokenProblem, Viewer } from './request-context.js';

/** Where verification keys come from. */
export interface JwksSource {
  /** @throws when the keys cannot be had at all; null when there is no key of this id */
  getKey(kid: string): Promise<KeyObject | null>;
  /** The key, where it is at hand and nothing has to be fetched, not even meanwhile; null where that has to be found out. */
  atHand?(kid: string): KeyObject | null;
}

export interface AcceptedToken {
  readonly kind: 'accepted';
  readonly viewer: Viewer;
  readonly claims: AccessTokenClaims;
}

export type TokenOutcome =
  AcceptedToken | { readonly kind: 'absent' } | { readonly kind: 'refused'; readonly problem: TokenProblem };

export interface TokenVerifier {
  /** {@link verifyAuthorization} of a token that has been accepted before, without waiting; null where that takes more. Never throws. */
  knownAuthorization(header: string | undefined): TokenOutcome | null;
  /** Verifies the value of an Authorization header (RFC 6750, section 2.1). Never throws. */
  verifyAuthorization(header: string | undefined): Promise<TokenOutcome>;
  /** Verifies a bare access token. Never throws. */
  verifyToken(token: string): Promise<TokenOutcome>;
  /**
   * Tells whether the key of a token that was accepted is still good, for connections that outlive their first message. Nobody
   * knows while the keys cannot be had, and then it is. Its time is the caller's business. Never throws.
   */
  stillHolds(outcome: AcceptedToken): Promise<boolean>;
  /** Whether a session is known to have ended, whose access tokens have time left. */
  isRevoked(sessionId: string): boolean;
  /** Calls back after sessions have ended, for connections that outlive their first message. Returns what ends it. */
  onRevocation(listener: () => void): () => void;
}

export interface TokenVerifierOptions {
  readonly jwks: JwksSource;
  readonly issuer: string;
  readonly audience: string;
  /** Sessions that have ended; absent where nobody tells of them, and tokens are good until they expire. */
  readonly revocations?: Pick<RevocationList, 'isRevoked' | 'onRevocation' | 'settled'> | undefined;
  /** How many accepted tokens are remembered until they expire or their key is gone. */
  readonly cacheSize?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;
/** An honest token is under 1 KB; what is longer is not worth a signature check. */
const MAX_TOKEN_CHARACTERS = 4_096;
/** Clocks of two hosts may differ by this much. */
const CLOCK_TOLERANCE_SECONDS = 5;

const INVALID: TokenOutcome = { kind: 'refused', problem: 'TOKEN_INVALID' };
const EXPIRED: TokenOutcome = { kind: 'refused', problem: 'TOKEN_EXPIRED' };
const REVOKED: TokenOutcome = { kind: 'refused', problem: 'SESSION_REVOKED' };
const ABSENT: TokenOutcome = { kind: 'absent' };

/**
 * Creates a verifier of access tokens.
 *
 * The algorithm is fixed, so neither `none` nor a public key abused as an HMAC secret passes (RFC 8725, 3.1). No extension
 * of the header is understood, so each that a token calls critical refuses it (RFC 7515, 4.1.11). A token that says it was
 * issued in the future is refused, beyond five seconds of clock difference.
 *
 * An accepted token is remembered until it expires: a signature is checked once per token and process, as long as its source
 * gives the same key under the token's key id, and its session has not ended.
 */
export function createTokenVerifier({
  jwks,
  issuer,
  audience,
  revocations,
  cacheSize = 10_000,
  now = Date.now,
}: TokenVerifierOptions): TokenVerifier {
  const accepted = new LRUCache<string, Accepted>({ max: cacheSize });
  const signers = new WeakMap<AcceptedToken, Signer>();

  let isSettled = revocations === undefined;
  void revocations?.settled.then(() => (isSettled = true));

  /** A session that has ended lets nobody in, however good the signature; so a new process asks first which have ended. */
  async function verifyToken(token: string): Promise<TokenOutcome> {
    const outcome = await verifySignature(token);
    if (outcome.kind !== 'accepted') return outcome;
    if (!isSettled) await revocations?.settled;
    return revocations?.isRevoked(outcome.viewer.sessionId) ? REVOKED : outcome;
  }

  /** What is known already: the common case, in which nothing is waited for. */
  function knownToken(token: string): TokenOutcome | null {
    const known = isSettled ? accepted.get(token) : undefined;
    if (!known || !isGood(known, jwks.atHand?.(known.kid))) return null;
    return revocations?.isRevoked(known.outcome.viewer.sessionId) ? REVOKED : known.outcome;
  }

  async function verifySignature(token: string): Promise<TokenOutcome> {
    const known = accepted.get(token);
    if (!known && token.length > MAX_TOKEN_CHARACTERS) return INVALID;
    const kid = known?.kid ?? readKeyId(token);
    if (kid === null) return INVALID;
    let key: KeyObject | null;
    try {
      key = await jwks.getKey(kid);
    } catch {
      return { kind: 'refused', problem: 'JWKS_UNAVAILABLE' };
    }
    if (known && isGood(known, key)) return known.outcome;
    if (known) accepted.delete(token);
    if (!key) return INVALID;
    const outcome = check(token, key);
    if (outcome.kind === 'accepted') {
      accepted.set(token, { outcome, kid, key });
      signers.set(outcome, { kid, key });
    }
    return outcome;
  }

  /** Whether what was accepted still is: in its time, and by the key that its source gives now. */
  function isGood({ outcome, key: before }: Accepted, key: KeyObject | null | undefined): boolean {
    return Boolean(key && isSameKey(key, before)) && now() < (outcome.claims.exp + CLOCK_TOLERANCE_SECONDS) * 1000;
  }

  function check(token: string, key: KeyObject): TokenOutcome {
    let payload: unknown;
    try {
      payload = jwt.verify(token, key, {
        algorithms: [TOKEN_ALGORITHM],
        issuer,
        audience,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        clockTimestamp: Math.floor(now() / 1000),
      });
    } catch (error) {
      return error instanceof jwt.TokenExpiredError ? EXPIRED : INVALID;
    }
    const claims = accessTokenClaims.safeParse(payload);
    if (!claims.success) return INVALID;
    const { sub, sid, role, iat } = claims.data;
    if (iat * 1000 > now() + CLOCK_TOLERANCE_SECONDS * 1000) return INVALID;
    return {
      kind: 'accepted',
      claims: claims.data,
      viewer: { userId: sub, sessionId: sid, role, scopes: SCOPES_BY_ROLE[role] },
    };
  }

  return {
    knownAuthorization(header) {
      if (header === undefined || header === '') return ABSENT;
      const token = BEARER.exec(header)?.[1];
      return token === undefined ? INVALID : knownToken(token);
    },
    verifyToken,
    isRevoked: (sessionId) => revocations?.isRevoked(sessionId) ?? false,
    onRevocation: (listener) => revocations?.onRevocation(listener) ?? (() => undefined),
    async stillHolds(outcome) {
      if (revocations?.isRevoked(outcome.viewer.sessionId)) return false;
      const signer = signers.get(outcome);
      try {
        const key = signer && (await jwks.getKey(signer.kid));
        return Boolean(key && isSameKey(key, signer.key));
      } catch {
        return true;
      }
    },
    async verifyAuthorization(header) {
      if (header === undefined || header === '') return ABSENT;
      const token = BEARER.exec(header)?.[1];
      return token === undefined ? INVALID : verifyToken(token);
    },
  };
}

/** The key that has signed a token. */
interface Signer {
  readonly kid: string;
  readonly key: KeyObject;
}

interface Accepted extends Signer {
  readonly outcome: AcceptedToken;
}

function isSameKey(one: KeyObject, other: KeyObject): boolean {
  return one === other || one.equals(other);
}

/** Null for a token that cannot be verified, whatever its key. */
function readKeyId(token: string): string | null {
  try {
    const header = jwt.decode(token, { complete: true })?.header;
    if (!header || 'crit' in header) return null;
    const { kid } = header;
    return typeof kid === 'string' && kid.length <= 256 ? kid : null;
  } catch {
    return null;
  }
}
