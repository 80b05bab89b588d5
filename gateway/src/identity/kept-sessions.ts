import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { sessionTokens, type SessionTokens } from '@taskgraph/contracts';
import { connectRedis, timeRedis, type Log, type Metrics } from '@taskgraph/service-kit';
import { z } from 'zod';
import type { ExchangeCookie } from './exchange-cookie.js';

interface KeptSessionsOptions {
  readonly redisUrl: string;
  /** Shared by all gateways: what they keep is sealed with a key that is derived from it. */
  readonly secret: string;
  /** Asks auth, where the truth is. */
  readonly exchange: ExchangeCookie;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly now?: () => number;
}

/** Sessions of cookies as all gateways know them together. */
export interface KeptSessions {
  /** Finds what one of them has asked for; auth is asked for the rest, and always where it must be. */
  readonly exchange: ExchangeCookie;
  close(): void;
}

const CONNECTION = {
  // Auth answers in less time than somebody would wait for a Redis that hangs.
  commandTimeoutMs: 250,
  reconnectMs: 500,
  away: 'Redis cannot be reached: auth is asked for the session of each cookie',
  back: 'Redis is back: gateways share the sessions of cookies',
};

/** Before it expires nobody else gets it any more: what is found is good for a while. */
const AHEAD_MS = 30_000;
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const kept = sessionTokens.omit({ expiresIn: true }).extend({ expiresAtMs: z.number() });

/**
 * Keeps the access tokens of cookies in Redis, for the gateways of an installation together: one that starts, and one that a browser comes
 * to for the first time, does not ask auth for what another knows. Nobody is let in by what is kept: its token is verified, and its session
 * looked for among those that have ended, at each request. Where Redis is away, or holds something else, auth is asked.
 *
 * A reader of Redis has neither the cookie nor the token: keys are hashes of hashes, and values are sealed (AES-256-GCM) for their key.
 */
export function createKeptSessions({
  redisUrl,
  secret,
  exchange: ask,
  log,
  metrics,
  now = Date.now,
}: KeptSessionsOptions): KeptSessions {
  const redis = timeRedis(connectRedis(redisUrl, { log, ...CONNECTION }), metrics, 'sessions');
  const sealKey = Buffer.from(hkdfSync('sha256', secret, 'taskgraph', 'session-tokens', 32));

  async function find(key: string): Promise<SessionTokens | null> {
    const sealed = await redis.getBuffer(key).catch(() => null);
    const opened = sealed && open(sealed, key, sealKey);
    if (!opened) return null;
    const { expiresAtMs, ...tokens } = opened;
    const leftMs = expiresAtMs - now();
    return leftMs > 0 ? { ...tokens, expiresIn: leftMs / 1000 } : null;
  }

  function keep(key: string, { expiresIn, ...tokens }: SessionTokens): void {
    const lifetimeMs = expiresIn * 1000;
    const keptMs = Math.floor(lifetimeMs - Math.min(AHEAD_MS, lifetimeMs / 2));
    if (keptMs < 1) return;
    const sealed = seal({ ...tokens, expiresAtMs: now() + lifetimeMs }, key, sealKey);
    // A gateway that is not told of it asks auth.
    redis.set(key, sealed, 'PX', keptMs).catch(() => undefined);
  }

  return {
    async exchange(cookieHash, mustAsk = false) {
      const key = keyOf(cookieHash);
      const found = mustAsk ? null : await find(key);
      if (found) return { ...found, isKept: true };
      const tokens = await ask(cookieHash);
      if (tokens) keep(key, tokens);
      else if (mustAsk) redis.del(key).catch(() => undefined);
      return tokens;
    },
    close: () => redis.disconnect(),
  };
}

/** Not the hash that auth has in its database, but a hash of that: a reader of Redis does not have the one of auth. */
function keyOf(cookieHash: string): string {
  return `taskgraph:session:${createHash('sha256').update(cookieHash).digest('base64url')}`;
}

function seal(tokens: z.infer<typeof kept>, place: string, key: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(Buffer.from(place));
  const body = Buffer.concat([cipher.update(JSON.stringify(tokens)), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]);
}

/** Null for what was sealed with another secret, for another place, or not at all. */
function open(sealed: Buffer, place: string, key: Buffer): z.infer<typeof kept> | null {
  try {
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(place))
      .setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const body = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    return kept.parse(JSON.parse(body.toString()));
  } catch {
    return null;
  }
}
